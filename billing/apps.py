from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = "Billing"

    def ready(self) -> None:
        from billing.groupallowance import groups_apply
        from billing.health import spend_probe
        from billing.invoices.exporting import invoices_export
        from billing.invoices.holds import hold_register
        from billing.reconciliation.cases import invoice_holds
        from billing.sweeper import reservations_close, reservations_open
        from tenants.accounts.groups import groups_follow
        from tenants.lifecycle.export import export_register
        from tenants.lifecycle.health import probe_register
        from tenants.lifecycle.steps import erase_register
        from tenants.webhooks.events import event_declare

        # After batch jobs and whatever else of the workspace runs has been stopped.
        erase_register("reservations", reservations_close, reservations_open, order=60)
        event_declare("usage.threshold", _("A limit of usage came near, or was reached."))
        export_register("invoices", invoices_export)
        groups_follow(groups_apply)
        probe_register("spend", "Spend and cap", spend_probe, order=50)
        hold_register("reconciliation", invoice_holds)
