from django.apps import AppConfig


class AssistantConfig(AppConfig):
    name = "assistant"
    verbose_name = "Assistant"

    def ready(self) -> None:
        from assistant.exporting import conversations_export, texts_export
        from tenants.lifecycle.export import export_register

        export_register("conversations", conversations_export)
        export_register("texts", texts_export)
