from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DocumentsConfig(AppConfig):
    name = "documents"
    verbose_name = "Documents"

    def ready(self) -> None:
        from documents.exporting import originals_named
        from documents.health import queue_probe
        from documents.reembedding import moved_reembed
        from documents.restoring import files_missing
        from documents.retention import documents_over, documents_retire
        from tenants.lifecycle.export import names_register
        from tenants.lifecycle.health import probe_register
        from tenants.lifecycle.restoring import restored_register
        from tenants.lifecycle.retention import Kind, kind_register
        from tenants.lifecycle.steps import moved_register
        from tenants.webhooks.events import event_declare

        names_register("documents", originals_named)
        restored_register("documents", files_missing)
        moved_register(moved_reembed)
        probe_register("queue", "Documents", queue_probe, order=60)

        event_declare("document.ready", _("A document can be searched and asked."))
        event_declare("document.failed", _("A document could not be read, and why."))
        event_declare("document.deleted", _("A document was deleted."))
        kind_register(
            Kind(
                "documents",
                _("Documents"),
                _("Counted from the upload, with all that was made of them."),
                documents_over,
                documents_retire,
                order=20,
            )
        )
