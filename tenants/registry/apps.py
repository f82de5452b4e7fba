from django.apps import AppConfig
from django.core.checks import Tags, register


class RegistryConfig(AppConfig):
    name = "tenants.registry"
    label = "registry"
    verbose_name = "Tenants"

    def ready(self) -> None:
        from tenants.backend.sessions import sessions_check
        from tenants.lifecycle import remains

        register(sessions_check, Tags.database)
        remains.register()
