"""Put documents into a workspace's index by the real path: real embeddings, real index."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from django.test import Client

from bedrock.gateway import embed, mask_version
from search.models import Filing, Source
from search.services import NewChunk, source_index
from tenants.context import SYSTEM, entered
from tests.support.cast import Person
from tests.support.clients import tenant_of


def shelve(
    person: Person,
    name: str,
    *texts: str,
    source_id: UUID | None = None,
    collection_id: UUID | None = None,
    media_type: str = "text/plain",
    headings: Sequence[str] = (),
) -> UUID:
    """Index a document of these passages in the person's workspace and return its id."""
    source_id = source_id or uuid4()
    chunks = []
    at = 0
    for ordinal, text in enumerate(texts):
        heading = headings[ordinal] if headings else ""
        chunks.append(NewChunk(ordinal, text, at, at + len(text), ordinal + 1, heading))
        at += len(text) + 2
    with entered(tenant_of(person)):
        vectors = embed(
            [f"{chunk.heading}\n{chunk.text}" for chunk in chunks],
            actor=SYSTEM,
            feature="ingest",
            request_id=uuid4(),
            purpose="document",
        )
        if collection_id is not None:
            Filing.objects.get_or_create(document_id=source_id, collection_id=collection_id)
        source_index(
            source_id=source_id,
            name=name,
            media_type=media_type,
            owner_id=None,
            chunks=chunks,
            embeddings=vectors,
            masked_with=mask_version(),  # these texts hold nothing to mask
        )
    return source_id


def find(client: Client, query: str, **more: Any) -> list[dict[str, Any]]:
    """Search by REST and return the results."""
    answer = client.post(
        "/api/v1/search/", {"query": query, **more}, content_type="application/json"
    )
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def names(results: list[dict[str, Any]]) -> list[str]:
    """Return the documents' names, in order."""
    return [result["document"]["name"] for result in results]


def statistics(person: Person) -> tuple[int, int]:
    """Return how many chunks and terms the workspace's ranking believes there are."""
    with entered(tenant_of(person)):
        rows = list(Source.objects.values_list("chunk_count", "term_count"))
    return sum(row[0] for row in rows), sum(row[1] for row in rows)
