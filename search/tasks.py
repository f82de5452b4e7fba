"""Background work on what can be retrieved. Every task may be delivered any number of times."""

from typing import Any, Final

import structlog
from celery import shared_task

from search.copies import copies_advance, copies_loose
from tenants.context import SYSTEM
from tenants.errors import TenantryError
from tenants.tasks import in_each_tenant, tenant_task

log = structlog.get_logger(__name__)

LOOK_AGAIN: Final = 1.0  # seconds


@tenant_task(name="search.copies_sync")
def copies_sync() -> None:
    """Remove and add copies in Knowledge Bases until the service has done all that was asked."""
    try:
        left = copies_advance(copies_loose(), actor=SYSTEM)
    except TenantryError as error:
        if not error.retryable:
            raise
        log.info("copies.waiting", code=error.code)
        left = 1
    if left:
        copies_sync.dispatch_in(LOOK_AGAIN)


@shared_task(name="search.copies_recover")
def copies_recover() -> None:
    """Send again what was lost with a broker or a worker, in every active tenant."""
    in_each_tenant(_recover, failed="copies.recover_failed")


def _recover() -> None:
    from search.moving import target_repair  # which writes through our services

    target_repair()
    if copies_loose().exists():
        copies_sync.dispatch()


BEAT: Final[dict[str, Any]] = {
    "copies-recover": {
        "task": "search.copies_recover",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 120},
    }
}
