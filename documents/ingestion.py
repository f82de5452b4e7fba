"""From a stored file to searchable passages, in steps that each leave a lasting trace.

1. parse: the canonical text is saved. 2. embed: each batch's vectors are staged. 3. index:
passages, vectors and the state `ready` appear in one transaction. A delivery that dies is followed
by another, which finds the traces and does the rest; one that was merely slow finds its lease gone
at its next write. No AWS call runs inside a transaction.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
import structlog
from django.db.models.functions import Now

from bedrock.gateway import embed
from documents.chunking import Chunk, chunk
from documents.errors import LeaseLost, ServiceBusy, StoredFileMissing
from documents.lease import Lease, lease_take
from documents.models import Document, DocumentText, StagedBatch, Status
from documents.parsing import Heading, PageSpan, ParsedText, parse
from search.services import NewChunk, source_index
from tenants.context import Actor
from tenants.errors import TenantryError
from tenants.objects import object_get

log = structlog.get_logger(__name__)

BATCH: Final = 64  # passages embedded and staged together
WAITS: Final = 10  # times a busy service may send the ingestion away without progress between
LONGEST_WAIT: Final = 60.0  # seconds
PARSED: Final = 0.1  # progress once the text is saved
EMBEDDED: Final = 0.95


def ingest(document_id: UUID) -> float | None:
    """Bring one document to `ready` or `failed`; return after how many seconds to come again.

    None: there is nothing left to do here. Raises what nobody foresaw, after giving the lease back;
    the recovery task then sends it again until the attempts are used up.
    """
    lease = lease_take(document_id)
    if lease is None:
        return None
    if isinstance(lease, timedelta):
        return lease.total_seconds()
    try:
        with lease.kept():
            return _settled(lease)
    except LeaseLost:
        log.info("documents.lease_lost", document_id=str(document_id))
        return None


def _settled(lease: Lease) -> float | None:
    try:
        _steps(lease)
    except LeaseLost:
        raise
    except TenantryError as error:
        if error.retryable:
            return _wait(lease, error)
        log.info("documents.failed", document_id=str(lease.document.id), code=error.code)
        lease.fail(error.code, error.detail)
    except Exception:
        lease.release()
        raise
    return None


def _wait(lease: Lease, error: TenantryError) -> float | None:
    """Give the document back until the service that refused may be free again."""
    waits = Document.objects.values_list("waits", flat=True).filter(id=lease.document.id).first()
    if waits is None or waits >= WAITS:
        busy = ServiceBusy()
        lease.fail(busy.code, busy.detail)
        return None
    told = error.extra.get("retry_after")
    seconds = min(float(told) if told else 2.0**waits, LONGEST_WAIT)
    # A refusal is no crash: the start that it ended does not count.
    lease.release(waits=waits + 1, attempts=0, dispatched_at=Now() + timedelta(seconds=seconds))
    log.info("documents.waiting", code=error.code, seconds=seconds)
    return seconds


def _steps(lease: Lease) -> None:
    content = DocumentText.objects.filter(document_id=lease.document.id).first()
    parsed = _parsed(content) if content else _parse(lease)
    chunks = chunk(parsed)
    lease.write(status=Status.EMBEDDING, chunks=len(chunks))
    vectors = _embed(lease, chunks)
    _index(lease, chunks, vectors)


def _parse(lease: Lease) -> ParsedText:
    """Read the stored file in the limited child and save its text."""
    document = lease.document
    body = object_get(document.object_key)
    if body is None:
        raise StoredFileMissing
    with tempfile.NamedTemporaryFile(prefix="document-") as file:
        file.write(body)
        file.flush()
        del body
        parsed = parse(Path(file.name), document.media_type)
    with lease.locked():
        DocumentText.objects.create(
            document_id=document.id,
            text=parsed.text,
            pages=[[page.number, page.start, page.end] for page in parsed.pages],
            headings=[[head.level, head.title, head.start] for head in parsed.headings],
        )
        lease.progress(
            progress=PARSED,
            title=parsed.title[:300],
            pages=len(parsed.pages),
            characters=len(parsed.text),
        )
    return parsed


def _parsed(content: DocumentText) -> ParsedText:
    """Return the saved text in the parser's own form."""
    return ParsedText(
        text=content.text,
        pages=tuple(PageSpan(*page) for page in content.pages),
        headings=tuple(Heading(*heading) for heading in content.headings),
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    first: int
    texts: list[str]

    @property
    def digest(self) -> str:
        joined = "\x00".join(self.texts)
        return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()


def _batches(chunks: Sequence[Chunk]) -> Iterator[_Batch]:
    for first in range(0, len(chunks), BATCH):
        yield _Batch(first, [_embedded_text(part) for part in chunks[first : first + BATCH]])


def _embedded_text(part: Chunk) -> str:
    """A passage is embedded under its headings: alone it often does not say what it is about."""
    return f"{part.heading}\n{part.text}" if part.heading else part.text


def _embed(lease: Lease, chunks: Sequence[Chunk]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return one row a passage, embedding what no earlier delivery has staged."""
    document = lease.document
    staged = {batch.first: batch for batch in StagedBatch.objects.filter(document_id=document.id)}
    actor = Actor(user_id=document.created_by_id, role="member", kind="task")
    rows: list[np.ndarray[Any, np.dtype[np.float32]]] = []
    for batch in _batches(chunks):
        kept = staged.get(batch.first)
        if kept is not None and kept.digest == batch.digest:
            rows.append(np.frombuffer(kept.vectors, "<f4").reshape(-1, kept.dimensions))
            continue
        # A fresh id a call: a call that is repeated after a crash was paid for twice, and the
        # ledger says so.
        vectors = np.asarray(
            embed(
                batch.texts, actor=actor, feature="ingest", request_id=uuid4(), purpose="document"
            ),
            dtype="<f4",
        )
        rows.append(vectors)
        done = min(batch.first + BATCH, len(chunks)) / len(chunks)
        with lease.locked():
            StagedBatch.objects.update_or_create(
                document_id=document.id,
                first=batch.first,
                defaults={
                    "digest": batch.digest,
                    "vectors": vectors.tobytes(),
                    "dimensions": vectors.shape[1],
                },
            )
            lease.progress(progress=PARSED + (EMBEDDED - PARSED) * done)
    return np.concatenate(rows)


def _index(
    lease: Lease, chunks: Sequence[Chunk], vectors: np.ndarray[Any, np.dtype[np.float32]]
) -> None:
    """Make the passages searchable and the document ready, in one transaction."""
    document = lease.document
    with lease.locked():
        source_index(
            source_id=document.id,
            name=document.name,
            media_type=document.media_type,
            owner_id=document.created_by_id,
            collection_id=document.collection_id,
            chunks=[
                NewChunk(
                    ordinal=part.ordinal,
                    text=part.text,
                    start=part.start,
                    end=part.end,
                    page=part.page,
                    heading=part.heading,
                )
                for part in chunks
            ],
            embeddings=list(vectors),
        )
        StagedBatch.objects.filter(document_id=document.id).delete()
        lease.release(
            status=Status.READY, progress=1.0, error="", error_code="", attempts=0, waits=0
        )
    log.info("documents.ready", document_id=str(document.id), chunks=len(chunks))
