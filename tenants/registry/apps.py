from django.apps import AppConfig
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _


class RegistryConfig(AppConfig):
    name = "tenants.registry"
    label = "registry"
    verbose_name = "Workspaces"

    def ready(self) -> None:
        from celery.signals import task_failure

        from tenants.backend.sessions import sessions_check
        from tenants.lifecycle import remains
        from tenants.lifecycle.auditretention import LEAST_DAYS, audit_count, audit_prune
        from tenants.lifecycle.health import probe_register, schema_probe, setup_probe
        from tenants.lifecycle.retention import Kind, kind_register
        from tenants.registry.deadtasks import dead_tasks_probe, failure_note

        register(sessions_check, Tags.database)
        task_failure.connect(failure_note, weak=False, dispatch_uid="dead_tasks")
        probe_register("tasks", "Dead tasks", dead_tasks_probe, order=80)
        remains.register()
        probe_register("setup", "Set-up", setup_probe, order=10)
        probe_register("schema", "Schema", schema_probe, order=20)
        kind_register(
            Kind(
                "audit",
                _("Audit entries"),
                _("Whole sealed runs are let go; what is left can still be verified."),
                audit_count,
                audit_prune,
                order=90,
                least=LEAST_DAYS,
            )
        )
