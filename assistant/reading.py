"""Choose what is read of documents for a summary: all, or what is closest to their subject."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np

from assistant.tools.reading import passage_of
from documents.models import Document
from search.access import sources_visible
from search.models import Chunk, Vector
from search.retrieval import Passage
from tenants.context import Actor

PART_CHARACTERS: Final = 24_000  # of passages in one model call, about 6,000 tokens
PARTS: Final = 8  # calls that read; about 100 pages


@dataclass(frozen=True, slots=True)
class Reading:
    """Passages in reading order, in parts of one call each, and how much of each document it is."""

    parts: list[list[Passage]]
    read: list[dict[str, Any]]


def reading_of(actor: Actor, documents: Sequence[Document]) -> Reading:
    """Return what to read of the documents, in the order given; two statements, or one if short.

    Beyond PARTS parts, each document gives its share of passages: those nearest to the middle of
    its meaning. What was read is always told.
    """
    chunks: dict[UUID, list[Chunk]] = {document.id: [] for document in documents}
    found = Chunk.objects.filter(source__in=sources_visible(actor), source_id__in=list(chunks))
    for chunk in found.select_related("source").order_by("source_id", "ordinal"):
        chunks[chunk.source_id].append(chunk)
    total = sum(len(chunk.text) for own in chunks.values() for chunk in own)
    most = PART_CHARACTERS * PARTS
    if total > most:
        vectors = _vectors(list(chunks))
        chunks = {
            source_id: _central(own, vectors, most * _length(own) // total)
            for source_id, own in chunks.items()
        }
    passages = [
        passage_of(chunk, rank)
        for rank, chunk in enumerate((chunk for own in chunks.values() for chunk in own), start=1)
    ]
    read = [
        {
            "document_id": str(document.id),
            "document_name": document.name,
            "characters": document.characters,
            "read": min(document.characters, _covered(chunks[document.id])),
        }
        for document in documents
    ]
    return Reading(_parts(passages), read)


def _length(chunks: Sequence[Chunk]) -> int:
    return sum(len(chunk.text) for chunk in chunks)


def _covered(chunks: Sequence[Chunk]) -> int:
    """Return how many characters of a document its chunks hold, overlaps counted once."""
    covered = until = 0
    for chunk in chunks:
        covered += max(0, chunk.end - max(chunk.start, until))
        until = max(until, chunk.end)
    return covered


def _vectors(source_ids: list[UUID]) -> dict[int, np.ndarray]:
    rows = Vector.objects.filter(source_id__in=source_ids).values_list("number_id", "embedding")
    return {number: np.asarray(embedding, dtype=np.float32) for number, embedding in rows}


def _central(chunks: list[Chunk], vectors: dict[int, np.ndarray], room: int) -> list[Chunk]:
    """Return the chunks nearest to the middle, in reading order, for `room` characters."""
    known = [vectors[chunk.number] for chunk in chunks if chunk.number in vectors]
    if not known:
        return chunks[:1]
    middle = np.mean(known, axis=0)
    nearest = sorted(
        chunks,
        key=lambda chunk: -float(vectors[chunk.number] @ middle) if chunk.number in vectors else 1,
    )
    kept: set[int] = set()
    for chunk in nearest:
        if kept and len(chunk.text) > room:
            break
        room -= len(chunk.text)
        kept.add(chunk.number)
    return [chunk for chunk in chunks if chunk.number in kept]


def _parts(passages: Sequence[Passage]) -> list[list[Passage]]:
    """Cut passages into runs of about equal length, none above PART_CHARACTERS where possible."""
    total = sum(len(passage.text) for passage in passages)
    wanted = max(1, -(-total // PART_CHARACTERS))
    parts: list[list[Passage]] = []
    length = 0
    for passage in passages:
        if not parts or length + len(passage.text) > max(PART_CHARACTERS, total / wanted):
            parts.append([])
            length = 0
        parts[-1].append(passage)
        length += len(passage.text)
    return parts
