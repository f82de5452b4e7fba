"""The vectors of a document's passages, made at once or staged by a batch job, and kept by group.

A group of passages is staged as one row. What is staged is never embedded again: a delivery that
dies is followed by one that embeds the rest.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid4

import numpy as np

from bedrock.gateway import embed
from documents.chunking import Chunk
from documents.lease import Lease
from documents.models import StagedBatch
from search.copies import embedded_text
from search.models import DIMENSIONS
from tenants.context import Actor

Rows: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]

BATCH: Final = 128  # passages embedded and staged together
PARSED: Final = 0.1  # progress once the text is saved
EMBEDDED: Final = 0.95


@dataclass(frozen=True, slots=True)
class Group:
    """Some passages that follow one another, as they are embedded."""

    first: int
    texts: list[str]
    model: str

    @property
    def digest(self) -> str:
        joined = "\x00".join([self.model, *self.texts])
        return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()


def groups_of(chunks: Sequence[Chunk], model: str) -> Iterator[Group]:
    """Cut the passages into the groups that are staged together."""
    for first in range(0, len(chunks), BATCH):
        texts = [embedded_text(part.heading, part.text) for part in chunks[first : first + BATCH]]
        yield Group(first, texts, model)


def staged_rows(document_id: UUID, groups: Sequence[Group]) -> list[Rows]:
    """Return what is staged of each group, NaN where there is nothing."""
    staged = {batch.first: batch for batch in StagedBatch.objects.filter(document_id=document_id)}
    found = []
    for group in groups:
        kept = staged.get(group.first)
        if kept is not None and kept.digest == group.digest:
            rows = np.frombuffer(kept.vectors, "<f4").reshape(-1, kept.dimensions).copy()
        else:
            rows = np.full((len(group.texts), DIMENSIONS), np.nan, dtype="<f4")
        found.append(rows)
    return found


def gaps(rows: Rows) -> list[int]:
    """Return the places of a group's passages that have no vector yet."""
    return [int(place) for place in np.flatnonzero(np.isnan(rows[:, 0]))]


def missing(document_id: UUID, groups: Sequence[Group]) -> dict[int, str]:
    """Return the texts that have no vector yet, by ordinal."""
    return {
        group.first + place: group.texts[place]
        for group, rows in zip(groups, staged_rows(document_id, groups), strict=True)
        for place in gaps(rows)
    }


def stage(document_id: UUID, group: Group, rows: Rows) -> None:
    """Keep a group's vectors, in the caller's transaction."""
    StagedBatch.objects.update_or_create(
        document_id=document_id,
        first=group.first,
        defaults={
            "digest": group.digest,
            "vectors": rows.astype("<f4").tobytes(),
            "dimensions": rows.shape[1],
        },
    )


def stage_found(
    document_id: UUID, groups: Sequence[Group], vectors: Mapping[int, Sequence[float]]
) -> int:
    """Stage vectors by ordinal beside what is there; return how many passages still lack one."""
    lacking = 0
    for group, rows in zip(groups, staged_rows(document_id, groups), strict=True):
        new = [place for place in gaps(rows) if group.first + place in vectors]
        for place in new:
            rows[place] = vectors[group.first + place]
        if new:
            stage(document_id, group, rows)
        lacking += len(gaps(rows))
    return lacking


def embed_rest(lease: Lease, groups: Sequence[Group]) -> Rows:
    """Return one row a passage, embedding by calls what nobody has staged."""
    document = lease.document
    actor = Actor(user_id=document.created_by_id, role="member", kind="task")
    all_rows = staged_rows(document.id, groups)
    count = sum(len(group.texts) for group in groups)
    for group, rows in zip(groups, all_rows, strict=True):
        places = gaps(rows)
        if not places:
            continue
        # A fresh id a call: a call that is repeated after a crash was paid for twice, and the
        # ledger says so.
        rows[places] = embed(
            [group.texts[place] for place in places],
            actor=actor,
            feature="ingest",
            request_id=uuid4(),
            purpose="document",
            model=group.model,
        )
        done = (group.first + len(group.texts)) / count
        with lease.locked():
            stage(document.id, group, rows)
            lease.progress(progress=PARSED + (EMBEDDED - PARSED) * done)
    return np.concatenate(all_rows) if all_rows else np.empty((0, DIMENSIONS), "<f4")
