"""Retrieve passages by their words and their meaning together, within what the actor may see."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from bedrock.gateway import Masked, as_masked, mask, masked_first, passages_reranked, rerank
from search.access import (
    collections_visible,
    documents_in,
    ids_visible,
    sources_attached,
    sources_visible,
)
from search.arms import Sources, Within, rows, within
from search.begun import by_words_typed
from search.copies import embedded_text
from search.errors import CollectionNotFound, SourceNotFound
from search.languages import USUAL
from search.models import Source
from search.phrases import phrases_of
from search.ranking import NOTHING, Numbers, Ranked, fused
from search.tagging import tagged
from search.targets import meaning_of
from search.words import Words, by_words
from tenants.context import Actor

CANDIDATES: Final = 100  # of each arm
# A passage without any word of the query is shown only if it is this near to it. Every text is near
# to something: most queries that have nothing to do with the documents stay below (measured).
NEAR: Final = 0.15
QUERY_CHARACTERS: Final = 4_000  # of what is embedded; longer questions are cut


@dataclass(frozen=True, slots=True)
class RetrievalScope:
    """Where to look: what meets all that is given. None: in all that one may see.

    `added_from` and `added_before` are of the document, with their time zone. `attached_to` names
    something that the actor may see: what is attached to it can be found too.
    """

    document_ids: frozenset[UUID] | None = None
    collection_ids: frozenset[UUID] | None = None
    media_types: frozenset[str] | None = None
    owner_ids: frozenset[UUID] | None = None
    added_from: datetime | None = None
    added_before: datetime | None = None
    tags: frozenset[str] | None = None  # a document has all of them
    attached_to: UUID | None = None


EVERYTHING: Final = RetrievalScope()
TEXTS: Final = """
    SELECT chunk.number, chunk.chunk_id, source.id, source.name, source.media_type,
           source.masked_with <> '', chunk.text, chunk.start, chunk."end", chunk.page,
           chunk.heading, source.language
    FROM search_chunk chunk JOIN search_source source ON source.id = chunk.source_id
    WHERE chunk.number = ANY(%s) AND chunk.source_id IN ({ids})
"""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that answers the query; `text` is the document's `text[start:end]`.

    Where the workspace masks, name, text and heading are masked and the offsets the original's.
    `rank` counts from 1. `score` stays on the server.
    """

    chunk_id: UUID
    document_id: UUID
    document_name: str
    media_type: str
    text: str
    start: int
    end: int
    page: int | None
    heading: str
    rank: int
    score: float
    language: str = USUAL  # PostgreSQL's configuration that its words were read with


@dataclass(frozen=True, slots=True)
class Findings:
    """What a query found, and how its words were read."""

    passages: list[Passage]
    words: Words = field(default_factory=lambda: Words(NOTHING))


def retrieve(
    *,
    actor: Actor,
    scope: RetrievalScope = EVERYTHING,
    query: str,
    limit: int = 10,
    request_id: UUID,
) -> list[Passage]:
    """Return the `limit` best passages in `scope` for a question, best first: see `find`."""
    return find(
        actor=actor, scope=scope, query=query, limit=limit, request_id=request_id, phrases=False
    ).passages


def find(
    *,
    actor: Actor,
    scope: RetrievalScope = EVERYTHING,
    query: str,
    limit: int = 10,
    request_id: UUID,
    phrases: bool = True,
    stems_in: Sequence[str] = (),
    unfinished: bool = False,
) -> Findings:
    """Return the `limit` best passages in `scope`, best first, and how the query was read.

    That tells the query's stems in the languages `stems_in` too, if words were looked for at all.
    `unfinished` is a query that is being typed.

    With `phrases`, what stands in quotation marks must be in a passage word for word; in questions
    to be answered the marks say nothing. One metered call (an embedding, or a retrieval from a
    Knowledge Base) and three statements; more for words that no passage has and for phrases.
    Raises NotFound for an id in the scope that does not exist or that the actor may not see, and
    whatever the gateway refuses.
    """
    sources = ids_in(actor, scope)
    cut = as_masked(query.replace("\x00", " ").strip()[:QUERY_CHARACTERS], query)
    if not cut or (masked_first(cut) and not within(sources).anything):
        return Findings([])  # nothing is spent where nothing can be found
    [asked] = mask([cut], actor=actor, feature="search", request_id=request_id)
    quoted = phrases_of(asked) if phrases else []
    place, words = by_words(sources, asked, quoted, stems_in=stems_in, unfinished=unfinished)
    if not place.anything or (quoted and not len(words.ranked.numbers)):
        return Findings([])
    understood = as_masked(words.corrected(asked), asked)
    top = passages_reranked()
    best = max(2 * limit, top)
    meaning = meaning_of(
        understood,
        actor=actor,
        place=place,
        count=max(CANDIDATES, 2 * limit),
        besides=candidates(words.ranked, best),
        request_id=request_id,
    )
    if quoted:  # what is near to the query and has not the phrase is not what was asked for
        meaning = meaning.only(words.ranked.numbers)
    ranked = hybrid(words.ranked, meaning, count=best)
    passages = live_passages(place, ranked, max(limit, top))
    if top and len(passages) > 1:
        passages = reordered(passages, understood, top=top, actor=actor, request_id=request_id)
    return Findings(passages[:limit], words)


