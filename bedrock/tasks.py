"""The substrate's own upkeep, outside every tenant: logs under `ops`, profiles under `owner`."""

from typing import Any, Final

import structlog
from celery import shared_task

from bedrock import invocations
from bedrock.provisioning import reconcile_profiles, regions_in_use
from tenants.aws import AwsError
from tenants.context import public_scope

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


@shared_task(name="bedrock.profiles")
def profiles_upkeep() -> None:
    """Reconcile the inference profiles of every Region in use; one that fails stops no other."""
    with public_scope("owner"):
        for region in regions_in_use():
            try:
                reconcile_profiles(region)
            except AwsError as error:
                log.error("profiles.not_reconciled", region=region, aws_code=error.aws_code)


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
    "bedrock.profiles": {
        "task": "bedrock.profiles",
        "schedule": 600.0,
        "options": {"queue": "provisioning", "expires": 590},
    },
}
