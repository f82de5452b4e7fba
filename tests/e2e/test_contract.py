"""The public contract over HTTP: `demo.json` and every REST row, from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.e2e.shelf import API, Json, code_of, ended, ready, text_at, upload
from tests.support import files
from tests.support.live import LiveStack

HANDBOOK = """# Harbour handbook

## Berths
The ferry Aurelia may stay at berth seven for 36 hours without notice.
Longer stays need the consent of the harbour office in Lindesnes.

## Fuel
Marine diesel is sold at the north quay between 6 and 22 o'clock only.
"""
QUESTION = "For how many hours may the ferry Aurelia stay at berth seven?"
TENANTS = {
    "acme": ("growth", "general", "us-east-1", "schema"),
    "globex": ("enterprise", "regulated", "eu-central-1", "kb_dedicated"),
    "initech": ("trial", "general", "us-east-1", "kb_shared"),
}
ROLES = ["owner", "admin", "member", "viewer"]


@pytest.fixture(scope="module")
def member(live_stack: LiveStack) -> Iterator[httpx.Client]:
    """acme's member, with the key of `demo.json`."""
    with live_stack.http(live_stack.person("acme", "member")) as client:
        yield client


@pytest.fixture(scope="module")
def stranger(live_stack: LiveStack) -> Iterator[httpx.Client]:
    """globex's owner."""
    with live_stack.http(live_stack.person("globex", "owner")) as client:
        yield client


@pytest.fixture(scope="module")
def handbook(member: httpx.Client) -> Json:
    """A document of acme's that is ready."""
    return ready(member, "Harbour handbook.md", HANDBOOK.encode())


def members_of(found: Any, **types: Any) -> None:
    """Check that an object has these members, each of its type."""
    assert isinstance(found, dict), found
    for name, kind in types.items():
        assert name in found, (name, found)
        assert isinstance(found[name], kind), (name, found[name])


def test_demo_json_tells_where_and_who(live_stack: LiveStack) -> None:
    demo = json.loads((live_stack.var / "demo.json").read_text())
    assert set(demo) == {"base_url", "localaws_url", "staff", "tenants"}
    assert demo["base_url"] == f"http://localhost:{live_stack.port}"
    assert demo["localaws_url"] == f"http://127.0.0.1:{live_stack.localaws_port}"
    assert set(demo["staff"]) == {"url", "email", "password"}
    assert demo["staff"]["url"] == f"{demo['base_url']}/admin/"
    assert [tenant["slug"] for tenant in demo["tenants"]] == list(TENANTS)
    for tenant in demo["tenants"]:
        assert set(tenant) == {
            "slug", "url", "plan", "posture", "region", "retrieval", "users",
        }  # fmt: skip
        slug = tenant["slug"]
        assert tenant["url"] == f"http://{slug}.localhost:{live_stack.port}"
        told = (tenant["plan"], tenant["posture"], tenant["region"], tenant["retrieval"])
        assert told == TENANTS[slug]
        assert [user["role"] for user in tenant["users"]] == ROLES
        for user in tenant["users"]:
            assert set(user) == {"email", "password", "role", "api_key"}
            assert user["email"] == f"{user['role']}@{slug}.example"
            assert user["password"]
            assert user["api_key"]


@pytest.mark.parametrize("slug", TENANTS)
def test_each_demo_workspace_has_several_ready_documents_of_several_kinds(
    live_stack: LiveStack, slug: str
) -> None:
    with live_stack.http(live_stack.person(slug, "viewer")) as client:
        listed = client.get(f"{API}/documents/", params={"limit": 100}).json()["results"]
    ready_ones = [each for each in listed if each["status"] == "ready"]
    assert len(ready_ones) >= 3
    assert len({each["media_type"] for each in ready_ones}) >= 3


def test_health_and_readiness_answer_on_every_host(live_stack: LiveStack) -> None:
    for path in ("/readyz", "/healthz"):
        assert live_stack.get(path) == 200
    assert live_stack.get("/readyz", "acme.localhost") == 200


