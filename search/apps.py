from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "search"
    verbose_name = "Search"

    def ready(self) -> None:
        from tenants.lifecycle.export import derived_register

        derived_register("search_posting", "search_vector")
