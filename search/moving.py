"""Move a workspace between retrieval targets; the old one serves until the new one has everything.

A move is a row, and what is left to do follows from the chunks: a process that dies is followed by
another that goes on. While a move is under way new documents go to both targets (`placement`).
Texts and postings never move: only where vectors are looked up changes.
"""

from collections.abc import Callable
from itertools import repeat
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from bedrock.gateway import embed
from bedrock.knowledge_bases import base_of, knowledge_ensure
from search.copies import (
    State,
    copies_advance,
    embedded_text,
    missing_want,
    move_under_way,
    stored_text,
)
from search.errors import MoveRefused, MoveUnderWay
from search.models import Chunk, KnowledgeCopy, RetrievalMove, Vector
from search.services import unit_vectors, vectors_add
from tenants.context import SYSTEM, PublicRole, TenantContext, current, entered, public_scope
from tenants.registry.models import Retrieval, Tenant

log = structlog.get_logger(__name__)

BATCH: Final = 64  # chunks embedded at once
STEP: Final = 16  # batches of one step of a move, so that its progress shows


def move_start(tenant: TenantContext, target: str, *, right: PublicRole) -> RetrievalMove | None:
    """Begin a move, or find the one under way; None where the workspace is there already.

    Raises MoveUnderWay for another target's, and KnowledgePoolEmpty before anything is changed.
    """
    if tenant.retrieval == target:
        with entered(tenant):
            if move_under_way() is None:
                return None
            raise MoveUnderWay
    with public_scope(right):
        base = knowledge_ensure(tenant.region, target, tenant.id)
    with entered(tenant):
        move = move_under_way()
        if move is None:
            try:
                with transaction.atomic():
                    move = RetrievalMove.objects.create(
                        origin=tenant.retrieval, target=target, base_id=base.id if base else None
                    )
            except IntegrityError as error:  # another process was quicker
                raise MoveUnderWay from error
        if move.target != target:
            raise MoveUnderWay
        return move


def move_step(move: RetrievalMove) -> int:
    """Bring the entered tenant's move further; return how many chunks the new target still lacks.

    Raises what the gateway refuses; the move stays where it is and can be gone on with.
    """
    if move.target == Retrieval.SCHEMA:
        return vectors_fill(batches=STEP)
    assert move.base_id is not None
    missing_want(move.base_id)
    copies = KnowledgeCopy.objects.filter(base_id=move.base_id)
    going = copies.filter(state__in=[State.PUT, State.SENT])
    copies_advance(going, actor=SYSTEM)
    if refused := copies.filter(state=State.FAILED).first():
        raise MoveRefused(refused.reason or None)
    return going.count()


def move_finish(tenant: TenantContext, move: RetrievalMove, *, right: PublicRole) -> None:
    """Let the new target serve, and have the old one emptied."""
    with public_scope(right):
        Tenant.objects.filter(id=tenant.id).update(retrieval=move.target)
    with entered(tenant), transaction.atomic():
        old_clear(keep_base=move.base_id)
        RetrievalMove.objects.filter(id=move.id).update(finished_at=Now())
    log.info("retrieval.moved", tenant=tenant.slug, origin=move.origin, target=move.target)


def old_clear(*, keep_base: UUID | None) -> None:
    """Give up the entered tenant's vectors and copies outside its target."""
    if keep_base is not None:
        Vector.objects.all().delete()
    stray = KnowledgeCopy.objects.all()
    if keep_base is not None:
        stray = stray.exclude(base_id=keep_base)
    stray.exclude(state__in=[State.DELETE, State.LEAVING]).update(
        state=State.DELETE, changed_at=Now()
    )


def vectors_fill(*, batches: int | None = None) -> int:
    """Embed live chunks that have no vector of their own; return how many are left.

    All of them, or as many as go into `batches`.
    """
    missing = Chunk.objects.filter(source__live=True, vector=None).order_by("number")
    for _ in repeat(None) if batches is None else range(batches):
        rows = list(missing.select_related("source")[:BATCH])
        if not rows:
            break
        vectors = embed(
            [
                embedded_text(
                    stored_text(row.source, row.heading), stored_text(row.source, row.text)
                )
                for row in rows
            ],
            actor=SYSTEM,
            feature="ingest",
            request_id=uuid4(),
            purpose="document",
        )
        found = unit_vectors(vectors, len(rows))
        with transaction.atomic():
            # A document that was deleted meanwhile must not get vectors back.
            there = set(
                Chunk.objects.select_for_update(of=("self",))
                .filter(number__in=[row.number for row in rows])
                .values_list("number", flat=True)
            )
            kept = [at for at, row in enumerate(rows) if row.number in there]
            vectors_add([(rows[at].number, rows[at].source_id) for at in kept], found[kept])
    return missing.count()


def target_repair() -> None:
    """Bring chunks that were taken in while the target changed to where they belong."""
    if move_under_way() is not None:
        return
    base = base_of(current())
    if base is not None:
        missing_want(base.id)
    elif KnowledgeCopy.objects.exclude(state__in=[State.DELETE, State.LEAVING]).exists():
        vectors_fill()
    else:
        return
    old_clear(keep_base=base.id if base else None)


def copies_drop_all(wait: Callable[[int], bool]) -> int:
    """Remove the entered tenant's copies from every Knowledge Base; return how many there were.

    `wait` is asked after each round with what is left, and ends it by False.
    """
    count = KnowledgeCopy.objects.count()
    KnowledgeCopy.objects.exclude(state=State.LEAVING).update(state=State.DELETE)
    while left := copies_advance(KnowledgeCopy.objects.all(), actor=SYSTEM):
        if not wait(left):
            break
    return count
