from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = "Search"

    def ready(self) -> None:
        from search.erasing import copies_erase, copies_left
        from search.restoring import copies_restored
        from tenants.lifecycle.export import derived_register
        from tenants.lifecycle.restoring import restored_register
        from tenants.lifecycle.steps import erase_register

        derived_register(
            "search_posting", "search_vector", "search_knowledgecopy", "search_retrievalmove"
        )
        restored_register("search", copies_restored)
        erase_register("knowledge copies", copies_erase, copies_left, order=45, reads_schema=True)
