"""From a stored file to searchable passages, in steps that each leave a lasting trace.

1. parse: the canonical text is saved. 2. mask, where the posture says so: what is found in each
part is saved, then the masked text with its map (`masking.py`). 3. embed: vectors are staged, by
calls here (`vectors.py`) or by a batch job, for which the document waits held by nobody
(`batching.py`). 4. index: passages, vectors and the state `ready` appear in one transaction. A
delivery that dies is followed by another, which finds the traces and does the rest; one that was
merely slow finds its lease gone at its next write. No AWS call runs inside a transaction.
"""

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.db.models.functions import Now

from bedrock.gateway import mask_version
from bedrock.selectors import embedding_model
from documents import batching
from documents.chunking import Chunk
from documents.copying import copies_await
from documents.errors import LeaseLost, ServiceBusy, StoredFileMissing
from documents.lease import Lease, lease_take
from documents.masking import mask_document
from documents.models import Document, DocumentText, StagedBatch, Status
from documents.parsing import limits_for, parse
from documents.renditions import Rendition
from documents.seeing import is_looked_at, picture_read
from documents.vectors import EMBEDDED, PARSED, Rows, embed_rest, groups_of
from search.copies import placement
from search.services import NewChunk, source_index, source_indexed
from tenants.errors import TenantryError
from tenants.objects import object_parts

log = structlog.get_logger(__name__)

WAITS: Final = 10  # times a busy service may send the ingestion away without progress between
LONGEST_WAIT: Final = 60.0  # seconds


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
        return _steps(lease)
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


def _steps(lease: Lease) -> float | None:
    document, version = lease.document, mask_version()
    anew = document.status == Status.READY
    if not anew and document.masked_with == version and source_indexed(document.id, version):
        # All that is missing is its copies' way.
        return copies_await(lease)
    content = DocumentText.objects.filter(document_id=lease.document.id).first()
    text = mask_document(lease, content or _parse(lease))
    chunks = text.chunks()
    # A document that is embedded anew stays ready: its words are found all the while.
    if not anew:
        lease.write(status=Status.EMBEDDING, chunks=len(chunks))
    where, model = placement(), embedding_model()
    vectors: Rows | None = None
    if where.schema:  # a Knowledge Base embeds its copies itself
        groups = list(groups_of(chunks, model))
        if batching.joined(lease, groups):
            return None
        vectors = embed_rest(lease, groups)
    _index(lease, text, chunks, vectors, where.bases, model)
    return copies_await(lease) if where.bases else None


def _parse(lease: Lease) -> DocumentText:
    """Read the stored file in the limited child and save its text."""
    document = lease.document
    parts = object_parts(document.object_key)
    if parts is None:
        raise StoredFileMissing
    with tempfile.NamedTemporaryFile(prefix="document-") as file:
        file.writelines(parts)
        file.flush()
        path = Path(file.name)
        if is_looked_at(document):
            parsed = picture_read(document, path)
        else:
            parsed = parse(path, document.media_type, limits=limits_for(document.size))
    with lease.locked():
        content = DocumentText.objects.create(
            document_id=document.id,
            text=parsed.text,
            pages=[[page.number, page.start, page.end] for page in parsed.pages],
            headings=[[head.level, head.title, head.start] for head in parsed.headings],
            recognized=list(parsed.recognized),
            unread=list(parsed.unread),
        )
        lease.progress(
            progress=PARSED,
            title=parsed.title[:300],
            pages=len(parsed.pages),
            characters=len(parsed.text),
        )
    document.title = parsed.title[:300]
    return content


def _index(
    lease: Lease,
    text: Rendition,
    chunks: Sequence[Chunk],
    vectors: Rows | None,
    bases: Sequence[UUID],
    model: str,
) -> None:
    """Make the passages searchable and the document ready, in one transaction.

    Passages hold the text that was used, their offsets are the original's. With Knowledge Bases the
    document is ready only when these have its copies.
    """
    document = lease.document
    places = [text.origin(part.start, part.end) for part in chunks]
    with lease.locked():
        source_index(
            source_id=document.id,
            name=document.masked_name or document.name,
            masked_with=document.masked_with,
            media_type=document.media_type,
            owner_id=document.created_by_id,
            model=model,
            chunks=[
                NewChunk(
                    ordinal=part.ordinal,
                    text=part.text,
                    start=start,
                    end=end,
                    page=part.page,
                    heading=part.heading,
                )
                for part, (start, end) in zip(chunks, places, strict=True)
            ],
            embeddings=None if vectors is None else list(vectors),
            bases=bases,
            attached_to=document.attached_to,
        )
        StagedBatch.objects.filter(document_id=document.id).delete()
        if bases:
            lease.progress(progress=EMBEDDED)
            return
        lease.ready()
    log.info("documents.ready", document_id=str(document.id), chunks=len(chunks))
