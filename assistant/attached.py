"""What a model is given of the files along a branch: all of short ones, else what fits best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from assistant.looping import Made, step_told
from assistant.models import Message
from assistant.runner import RunningTurn
from assistant.tools.base import Calling
from assistant.tools.reading import passage_of
from search.access import sources_attached
from search.models import Chunk, Source
from search.retrieval import Passage, RetrievalScope, retrieve

WHOLE_CHARACTERS: Final = 16_000  # of passages, about 4,000 tokens: up to here all is given
FITTING: Final = 10  # passages of longer files that came with the question
FITTING_EARLIER: Final = 4  # of those that came with earlier messages


@dataclass(frozen=True, slots=True)
class Files:
    """Ids of the files that came with the question, and of others along its branch."""

    own: list[UUID]
    earlier: list[UUID]


def files_of(question: Message, before: Iterable[Message]) -> Files:
    """Return the files that a turn reads, each once."""
    own = _attached([question])
    return Files(own, [each for each in _attached(before) if each not in own])


def _attached(messages: Iterable[Message]) -> list[UUID]:
    ids = [UUID(each["id"]) for message in messages for each in message.attached]
    return list(dict.fromkeys(ids))


def attached_read(running: RunningTurn, made: Made, files: Files, query: str) -> None:
    """Give the answer what it may cite of the files, before all else, and tell that it was read."""
    if not files.own and not files.earlier:
        return
    name = "read_attachments"
    at = step_told(running, made, name=name, line=_("Reading attached files"))
    found = attached_passages(made.calling, query, files.own, files.earlier)
    made.calling.passages += found
    step_told(running, made, name=name, line=_line(found), at=at, status="done", found=len(found))


def attached_passages(
    calling: Calling, query: str, own: Sequence[UUID], earlier: Sequence[UUID]
) -> list[Passage]:
    """Return passages of the files that came with the question and before it.

    Of short files all of them, in reading order; of long ones those that answer the query, ranked
    as in search. One statement and, for long files, one metered search for each kind.
    """
    sources = sources_attached(calling.actor, calling.conversation_id)
    wanted = [*own, *earlier]
    there = sources.order_by().filter(id__in=wanted)
    sizes = dict(there.values_list("id", "chunk_count"))
    kept = [each for each in wanted if each in sizes]
    # A passage has over a hundred characters: more passages than that are not read to be counted.
    if sum(sizes.values()) <= WHOLE_CHARACTERS // 100:
        chunks = list(
            Chunk.objects.filter(source__in=there).select_related("source").order_by("ordinal")
        )
        if sum(len(chunk.text) for chunk in chunks) <= WHOLE_CHARACTERS:
            chunks.sort(key=lambda chunk: (kept.index(chunk.source_id), chunk.ordinal))
            return [passage_of(chunk, rank) for rank, chunk in enumerate(chunks, start=1)]
    came = [each for each in own if each in sizes]
    found = _fitting(calling, query, came, FITTING) or _beginning(there, came)
    return found + _fitting(
        calling, query, [each for each in earlier if each in sizes], FITTING_EARLIER
    )


def _beginning(there: QuerySet[Source], ids: Sequence[UUID]) -> list[Passage]:
    """Return how the files begin: for "what is this about?", which no passage answers best."""
    chunks = Chunk.objects.filter(source__in=there, source_id__in=ids).select_related("source")
    first = chunks.order_by("ordinal", "source_id")[:FITTING]
    return [passage_of(chunk, rank) for rank, chunk in enumerate(first, start=1)]


def _fitting(calling: Calling, query: str, ids: Sequence[UUID], limit: int) -> list[Passage]:
    if not ids:
        return []
    return retrieve(
        actor=calling.actor,
        scope=RetrievalScope(document_ids=frozenset(ids), attached_to=calling.conversation_id),
        query=query,
        limit=limit,
        request_id=calling.request_id,
    )


def _line(passages: Sequence[Passage]) -> str:
    """Return what a person reads of it."""
    if not passages:
        return _("Read the attached files: nothing in them fits")
    files = len({passage.document_id for passage in passages})
    read = ngettext("%(count)s attached file", "%(count)s attached files", files)
    found = ngettext("%(count)s passage", "%(count)s passages", len(passages))
    return _("Read %(files)s: %(passages)s") % {
        "files": read % {"count": files},
        "passages": found % {"count": len(passages)},
    }
