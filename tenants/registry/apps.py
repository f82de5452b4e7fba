from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "tenants.registry"
    label = "registry"
    verbose_name = "Tenants"

    def ready(self) -> None:
        from tenants.lifecycle import remains

        remains.register()
