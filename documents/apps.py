from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "documents"
    verbose_name = "Documents"

    def ready(self) -> None:
        from tenants.webhooks.events import event_declare

        event_declare("document.ready", "A document can be searched and asked.")
        event_declare("document.failed", "A document could not be read, and why.")
        event_declare("document.deleted", "A document was deleted.")