def find_typed(
    *, actor: Actor, scope: RetrievalScope = EVERYTHING, query: str, limit: int = 10
) -> Findings:
    """Return the `limit` passages that the words typed so far find best, the last one begun.

    Three statements, two more for mistyped words; no model is asked and nothing is metered. Where
    the workspace masks, the query meets masked passages alone, and is sent and kept nowhere.
    Raises NotFound as `find` does.
    """
    place, words = by_words_typed(ids_in(actor, scope), query.replace("\x00", " ").strip())
    ranked = fused(words.ranked, NOTHING, count=limit)
    if not len(ranked.numbers):
        return Findings([], words)
    return Findings(live_passages(place, ranked, limit), words)


def reordered(
    passages: list[Passage], query: str, *, top: int, actor: Actor, request_id: UUID
) -> list[Passage]:
    """Return the passages, the first `top` of them reordered, all renumbered.

    Both scores are brought to their best one and summed by the reranking model's weight.
    """
    best, rest = passages[:top], passages[top:]
    texts = [embedded_text(passage.heading, passage.text) for passage in best]
    found = rerank(query, texts, actor=actor, feature="search", request_id=request_id)
    if found is None:
        return passages
    fused_best = max(passage.score for passage in best) or 1.0
    found_best = max(found.scores) or 1.0
    sums = [
        (1 - found.weight) * passage.score / fused_best + found.weight * score / found_best
        for passage, score in zip(best, found.scores, strict=True)
    ]
    order = sorted(range(len(best)), key=lambda at: (-sums[at], at))
    return [
        replace(passage, rank=rank)
        for rank, passage in enumerate([*(best[at] for at in order), *rest], start=1)
    ]


def sources_in(actor: Actor, scope: RetrievalScope) -> QuerySet[Source]:
    """Return the sources of the scope. Raises SourceNotFound or CollectionNotFound."""
    sources = _readable(actor, scope)
    if scope.document_ids is not None:
        sources = sources.filter(id__in=scope.document_ids)
        if sources.count() != len(scope.document_ids):
            raise SourceNotFound
    if scope.collection_ids is not None:
        found = collections_visible(actor).filter(id__in=scope.collection_ids)
        if found.count() != len(scope.collection_ids):
            raise CollectionNotFound
        sources = sources.filter(id__in=documents_in(scope.collection_ids))
    if scope.media_types is not None:
        sources = sources.filter(media_type__in=scope.media_types)
    if scope.owner_ids is not None:
        sources = sources.filter(owner_id__in=scope.owner_ids)
    if scope.added_from is not None:
        sources = sources.filter(created_at__gte=scope.added_from)
    if scope.added_before is not None:
        sources = sources.filter(created_at__lt=scope.added_before)
    if scope.tags is not None:
        sources = sources.filter(tagged(scope.tags))
    return sources


def ids_in(actor: Actor, scope: RetrievalScope) -> Sources:
    """Return the statement that reads the ids of the scope's sources; see `sources_in`."""
    return ids_visible(actor) if scope == EVERYTHING else sources_in(actor, scope)


def _readable(actor: Actor, scope: RetrievalScope) -> QuerySet[Source]:
    if scope.attached_to is None:
        return sources_visible(actor)
    return sources_attached(actor, scope.attached_to)


def candidates(words: Ranked, count: int) -> Numbers:
    """Return the chunks that the arm of words brings, whose cosines are asked for too."""
    return words.best(max(CANDIDATES, count))


def hybrid(words: Ranked, meaning: Ranked, *, count: int) -> Ranked:
    """Return the `count` best chunks of both arms, best first.

    Each arm brings its best; all of them then get both scores, those of `meaning` as far as there
    are any.
    """
    brought = candidates(words, count)
    either = np.union1d(brought, meaning.above(NEAR).numbers)
    return fused(words.only(either), meaning.only(either), count=count)


def live_passages(place: Within, ranked: Ranked, limit: int) -> list[Passage]:
    """Return the texts of ranked chunks whose sources are within the place now, renumbered.

    What was removed between ranking and here falls out.
    """
    found = {
        row[0]: row[1:]
        for row in rows(
            TEXTS.format(ids=place.ids.sql),
            [ranked.numbers.tolist(), *place.ids.params],
            recurs=place.recurs,
        )
    }
    kept = [
        (found[number], score)
        for number, score in zip(ranked.numbers.tolist(), ranked.scores.tolist(), strict=True)
        if number in found
    ]
    return [_passage(row, rank, score) for rank, (row, score) in enumerate(kept[:limit], start=1)]


def _passage(row: Sequence[Any], rank: int, score: float) -> Passage:
    chunk_id, source_id, name, media_type, masked, text, start, end, page, heading, language = row
    mark = Masked if masked else str
    return Passage(
        chunk_id=chunk_id,
        document_id=source_id,
        document_name=mark(name),
        media_type=media_type,
        text=mark(text),
        start=start,
        end=end,
        page=page,
        heading=mark(heading),
        rank=rank,
        score=score,
        language=language,
    )