def test_a_document_is_uploaded_watched_listed_and_deleted_for_good(member: httpx.Client) -> None:
    answer = upload(member, "Tide table.txt", b"The spring tide at Lindesnes peaks at 04:17.")
    assert answer.status_code == 201
    made = answer.json()
    members_of(made, id=str, name=str, status=str)
    assert (UUID(made["id"]).version, made["name"]) == (4, "Tide table.txt")
    document = ended(member, made["id"])
    members_of(document, progress=(int, float), pages=int, chunks=int)
    assert (document["status"], document["progress"]) == ("ready", 1)
    assert document["error"] is None
    assert document["chunks"] >= 1
    newest = member.get(f"{API}/documents/").json()
    members_of(newest, results=list)
    assert made["id"] in [each["id"] for each in newest["results"]]
    asked = {"query": "spring tide at Lindesnes", "document_ids": [made["id"]]}
    assert member.post(f"{API}/search/", json=asked).json()["results"]
    gone = member.delete(f"{API}/documents/{made['id']}/")
    assert (gone.status_code, gone.content) == (204, b"")
    assert code_of(member.get(f"{API}/documents/{made['id']}/"), 404) == "not_found"
    assert code_of(member.post(f"{API}/search/", json=asked), 404) == "not_found"
    found = member.post(f"{API}/search/", json={"query": "spring tide at Lindesnes", "limit": 50})
    assert made["id"] not in [each["document"]["id"] for each in found.json()["results"]]


def test_a_list_is_read_page_by_page_with_cursors(member: httpx.Client) -> None:
    seen: list[str] = []
    page = member.get(f"{API}/documents/", params={"limit": 2}).json()
    while True:
        assert set(page) == {"results", "next", "previous"}
        assert len(page["results"]) <= 2
        seen += [each["id"] for each in page["results"]]
        if page["next"] is None:
            break
        page = member.get(httpx.URL(page["next"]).raw_path.decode()).json()
    assert len(seen) == len(set(seen)) > 2


