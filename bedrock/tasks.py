"""The substrate's own upkeep, outside every tenant: logs and batches under `ops`, the rest under
`owner`."""

from typing import Any, Final

import structlog
from celery import shared_task
from django.db import connection, transaction

from bedrock import costs, invocations
from bedrock.batch_upkeep import orphans_stop
from bedrock.loggedusage import logged_usage_push
from bedrock.provisioning import (
    cost_tags_ensure,
    reconcile_guardrails,
    reconcile_profiles,
    regions_in_use,
)
from billing.margins.computing import margins_compute
from billing.reconciliation.comparing import period_reconcile, periods_open
from tenants.aws import AwsError
from tenants.context import TenantContext, public_scope

log = structlog.get_logger(__name__)


@shared_task(name="bedrock.read_logs")
def logs_read() -> None:
    """Empty the invocation logs into the database and to their tenants."""
    with public_scope("ops"):
        invocations.logs_read()


@shared_task(name="bedrock.check_logs")
def logs_check() -> None:
    """Look for calls that were never logged, and let go what is over."""
    with public_scope("ops"):
        invocations.logs_check()
        invocations.copies_expire()
        invocations.rows_purge()


@shared_task(name="bedrock.stop_batches")
def batches_stop() -> None:
    """Stop the batch jobs of workspaces that were suspended meanwhile."""
    with public_scope("ops"):
        orphans_stop()


@shared_task(name="bedrock.profiles")
def profiles_upkeep() -> None:
    """Reconcile the inference profiles of every Region in use; one that fails stops no other."""
    with public_scope("owner"):
        for region in regions_in_use():
            try:
                reconcile_profiles(region)
            except AwsError as error:
                log.error("profiles.not_reconciled", region=region, aws_code=error.aws_code)


@shared_task(name="bedrock.guardrails")
def guardrails_upkeep(region: str = "") -> None:
    """Make, mend and prune the guardrails of a Region, or of all in use."""
    with public_scope("owner"):
        for each in [region] if region else regions_in_use():
            try:
                for line in reconcile_guardrails(each):
                    log.info("guardrail.mended", region=each, what=line)
            except AwsError as error:
                log.error("guardrails.not_reconciled", region=each, aws_code=error.aws_code)


def own_guardrail_dispatch(tenant: TenantContext) -> None:
    """Have the guardrails of a tenant's Region looked after once the transaction has committed.

    A broker that is away is logged: the next regular check does the same.
    """

    def send() -> None:
        guardrails_upkeep.apply_async(args=(tenant.region,), queue="provisioning")

    if connection.in_atomic_block:
        transaction.on_commit(send, robust=True)
    else:
        send()


@shared_task(name="bedrock.read_costs")
def costs_read() -> None:
    """Take AWS's newest cost deliveries in, and turn on the tags that AWS has seen by now."""
    with public_scope("ops"):
        cost_tags_ensure()
        costs.cur_read()


@shared_task(name="bedrock.reconcile")
def bill_reconcile() -> None:
    """Hold ledger, invocation log and AWS's bill of the open months side by side; then margins."""
    with public_scope("ops"):
        for period in periods_open():
            logged_usage_push(period)
            period_reconcile(period)
            margins_compute(period)


@shared_task(name="bedrock.explore_costs")
def costs_explore() -> None:
    """Take the last days from Cost Explorer, which charges for each request."""
    with public_scope("ops"):
        costs.explorer_read()


BEAT: Final[dict[str, dict[str, Any]]] = {
    "bedrock.read_logs": {
        "task": "bedrock.read_logs",
        "schedule": 60.0,
        "options": {"queue": "ops", "expires": 55},
    },
    "bedrock.check_logs": {
        "task": "bedrock.check_logs",
        "schedule": 3600.0,
        "options": {"queue": "ops", "expires": 3500},
    },
    "bedrock.stop_batches": {
        "task": "bedrock.stop_batches",
        "schedule": 60.0,
        "options": {"queue": "ops", "expires": 55},
    },
    "bedrock.read_costs": {
        "task": "bedrock.read_costs",
        "schedule": 1800.0,
        "options": {"queue": "ops", "expires": 1700},
    },
    "bedrock.reconcile": {
        "task": "bedrock.reconcile",
        "schedule": 3600.0,
        "options": {"queue": "ops", "expires": 3500},
    },
    "bedrock.explore_costs": {
        "task": "bedrock.explore_costs",
        "schedule": 6 * 3600.0,
        "options": {"queue": "ops", "expires": 3600},
    },
    "bedrock.profiles": {
        "task": "bedrock.profiles",
        "schedule": 600.0,
        "options": {"queue": "provisioning", "expires": 590},
    },
    "bedrock.guardrails": {
        "task": "bedrock.guardrails",
        "schedule": 300.0,
        "options": {"queue": "provisioning", "expires": 280},
    },
}
