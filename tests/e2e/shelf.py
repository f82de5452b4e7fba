"""Upload from outside, and wait as a program would: by asking for the status."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.waiting import eventually

API = "/api/v1"
READY_WITHIN = 60  # seconds
STATES = ("queued", "parsing", "embedding", "ready", "failed")
Json = dict[str, Any]


def upload(client: httpx.Client, name: str, content: bytes, **form: str) -> httpx.Response:
    """Send a file as a form does."""
    return client.post(f"{API}/documents/", files={"file": (name, content)}, data=form)


def uploaded(client: httpx.Client, name: str, content: bytes, **form: str) -> str:
    """Send a file that is taken, and return the document's id."""
    answer = upload(client, name, content, **form)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ended(client: httpx.Client, document_id: str, within: float = READY_WITHIN) -> Json:
    """Wait until a document is ready or failed, and return it."""

    def look() -> Json | None:
        document: Json = client.get(f"{API}/documents/{document_id}/").raise_for_status().json()
        assert document["status"] in STATES
        assert 0 <= document["progress"] <= 1
        return document if document["status"] in ("ready", "failed") else None

    return eventually(look, within) or {}


def ready(client: httpx.Client, name: str, content: bytes, **form: str) -> Json:
    """Upload a file and wait until it can be asked."""
    document = ended(client, uploaded(client, name, content, **form))
    assert document["status"] == "ready", document
    return document


def text_at(client: httpx.Client, document_id: str, start: int, end: int) -> str:
    """Return `text[start:end]` of the document's extracted text."""
    span = {"start": start, "end": end}
    answer = client.get(f"{API}/documents/{document_id}/text/", params=span)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["text"])


def code_of(answer: httpx.Response, status: int) -> str:
    """Return the stable code of a refusal with this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return str(problem["code"])
