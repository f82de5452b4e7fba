"""Background work on conversations."""

from typing import Any, Final

import structlog
from celery import shared_task
from django.db import connection

from assistant.services import turn_reap
from tenants.context import entered
from tenants.registry.selectors import active_tenants

log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 10.0


@shared_task(name="assistant.reap")
def turns_reap() -> None:
    """End the turns whose process is gone, in every active tenant: one short indexed query each."""
    for tenant in active_tenants():
        try:
            with entered(tenant):
                reaped = turn_reap()
            if reaped:
                log.info("turns.reaped", tenant=tenant.slug, count=reaped)
        except Exception as error:  # one tenant's trouble must not keep the others waiting
            log.error("turns.reap_failed", tenant=tenant.slug, exc_info=error)
            connection.close()


BEAT: Final[dict[str, Any]] = {
    "assistant-reap": {
        "task": "assistant.reap",
        "schedule": EVERY_SECONDS,
        "options": {"queue": "default", "expires": 30},
    }
}
