"""Background work on conversations."""

from typing import Any, Final

import structlog
from celery import shared_task

from assistant.attaching import attachments_tidy
from assistant.services import turn_reap
from tenants.context import current
from tenants.tasks import in_each_tenant

log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 10.0


@shared_task(name="assistant.reap")
def turns_reap() -> None:
    """End the turns whose process is gone, in every active tenant: one short indexed query each."""
    in_each_tenant(_reap, failed="turns.reap_failed")


def _reap() -> None:
    if reaped := turn_reap():
        log.info("turns.reaped", tenant=current().slug, count=reaped)


@shared_task(name="assistant.tidy")
def attachments_tidied() -> None:
    """Delete attached files that nobody sent, in every active tenant."""
    in_each_tenant(attachments_tidy, failed="attachments.tidy_failed")


BEAT: Final[dict[str, Any]] = {
    "assistant-reap": {
        "task": "assistant.reap",
        "schedule": EVERY_SECONDS,
        "options": {"queue": "default", "expires": 30},
    },
    "assistant-tidy": {
        "task": "assistant.tidy",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 3500},
    },
}