REFUSED = {
    "a picture": ("photo.png", files.png(), 415, "unsupported_type"),
    "a picture named PDF": ("photo.pdf", files.png(), 415, "unsupported_type"),
    "a program": ("tool.exe", b"MZ" + bytes(200), 415, "unsupported_type"),
    "an empty file": ("empty.txt", b"", 422, "empty_file"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_is_no_document_is_refused_at_once(member: httpx.Client, kind: str) -> None:
    name, content, status, code = REFUSED[kind]
    assert code_of(upload(member, name, content), status) == code


def test_a_file_over_the_limit_is_refused_with_413(member: httpx.Client) -> None:
    assert code_of(upload(member, "big.txt", b"a" * (51 << 20)), 413) == "file_too_large"


FAILING = {
    "encrypted.pdf": (files.encrypted_pdf(), "encrypted_file"),
    "corrupt.pdf": (files.corrupt_pdf(), "corrupt_file"),
    "scan.pdf": (files.scanned_pdf(), "no_text"),
    "bomb.docx": (files.zip_bomb_docx(), "archive_bomb"),
    "traversal.docx": (files.traversal_docx(), None),
}


def test_a_file_that_cannot_be_read_is_refused_or_fails_with_its_reason(
    member: httpx.Client,
) -> None:
    sent = {name: upload(member, name, content) for name, (content, _) in FAILING.items()}
    for name, answer in sent.items():
        code = FAILING[name][1]
        if answer.status_code != 201:
            assert code in (None, code_of(answer, 422)), name
            continue
        document = ended(member, answer.json()["id"])
        assert (document["status"], bool(document["error"])) == ("failed", True), document
        assert code in (None, document["error_code"]), document
        assert member.delete(f"{API}/documents/{document['id']}/").status_code == 204


def test_a_name_with_a_path_is_only_a_name(member: httpx.Client) -> None:
    answer = upload(member, "../../etc/passwd.txt", b"Root of all evil.")
    assert answer.status_code == 201
    assert "/" not in answer.json()["name"]
    assert member.delete(f"{API}/documents/{answer.json()['id']}/").status_code == 204


def test_a_search_finds_passages_by_rank_and_keeps_to_its_scope(
    member: httpx.Client, handbook: Json
) -> None:
    answer = member.post(f"{API}/search/", json={"query": "ferry Aurelia berth", "limit": 5})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert 0 < len(results) <= 5
    assert [each["rank"] for each in results] == list(range(1, len(results) + 1))
    for each in results:
        members_of(each, document=dict, chunk_id=str, text=str, rank=int)
        members_of(each["document"], id=str, name=str)
        assert "page" in each
        UUID(each["chunk_id"])
        span = text_at(member, each["document"]["id"], each["start"], each["end"])
        assert each["text"] == span
    assert results[0]["document"] == {"id": handbook["id"], "name": "Harbour handbook.md"}
    other = member.get(f"{API}/documents/", params={"limit": 100}).json()["results"]
    elsewhere = next(
        each["id"] for each in other if each["id"] != handbook["id"] and each["status"] == "ready"
    )
    scoped = {"query": "ferry Aurelia berth", "document_ids": [elsewhere]}
    found = member.post(f"{API}/search/", json=scoped).json()["results"]
    assert {each["document"]["id"] for each in found} <= {elsewhere}


def test_a_collection_holds_what_was_uploaded_into_it(member: httpx.Client) -> None:
    made = member.post(f"{API}/collections/", json={"name": f"Boats {uuid4().hex[:6]}"})
    assert made.status_code == 201
    collection = made.json()["id"]
    inside = ready(member, "Dinghy.txt", b"The dinghy Puffin carries five.", collection=collection)
    asked = {"query": "dinghy Puffin", "collection_ids": [collection]}
    found = member.post(f"{API}/search/", json=asked).json()["results"]
    assert {each["document"]["id"] for each in found} == {inside["id"]}
    asked = {"query": "dinghy Puffin", "collection_ids": [str(uuid4())]}
    assert code_of(member.post(f"{API}/search/", json=asked), 404) == "not_found"


def test_an_answer_quotes_exactly_what_the_document_says(
    member: httpx.Client, handbook: Json
) -> None:
    asked = {"question": QUESTION, "document_ids": [handbook["id"]]}
    answer = member.post(f"{API}/ask/", json=asked)
    assert answer.status_code == 200
    found = answer.json()
    members_of(found, answer=str, grounded=str, citations=list, guardrail=dict, usage=dict)
    assert "36 hours" in found["answer"]
    assert found["grounded"] == "full"
    assert found["guardrail"]["action"] == "none"
    assert found["usage"]["input_tokens"] > 0
    UUID(found["request_id"])
    assert found["citations"]
    for citation in found["citations"]:
        members_of(citation, document_id=str, document_name=str, quote=str, start=int, end=int)
        assert citation["page"] is None  # Markdown has no pages
        exact = text_at(member, citation["document_id"], citation["start"], citation["end"])
        assert exact == citation["quote"]
        assert "36 hours" in exact


def test_what_no_document_says_is_said_to_be_unknown(member: httpx.Client) -> None:
    asked = {"question": "Who won the chess championship of Antarctica in 1911?"}
    found = member.post(f"{API}/ask/", json=asked).json()
    assert found["grounded"] == "none"
    assert found["citations"] == []


def test_a_regulated_workspace_answers_with_quotes_too(
    stranger: httpx.Client, live_stack: LiveStack
) -> None:
    note = b"The sterile store of ward nine is opened with the token called Heliotrope."
    document = ready(stranger, "Ward nine.txt", note)
    asked = {"question": "Which token opens the sterile store of ward nine?"}
    found = stranger.post(f"{API}/ask/", json=asked | {"document_ids": [document["id"]]}).json()
    assert "Heliotrope" in found["answer"]
    [citation] = found["citations"]
    assert text_at(stranger, document["id"], citation["start"], citation["end"]) == note.decode()
    assert citation["quote"] == note.decode()


WRITING: dict[str, Json] = {
    "draft": {"instructions": "A short notice that the north quay closes on Friday."},
    "rewrite": {"text": "In order to be able to moor, it is necessary that you call the office."},
    "summarize": {"text": HANDBOOK},
}


@pytest.mark.parametrize("task", WRITING)
def test_texts_are_drafted_rewritten_and_summarized(member: httpx.Client, task: str) -> None:
    answer = member.post(f"{API}/write/", json={"task": task, **WRITING[task]})
    assert answer.status_code == 200
    found = answer.json()
    members_of(found, text=str, usage=dict, request_id=str)
    assert found["text"]
    UUID(found["request_id"])


def test_a_document_is_summarized(member: httpx.Client, handbook: Json) -> None:
    asked = {"task": "summarize", "document_ids": [handbook["id"]]}
    found = member.post(f"{API}/write/", json=asked).json()
    assert "Aurelia" in found["text"] or "diesel" in found["text"]


def test_usage_names_meters_and_shares(member: httpx.Client, live_stack: LiveStack) -> None:
    found = member.get(f"{API}/usage/").json()
    members_of(
        found, period=str, plan=str, meters=list, by_feature=list, by_user=list, by_model=list,
        spend_usd=(int, float), forecast_usd=(int, float),
    )  # fmt: skip
    assert found["plan"] == "growth"
    assert len(found["period"]) == len("2026-11")
    for meter in found["meters"]:
        members_of(meter, metric=str, used=(int, float), reserved=(int, float), unit=str)
        assert meter["included"] is None or isinstance(meter["included"], (int, float))
    metrics = {meter["metric"] for meter in found["meters"]}
    assert {"model_tokens", "embedding_tokens", "storage_bytes"} <= metrics
    assert {each["email"] for each in found["by_user"]} <= {"member@acme.example"}
