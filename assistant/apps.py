from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AssistantConfig(AppConfig):
    name = "assistant"
    verbose_name = "Assistant"

    def ready(self) -> None:
        from assistant.attaching import attachment_address, holders_seen
        from assistant.exporting import conversations_export, texts_export
        from assistant.retention import (
            conversations_over,
            conversations_retire,
            texts_over,
            texts_retire,
        )
        from documents.attaching import Authority, authority_register
        from tenants.lifecycle.export import export_register
        from tenants.lifecycle.retention import Kind, kind_register

        authority_register(Authority(holders_seen, attachment_address))
        export_register("conversations", conversations_export)
        export_register("texts", texts_export)
        kind_register(
            Kind(
                "conversations",
                _("Conversations"),
                _("Counted from the last message."),
                conversations_over,
                conversations_retire,
                order=10,
            )
        )
        kind_register(
            Kind(
                "texts",
                _("Texts of Write"),
                _("Counted from the last version."),
                texts_over,
                texts_retire,
                order=15,
            )
        )
