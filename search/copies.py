"""Keep Knowledge Bases in step with the chunks: send, ask whether it is there, remove, move.

The rows of `KnowledgeCopy` say what has to be done and outlive every crash; each step here only
brings a row further after the service has confirmed it. All steps can be repeated: the same id
overwrites, and what is gone stays gone. No AWS call runs inside a transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from bedrock.gateway import (
    KnowledgeChunk,
    Masked,
    as_masked,
    chunk_states,
    chunks_delete,
    chunks_put,
)
from bedrock.knowledge_bases import base_by_id, base_of
from search.models import Chunk, KnowledgeCopy, RetrievalMove, Source
from tenants.context import Actor, current
from tenants.registry.models import Retrieval

log = structlog.get_logger(__name__)

State = KnowledgeCopy.State
LIVE: Final = "live"
A_CALL: Final = 10
ATTEMPTS: Final = 5  # sendings of a chunk that the service then fails to index
PATIENCE: Final = timedelta(minutes=10)  # after which a change that shows no effect is sent again


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a new document's vectors go: the schema, Knowledge Bases, or both during a move."""

    schema: bool
    bases: tuple[UUID, ...]


def placement() -> Placement:
    """Return where the entered tenant's vectors belong now. Raises NotProvisioned."""
    base = base_of(current())
    bases = [base.id] if base else []
    schema = base is None
    if (move := move_under_way()) is not None:
        schema = schema or move.target == Retrieval.SCHEMA
        bases += [move.base_id] if move.base_id else []
    return Placement(schema, tuple(dict.fromkeys(bases)))


def move_under_way() -> RetrievalMove | None:
    """Return the entered tenant's unfinished move."""
    return RetrievalMove.objects.filter(finished_at=None).first()


def embedded_text(heading: str, text: str) -> str:
    """A passage is embedded under its headings: alone it often does not say what it is about."""
    return as_masked(f"{heading}\n{text}", heading, text) if heading else text


def stored_text(source: Source, text: str) -> str:
    """Return a text of the source, marked where it was masked when it was indexed."""
    return Masked(text) if source.masked_with else text


def source_settled(source_id: UUID) -> str | None:
    """Make a document retrievable once all its copies are indexed.

    Returns None while some are not, LIVE once they are, or the reason why one was refused.
    """
    copies = KnowledgeCopy.objects.filter(source_id=source_id)
    refused = copies.filter(state=State.FAILED).first()
    if refused is not None:
        return refused.reason or "The Knowledge Base refused a passage of this document."
    if copies.filter(state__in=[State.PUT, State.SENT]).exists():
        return None
    Source.objects.filter(id=source_id).update(live=True)
    return LIVE


def copies_advance(rows: QuerySet[KnowledgeCopy], *, actor: Actor) -> int:
    """Bring copies one step further; return how many of them are still under way.

    Raises what the gateway refuses; what was confirmed until then is kept.
    """
    for state, work in (
        (State.SENT, _asked),
        (State.LEAVING, _asked),
        (State.PUT, _put),
        (State.DELETE, _deleted),
    ):
        after = 0
        while found := list(rows.filter(state=state, id__gt=after)[:A_CALL]):
            after = found[-1].id
            for base_id in dict.fromkeys(copy.base_id for copy in found):
                work([copy for copy in found if copy.base_id == base_id], base_id, actor)
    return rows.exclude(state__in=[State.INDEXED, State.FAILED]).count()


def _put(copies: Sequence[KnowledgeCopy], base_id: UUID, actor: Actor) -> None:
    base = base_by_id(base_id)
    chunks = {
        chunk.chunk_id: chunk
        for chunk in Chunk.objects.select_related("source").filter(
            chunk_id__in=[copy.chunk_id for copy in copies]
        )
    }
    there = [copy for copy in copies if copy.chunk_id in chunks]
    _move_on([copy for copy in copies if copy not in there], State.PUT, State.DELETE)
    if base is None:
        _move_on(there, State.PUT, State.FAILED, reason="Its Knowledge Base does not exist.")
        return
    if not there:
        return
    chunks_put(
        base,
        [
            KnowledgeChunk(
                chunk_id=chunk.chunk_id,
                text=embedded_text(
                    stored_text(chunk.source, chunk.heading),
                    stored_text(chunk.source, chunk.text),
                ),
                document_id=chunk.source_id,
            )
            for chunk in (chunks[copy.chunk_id] for copy in there)
        ],
        actor=actor,
    )
    _move_on(there, State.PUT, State.SENT, attempts=F("attempts") + 1)


