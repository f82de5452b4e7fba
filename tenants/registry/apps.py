from django.apps import AppConfig
from django.core.checks import Tags, register


class RegistryConfig(AppConfig):
    name = "tenants.registry"
    label = "registry"
    verbose_name = "Tenants"

    def ready(self) -> None:
        from tenants.backend.sessions import sessions_check
        from tenants.lifecycle import remains
        from tenants.lifecycle.auditretention import LEAST_DAYS, audit_count, audit_prune
        from tenants.lifecycle.retention import Kind, kind_register

        register(sessions_check, Tags.database)
        remains.register()
        kind_register(
            Kind(
                "audit",
                "Audit entries",
                "Whole sealed runs are let go; what is left can still be verified.",
                audit_count,
                audit_prune,
                order=90,
                least=LEAST_DAYS,
            )
        )
