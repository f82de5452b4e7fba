"""Make documents retrievable, and no longer so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.db.models.functions import Now

from bedrock.selectors import embedding_model
from search.languages import language_of
from search.models import DIMENSIONS, Chunk, KnowledgeCopy, Source
from search.tasks import copies_sync
from tenants.backend.halves import Halves
from tenants.statements import rows_written

BATCH: Final = 500  # rows an INSERT

# One row for each term of the source. Its language's configuration drops stop words and reduces
# words to their stems; a chunk's headings count as its text. Figures are cut to fit in two bytes.
POST: Final = """
    WITH counted AS (
        SELECT chunk.number, term.lexeme, cardinality(term.positions) AS occurrences
        FROM search_chunk chunk,
             unnest(to_tsvector(%(language)s::regconfig, chunk.heading || ' ' || chunk.text)) term
        WHERE chunk.source_id = %(source)s
    ), sized AS (
        SELECT *, sum(occurrences) OVER (PARTITION BY number) AS length FROM counted
    ), posted AS (
        INSERT INTO search_posting (term, source_id, entries)
        SELECT lexeme, %(source)s::uuid,
               string_agg(int4send(number) || int2send(least(occurrences, 32767)::int2)
                          || int2send(least(length, 32767)::int2), ''::bytea ORDER BY number)
        FROM sized GROUP BY lexeme
    )
    UPDATE search_source SET
        chunk_count = (SELECT count(*) FROM search_chunk WHERE source_id = %(source)s),
        term_count = (SELECT coalesce(sum(occurrences), 0) FROM counted)
    WHERE id = %(source)s
"""
STORE: Final = """
    INSERT INTO search_vector (number, source_id, embedding) VALUES (%s, %s, %s::halfvec)
    ON CONFLICT (number) DO NOTHING
"""
DELETE: Final = (
    "DELETE FROM search_posting WHERE source_id = %s",
    "DELETE FROM search_vector WHERE source_id = %s",
    "DELETE FROM search_chunk WHERE source_id = %s",
)


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A passage to be indexed: `text` is the document's `text[start:end]`."""

    ordinal: int
    text: str
    start: int
    end: int
    page: int | None
    heading: str


@transaction.atomic
def source_index(
    *,
    source_id: UUID,
    name: str,
    media_type: str,
    owner_id: UUID | None,
    model: str = "",
    chunks: Sequence[NewChunk],
    embeddings: Sequence[Sequence[float]] | None,
    bases: Sequence[UUID] = (),
    masked_with: str = "",
    attached_to: UUID | None = None,
) -> None:
    """Make a document retrievable, in place of whatever was indexed for it.

    One transaction: others see the old state until it commits, then all of the new one. `model` is
    whose vectors these are; the one that serves now where it is left out.
    `embeddings` are one a chunk, in order; each is brought to length one. Without them the vectors
    are in `bases`, the Knowledge Bases that shall have copies, and the document is retrievable only
    once `copies_advance` found all copies indexed. Raises ValueError when their number or size does
    not fit. `attached_to` is of a new source; afterwards `source_detach` alone changes it.
    """
    vectors = None if embeddings is None else unit_vectors(embeddings, len(chunks))
    language = language_of(chunk.text for chunk in chunks)
    known = {
        "embedding_model": "",
        "name": name,
        "media_type": media_type,
        "owner_id": owner_id,
        "live": not bases,
        "masked_with": masked_with,
        "language": language,
        "language_told": True,
    }
    Source.objects.update_or_create(
        id=source_id, defaults=known, create_defaults={**known, "attached_to": attached_to}
    )
    _content_delete(source_id)
    made = Chunk.objects.bulk_create(
        [
            Chunk(
                source_id=source_id,
                ordinal=chunk.ordinal,
                text=chunk.text,
                start=chunk.start,
                end=chunk.end,
                page=chunk.page,
                heading=chunk.heading,
            )
            for chunk in chunks
        ],
        batch_size=BATCH,
    )
    if vectors is not None:
        vectors_add([(chunk.number, source_id) for chunk in made], vectors, model=model)
    copies_want([(chunk.chunk_id, source_id) for chunk in made], bases)
    with connection.cursor() as cursor:
        cursor.execute(POST, {"source": source_id, "language": language})


@transaction.atomic
def source_remove(source_id: UUID) -> None:
    """Make a document irretrievable, from the caller's commit on; unknown ids are no error."""
    _content_delete(source_id)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM search_source WHERE id = %s", [source_id])


def source_detach(source_id: UUID) -> None:
    """Let what was attached to something be found by the whole workspace."""
    Source.objects.filter(id=source_id).update(attached_to=None)


def source_rename(source_id: UUID, *, name: str, masked_name: str) -> None:
    """Let an indexed document be cited by another name: the masked one where its text is masked."""
    Source.objects.filter(id=source_id, masked_with="").update(name=name)
    Source.objects.filter(id=source_id).exclude(masked_with="").update(name=masked_name[:300])


def source_indexed(source_id: UUID, masked_with: str) -> bool:
    """Return whether a document is indexed as it is masked now; its copies may be on their way."""
    return Source.objects.filter(id=source_id, masked_with=masked_with).exists()


def _content_delete(source_id: UUID) -> None:
    """Delete all that hangs on a source, in plain SQL: the ORM would load every row's key first.

    Its copies in Knowledge Bases are removed later: `copies_advance`.
    """
    copies = KnowledgeCopy.objects.filter(source_id=source_id)
    if copies.update(state=KnowledgeCopy.State.DELETE, reason="", changed_at=Now()):
        copies_sync.dispatch()
    with connection.cursor() as cursor:
        for statement in DELETE:
            cursor.execute(statement, [source_id])


def vectors_add(
    chunks: Sequence[tuple[int, UUID]],
    vectors: np.ndarray[Any, np.dtype[np.float32]],
    *,
    model: str = "",
) -> None:
    """Store vectors of length one for (number, source) of chunks; those that have one keep it.

    All vectors of a source are of one model: `model`, or the one that serves now.
    """
    Source.objects.filter(id__in={source_id for _, source_id in chunks}).update(
        embedding_model=model or embedding_model()
    )
    halves = [Halves(vector.tobytes()) for vector in vectors.astype(">f2")]
    rows_written(
        STORE,
        [(*chunk, half) for chunk, half in zip(chunks, halves, strict=True)],
    )


def copies_want(chunks: Sequence[tuple[UUID, UUID]], bases: Sequence[UUID]) -> None:
    """Note that each Knowledge Base shall have a copy of (chunk id, source); none twice."""
    KnowledgeCopy.objects.bulk_create(
        [
            KnowledgeCopy(chunk_id=chunk_id, source_id=source_id, base_id=base)
            for base in bases
            for chunk_id, source_id in chunks
        ],
        batch_size=BATCH,
        ignore_conflicts=True,
    )


def unit_vectors(
    embeddings: Sequence[Sequence[float]], count: int
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the embeddings at length one. Raises ValueError where they do not fit."""
    vectors = np.asarray(embeddings, dtype=np.float32).reshape(-1, DIMENSIONS)
    if len(vectors) != count:
        raise ValueError(f"{len(vectors)} embeddings for {count} chunks")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
