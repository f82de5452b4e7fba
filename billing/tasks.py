"""Billing's own upkeep, outside every tenant: sweeping under `ops`, partitions under `owner`."""

from typing import Any, Final
from uuid import UUID

from celery import shared_task

from billing.alerts.finding import alerts_find
from billing.alerts.services import alert_tell
from billing.credits.alerts import credit_alerts_send
from billing.invoices.drafting import invoices_draft
from billing.invoices.mailing import invoice_send
from billing.invoices.payments import payments_apply
from billing.partitions import partitions_ensure, reservations_purge
from billing.plans.changing import plans_roll
from billing.plans.seats import seats_count
from billing.reconciliation.deciding import true_ups_run
from billing.storage import storage_count
from billing.sweeper import sweep
from tenants.context import public_scope
from tenants.mailing import MAILS
from tenants.tasks import in_each_tenant, tenant_task


@shared_task(name="billing.sweep")
def reservations_sweep() -> None:
    """Settle orphaned reservations as estimates."""
    with public_scope("ops"):
        sweep()


@shared_task(name="billing.partitions")
def ledger_partitions() -> None:
    """Keep the ledger a year ahead and the reservations small. Harmless to run at any time."""
    with public_scope("owner"):
        partitions_ensure()
        reservations_purge()


@shared_task(name="billing.plans")
def plans_due() -> None:
    """Let terms, chosen plans and the ends of trials begin on their day."""
    with public_scope("ops"):
        plans_roll()


@shared_task(name="billing.seats")
def seats_of_today() -> None:
    """Count each workspace's members, once a day however often it runs."""
    in_each_tenant(seats_count, failed="seats.not_counted")


@shared_task(name="billing.storage")
def storage_of_today() -> None:
    """Count each workspace's stored bytes, once a day however often it runs."""
    in_each_tenant(storage_count, failed="storage.not_counted")


@shared_task(name="billing.invoices")
def invoices_of_last_month() -> None:
    """Draft last month's invoices, and again what has changed since. Harmless to repeat."""
    with public_scope("ops"):
        invoices_draft()


@shared_task(name="billing.payments")
def payments_due() -> None:
    """Apply what the payment provider has said."""
    with public_scope("ops"):
        payments_apply()


@tenant_task(name="billing.invoice_mail", **MAILS)
def invoice_mail(invoice_id: str) -> None:
    """Send an issued invoice to whom it is addressed, once."""
    invoice_send(invoice_id)


@shared_task(name="billing.true_up")
def true_ups() -> None:
    """Carry out the true-ups that staff have decided."""
    with public_scope("ops"):
        true_ups_run()


@shared_task(name="billing.credit_alerts")
def credit_alerts() -> None:
    """Say which of AWS's credits are about to end."""
    with public_scope("ops"):
        credit_alerts_send()


@shared_task(name="billing.alerts")
def alerts_due() -> None:
    """Record which limits came near, and let each workspace be told."""
    with public_scope("ops"):
        found = alerts_find()
    for tenant, alert in found:
        alert_mail.task.apply_async(args=(str(tenant), str(alert)))


@tenant_task(name="billing.alert_mail")
def alert_mail(alert_id: str) -> None:
    """Tell what was passed, once."""
    alert_tell(UUID(alert_id))


BEAT: Final[dict[str, dict[str, Any]]] = {
    "billing.sweep": {
        "task": "billing.sweep",
        "schedule": 60.0,
        "options": {"queue": "ops", "expires": 55},
    },
    # Staff's decision sends it at once; this finds what a lost worker or broker left.
    "billing.true_up": {
        "task": "billing.true_up",
        "schedule": 120.0,
        "options": {"queue": "ops", "expires": 110},
    },
    "billing.alerts": {
        "task": "billing.alerts",
        "schedule": 60.0,
        "options": {"queue": "ops", "expires": 55},
    },
    "billing.credit_alerts": {
        "task": "billing.credit_alerts",
        "schedule": 6 * 3600.0,
        "options": {"queue": "ops", "expires": 3600},
    },
    # Far more often than monthly, since beat forgets how long it has waited when it restarts.
    "billing.partitions": {
        "task": "billing.partitions",
        "schedule": 6 * 3600.0,
        "options": {"queue": "provisioning", "expires": 3600},
    },
    "billing.plans": {
        "task": "billing.plans",
        "schedule": 300.0,
        "options": {"queue": "ops", "expires": 280},
    },
    "billing.storage": {
        "task": "billing.storage",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 3500},
    },
    "billing.seats": {
        "task": "billing.seats",
        "schedule": 3 * 3600.0,
        "options": {"expires": 3600},
    },
    "billing.invoices": {
        "task": "billing.invoices",
        "schedule": 3600.0,
        "options": {"queue": "ops", "expires": 3500},
    },
    "billing.payments": {
        "task": "billing.payments",
        "schedule": 20.0,
        "options": {"queue": "ops", "expires": 18},
    },
}
