"""Billing's own upkeep, outside every tenant: sweeping under `ops`, partitions under `owner`."""

from typing import Any, Final

from celery import shared_task

from billing.partitions import partitions_ensure, reservations_purge
from billing.sweeper import sweep
from tenants.context import public_scope


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


BEAT: Final[dict[str, dict[str, Any]]] = {
    "billing.sweep": {
        "task": "billing.sweep",
        "schedule": 60.0,
        "options": {"queue": "ops", "expires": 55},
    },
    # Far more often than monthly, since beat forgets how long it has waited when it restarts.
    "billing.partitions": {
        "task": "billing.partitions",
        "schedule": 6 * 3600.0,
        "options": {"queue": "provisioning", "expires": 3600},
    },
}
