from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "tenants.accounts"
    label = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        from tenants.accounts.auditstream import SEALED, TOLD
        from tenants.webhooks.events import event_declare

        event_declare(SEALED, TOLD)
        event_declare("member.joined", "Somebody has joined the workspace.")
        event_declare("member.changed", "A member's role has changed.")
        event_declare("member.deactivated", "A member was deactivated.")
