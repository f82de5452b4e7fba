"""The last step of an ingestion where vectors lie in a Knowledge Base: wait until it has them.

The chunks and their texts are in the schema already, not yet retrievable; what is on its way stands
in the copies' rows. So a delivery may end at any moment and another goes on.
"""

import time
from datetime import timedelta
from typing import Final

import structlog
from django.db.models.functions import Now

from documents.errors import CopyRefused
from documents.lease import Lease
from search.copies import LIVE, copies_advance, copies_of, source_settled
from search.services import source_remove
from tenants.context import Actor

log = structlog.get_logger(__name__)

STAY_SECONDS: Final = 3.0  # a delivery waits so long, then makes room for others
LOOK_EVERY: Final = 0.15
COME_AGAIN: Final = 1.0


def copies_await(lease: Lease) -> float | None:
    """Send the document's copies and see them indexed; return after how many seconds to come again.

    None: the document is ready. Raises CopyRefused, after taking the passages back, and what the
    gateway refuses.
    """
    document = lease.document
    actor = Actor(user_id=document.created_by_id, role="member", kind="task")
    until = time.monotonic() + STAY_SECONDS
    while True:
        copies_advance(copies_of(document.id), actor=actor)
        with lease.locked():
            outcome = source_settled(document.id)
            if outcome == LIVE:
                lease.ready()
                log.info("documents.ready", document_id=str(document.id))
                return None
            if outcome is not None:
                source_remove(document.id)
        if outcome is not None:
            raise CopyRefused
        if time.monotonic() > until:
            lease.release(attempts=0, dispatched_at=Now() + timedelta(seconds=COME_AGAIN))
            return COME_AGAIN
        time.sleep(LOOK_EVERY)
