"""Bodies with fields that no operation knows are refused by name, and so are limits without sense.

Passed over, a misspelt `collection_ids` asks everything and a misspelt `open` opens a collection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from config.document import Document
from documents.models import Document as Row
from search.models import Collection
from tenants.context import entered
from tests.support.cast import ALICE, MAX, Person
from tests.support.clients import api, tenant_of

pytestmark = pytest.mark.django_db
JSON = "application/json"
# address, method, body, the field, what was meant
MISTAKES: tuple[tuple[Person, str, str, dict[str, Any], str, str], ...] = (
    (MAX, "post", "ask/", {"question": "Otters?", "colection_ids": []}, "colection_ids",
     "collection_ids"),
    (MAX, "post", "search/", {"query": "otters", "document_id": []}, "document_id",
     "document_ids"),
    (MAX, "post", "collections/", {"name": "Mine", "opn": False}, "opn", "open"),
    (MAX, "post", "write/", {"task": "draft", "instruction": "A poem"}, "instruction",
     "instructions"),
    (MAX, "post", "conversations/", {"titel": "Otters"}, "titel", "title"),
    (ALICE, "put", "usage/cap/", {"usd": None, "USD": "5"}, "USD", "usd"),
    (ALICE, "post", "keys/", {"name": "Reader", "scope": ["search"]}, "scope", "scopes"),
    (ALICE, "post", "webhooks/", {"url": "https://93.184.215.14/", "event": []}, "event",
     "events"),
)  # fmt: skip


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each operation that takes a body, with its schema."""
    document = Document().get_schema()  # type: ignore[no-untyped-call]
    for methods in document["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield operation["operationId"], content["schema"]


def objects_in(schema: Any, known: dict[str, Any], seen: set[str]) -> Iterator[dict[str, Any]]:
    """Yield every object with properties of its own that a schema holds."""
    if isinstance(schema, list):
        for each in schema:
            yield from objects_in(each, known, seen)
    if not isinstance(schema, dict):
        return
    if name := schema.get("$ref", "").rpartition("/")[2]:
        if name not in seen:
            seen.add(name)
            yield from objects_in(known[name], known, seen)
        return
    if "properties" in schema:
        yield schema
    for each in schema.values():
        yield from objects_in(each, known, seen)


def test_every_body_is_closed_in_the_openapi_document_and_every_answer_open() -> None:
    document = Document().get_schema()  # type: ignore[no-untyped-call]
    known, count = document["components"]["schemas"], 0
    for operation, schema in bodies():
        count += 1
        for each in objects_in(schema, known, set()):
            assert each.get("additionalProperties") is False, (
                operation,
                sorted(each["properties"]),
            )
    assert count > 40
    for name in ("Document", "Collection", "Conversation", "Results", "Usage"):
        assert known[name].get("additionalProperties") is not False, name


@pytest.mark.parametrize("mistake", MISTAKES, ids=[each[2] for each in MISTAKES])
def test_a_misspelt_field_is_refused_by_name_and_nothing_is_made(
    mistake: tuple[Person, str, str, dict[str, Any], str, str],
) -> None:
    person, method, address, body, field, meant = mistake
    answer = getattr(api(person), method)(f"/api/v1/{address}", body, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content
    assert answer.json()["errors"] == {field: [f"There is no such field. Did you mean {meant}?"]}
    assert answer.json()["detail"].startswith(f"{field}: ")
    with entered(tenant_of(MAX)):
        assert not Collection.objects.filter(name="Mine").exists()


def test_a_field_that_resembles_none_is_refused_with_those_that_there_are() -> None:
    body = {"name": "Kilns", "\u202e" * 5_000: 1}
    answer = api(MAX).post("/api/v1/collections/", body, content_type=JSON)
    assert answer.status_code == 400
    ((field, said),) = answer.json()["errors"].items()
    assert len(field) == 100
    assert said == ["There is no such field. Send any of: name, open."]


def test_a_file_for_a_collection_misspelt_is_not_shown_to_everybody() -> None:
    file = SimpleUploadedFile("payroll.txt", b"What each of us earns")
    form = {"file": file, "colection": "8f14e45f-ceea-4e7a-9c1b-1d5c0a0a0a0a"}
    answer = api(MAX).post("/api/v1/documents/", form)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"] == {
        "colection": ["There is no such field. Did you mean collection?"]
    }
    with entered(tenant_of(MAX)):
        assert not Row.objects.filter(name="payroll.txt").exists()


def test_what_an_answer_holds_may_be_sent_back_and_changes_nothing_else() -> None:
    client = api(MAX)
    made = client.post("/api/v1/collections/", {"name": "Glazes"}, content_type=JSON).json()
    again = client.patch(
        f"/api/v1/collections/{made['id']}/", {**made, "name": "Slips"}, content_type=JSON
    )
    assert again.status_code == 200, again.content
    assert again.json() == {**made, "name": "Slips"}


@pytest.mark.parametrize("limit", ["abc", "", "0", "-1", "1.5", "²", "\u0665", "0" * 5_000])
def test_a_limit_that_is_no_number_is_refused(limit: str) -> None:
    answer = api(ALICE).get("/api/v1/documents/", {"limit": limit})
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"] == {"limit": ["Give a whole number from 1 to 100."]}


def test_a_limit_beyond_the_most_gives_the_most() -> None:
    client: Client = api(ALICE)
    for limit in ("1", "100", "101", "9" * 5_000):
        assert client.get("/api/v1/documents/", {"limit": limit}).status_code == 200, limit[:9]


def test_an_unknown_field_with_half_a_character_is_refused_as_others_are() -> None:
    body = '{"query": "otters", "\\ud800kiln": 1}'
    answer = api(MAX).post("/api/v1/search/", body, content_type=JSON)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["errors"]) == ["?kiln"]
