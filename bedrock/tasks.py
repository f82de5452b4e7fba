"""The substrate's own upkeep, outside every tenant, under the ops login."""

from typing import Any, Final

from celery import shared_task

from bedrock import invocations
from tenants.context import public_scope


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
}
