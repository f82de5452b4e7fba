"""Background work on what can be retrieved. Every task may be delivered any number of times."""

from typing import Any, Final

import structlog
from celery import shared_task

from search.copies import copies_advance, copies_loose
from search.models import Source
from search.vectorindex import indexes_keep
from tenants.context import SYSTEM
from tenants.errors import TenantryError
from tenants.registry.tasks import QUEUE as PROVISIONING
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


@tenant_task(name="search.relocate")
def relocate() -> None:
    """Bring the move that staff asked for further, step by step."""
    from search.relocating import relocation_step  # which writes through our services

    again = relocation_step()
    if again is not None:
        relocate.dispatch_in(again)


@shared_task(name="search.copies_recover")
def copies_recover() -> None:
    """Send again what was lost with a broker or a worker, in every active tenant."""
    in_each_tenant(_recover, failed="copies.recover_failed")


def _recover() -> None:
    from search.moving import target_repair  # which write through our services
    from search.relocating import relocation_is_stale

    target_repair()
    if copies_loose().exists():
        copies_sync.dispatch()
    if relocation_is_stale():
        relocate.dispatch()


@tenant_task(name="search.languages_reread")
def languages_reread() -> None:
    """Read documents in their own language that were indexed before languages were told."""
    from search import rereading  # which writes through our services

    if rereading.languages_reread():
        languages_reread.dispatch()


@shared_task(name="search.languages_reread_all")
def languages_reread_all() -> None:
    """Look in every active tenant for documents whose language was not told."""
    in_each_tenant(_languages_unread, failed="search.languages_failed")


def _languages_unread() -> None:
    if Source.objects.filter(language_told=False).exists():
        languages_reread.dispatch()


@shared_task(name="search.index_vectors")
def vectors_index() -> None:
    """Make and drop indexes over vectors that are due; for the worker with the owner's login."""
    for _ in indexes_keep():
        pass


BEAT: Final[dict[str, Any]] = {
    "copies-recover": {
        "task": "search.copies_recover",
        "schedule": 60.0,
        "options": {"queue": "default", "expires": 120},
    },
    # After an upgrade by itself; `manage.py reread_languages` does it at once.
    "languages-reread": {
        "task": "search.languages_reread_all",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 3500},
    },
    "index-vectors": {
        "task": "search.index_vectors",
        "schedule": 600.0,
        "options": {"queue": PROVISIONING, "expires": 590},
    },
}
