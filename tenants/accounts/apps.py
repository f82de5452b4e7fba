from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "tenants.accounts"
    label = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        from tenants.accounts.auditstream import SEALED, TOLD
        from tenants.webhooks.events import event_declare

        event_declare(SEALED, TOLD)
        event_declare("member.joined", _("Somebody has joined the workspace."))
        event_declare("member.changed", _("A member's role has changed."))
        event_declare("member.deactivated", _("A member was deactivated."))
