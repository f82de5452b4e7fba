"""Background work on what can be retrieved. Every task may be delivered any number of times."""

from typing import Any, Final
from uuid import UUID

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
PIECE: Final = 5.0  # seconds of a move to another Region, until another message has its turn


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


@shared_task(name="search.move_region")
def move_region(move_id: str) -> None:
    """Go on with a move to another Region; as a message of its own until it has ended.

    Whoever signs up meanwhile waits for one piece of it, not for all.
    """
    from search.regionasking import region_move_go_on  # which writes through our services

    if region_move_go_on(UUID(move_id), seconds=PIECE):
        region_move_dispatch(UUID(move_id))


def region_move_dispatch(move_id: UUID) -> None:
    """Have the worker with the owner's login begin a move, or go on with it."""
    move_region.apply_async(args=(str(move_id),), queue=PROVISIONING)


@shared_task(name="search.move_regions_due")
def move_regions_due() -> None:
    """Go on with moves that staff asked for and whose message was lost with a broker or worker."""
    from search.regionasking import region_moves_lost

    for move_id in region_moves_lost():
        region_move_dispatch(move_id)


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
    "move-regions-due": {
        "task": "search.move_regions_due",
        "schedule": 60.0,
        "options": {"queue": PROVISIONING, "expires": 55},
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