def _deleted(copies: Sequence[KnowledgeCopy], base_id: UUID, actor: Actor) -> None:
    base = base_by_id(base_id)
    if base is None:  # gone with all that was in it
        KnowledgeCopy.objects.filter(id__in=[copy.id for copy in copies]).delete()
        return
    chunks_delete(base, [copy.chunk_id for copy in copies])
    _move_on(copies, State.DELETE, State.LEAVING)


def _asked(copies: Sequence[KnowledgeCopy], base_id: UUID, actor: Actor) -> None:
    """Take the service's word for what it has done with copies on their way."""
    base = base_by_id(base_id)
    if base is None:
        KnowledgeCopy.objects.filter(id__in=[copy.id for copy in copies]).delete()
        return
    states = chunk_states(base, [copy.chunk_id for copy in copies])
    sent = [copy for copy in copies if copy.state == State.SENT]
    status = {copy.id: states.get(copy.chunk_id, ("NOT_FOUND", "")) for copy in copies}
    _move_on([c for c in sent if status[c.id][0] == "INDEXED"], State.SENT, State.INDEXED)
    lost = [c for c in sent if status[c.id][0] in ("NOT_FOUND", "FAILED", "IGNORED")]
    _move_on([c for c in lost if c.attempts < ATTEMPTS], State.SENT, State.PUT)
    for copy in lost:
        if copy.attempts >= ATTEMPTS:
            _move_on([copy], State.SENT, State.FAILED, reason=status[copy.id][1][:200])
    leaving = [copy for copy in copies if copy.state == State.LEAVING]
    gone = [copy.id for copy in leaving if status[copy.id][0] == "NOT_FOUND"]
    KnowledgeCopy.objects.filter(id__in=gone, state=State.LEAVING).delete()
    back = [c for c in leaving if status[c.id][0] not in ("NOT_FOUND", *_GOING)]
    _move_on(back, State.LEAVING, State.DELETE)  # the deletion was overtaken or lost
    late = KnowledgeCopy.objects.filter(changed_at__lt=Now() - PATIENCE)
    late.filter(id__in=[c.id for c in sent], state=State.SENT).update(
        state=State.PUT, changed_at=Now()
    )


_GOING: Final = ("DELETING", "DELETE_IN_PROGRESS")


def _move_on(copies: Sequence[KnowledgeCopy], old: str, new: str, **fields: object) -> None:
    """Change copies that are still as they were read: a document may be deleted meanwhile."""
    if copies:
        KnowledgeCopy.objects.filter(id__in=[copy.id for copy in copies], state=old).update(
            state=new, changed_at=Now(), **fields
        )


def copies_of(source_id: UUID) -> QuerySet[KnowledgeCopy]:
    """Return the copies of one document."""
    return KnowledgeCopy.objects.filter(source_id=source_id)


def copies_loose() -> QuerySet[KnowledgeCopy]:
    """Return those that no ingestion waits for: removals, and what a move or a repair wants."""
    return KnowledgeCopy.objects.exclude(state__in=[State.INDEXED, State.FAILED]).filter(
        Q(state__in=[State.DELETE, State.LEAVING])
        | Q(source_id__in=Source.objects.filter(live=True).values("id"))
    )


def missing_want(base_id: UUID) -> int:
    """Want a copy in a Knowledge Base of every live chunk that has none there."""
    from search.services import copies_want

    have = KnowledgeCopy.objects.filter(base_id=base_id).values("chunk_id")
    with transaction.atomic():
        missing = list(
            Chunk.objects.filter(source__live=True)
            .exclude(chunk_id__in=have)
            .values_list("chunk_id", "source_id")
        )
        copies_want(missing, [base_id])
    return len(missing)
