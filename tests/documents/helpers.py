"""Upload, ingest and ask as one of the cast."""

from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from documents import lease
from documents.models import Document, DocumentText
from documents.tasks import document_ingest
from search.models import Chunk, Posting, Source, Vector
from tenants.context import entered
from tests.support.cast import MAX, Person
from tests.support.clients import api, tenant_of

HANDBOOK = """# Travel policy

This page says how people of Acme Works travel.

## Working abroad

Employees may work abroad for up to 30 days in a calendar year. The manager approves it in writing \
before the journey begins.

## Hotels

A hotel room may cost at most 140 euros a night. Breakfast is part of the room rate.

## Trains

Trains are booked in second class. Journeys of more than 4 hours may be booked in first class.
"""


def upload(name: str, content: bytes | str, person: Person = MAX, **form: Any) -> Any:
    """POST a file to the API and return the response."""
    body = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(name, body, content_type="application/octet-stream")
    return api(person).post("/api/v1/documents/", {"file": file, **form})


def ingested(document_id: UUID | str, person: Person = MAX) -> Document:
    """Run the ingestion's body here, as its worker would, and return the document after it.

    The lease is not renewed meanwhile: a test's rows may be seen by its own connection alone, and
    what is renewed from another would be taken for lost after five seconds on a busy machine.
    """
    with entered(tenant_of(person)), pytest.MonkeyPatch.context() as patched:
        patched.setattr(lease, "RENEW_SECONDS", 600.0)
        document_ingest(str(document_id))
        return Document.objects.get(id=document_id)


def ready(name: str, content: bytes | str, person: Person = MAX) -> Document:
    """Upload and ingest a file that can be read."""
    answer = upload(name, content, person)
    assert answer.status_code == 201, answer.content
    document = ingested(answer.json()["id"], person)
    assert document.status == "ready", f"{document.status}: {document.error}"
    return document


def text_of(document: Document, person: Person = MAX) -> str:
    with entered(tenant_of(person)):
        return DocumentText.objects.get(document_id=document.id).text


def indexed(document_id: UUID | str, person: Person = MAX) -> dict[str, Any]:
    """Return everything that is indexed for a document, comparable between runs."""
    with entered(tenant_of(person)):
        chunks = Chunk.objects.filter(source_id=document_id).order_by("ordinal")
        return {
            "sources": Source.objects.filter(id=document_id).count(),
            "chunks": list(chunks.values_list("ordinal", "text", "start", "end", "page")),
            "vectors": Vector.objects.filter(source_id=document_id).count(),
            "terms": sorted(
                Posting.objects.filter(source_id=document_id).values_list("term", flat=True)
            ),
        }
