"""The public contract's refusals: roles, strangers, malformed requests; and its schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from uuid import uuid4

import httpx
import pytest
from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY
from referencing.jsonschema import DRAFT202012

from tests.e2e.shelf import API, Json, code_of, ready, upload
from tests.support.live import LiveStack

RULES_3_1 = "openapi_3_1_schema.json"
RULES = "Anchors are not dropped in front of the Skagerrak quay between October and March.\n"
QUESTION = "When are anchors not dropped in front of the Skagerrak quay?"


def faults(schema: Json) -> list[str]:
    """Return where a document is not OpenAPI 3.1, by the specification's own schema.

    Its references are looked up once: `jsonschema.validate` walks through it for each.
    """
    rules = json.loads(files("drf_spectacular.validation").joinpath(RULES_3_1).read_text())
    known = (DRAFT202012.create_resource(rules) @ REGISTRY).crawl()
    found = Draft202012Validator(rules, registry=known).iter_errors(schema)
    return [f"{each.json_path}: {each.message}" for each in found]


@pytest.fixture(scope="module")
def member(live_stack: LiveStack) -> Iterator[httpx.Client]:
    """acme's member, with the key of `demo.json`."""
    with live_stack.http(live_stack.person("acme", "member")) as client:
        yield client


@pytest.fixture(scope="module")
def viewer(live_stack: LiveStack) -> Iterator[httpx.Client]:
    with live_stack.http(live_stack.person("acme", "viewer")) as client:
        yield client


@pytest.fixture(scope="module")
def foreign(live_stack: LiveStack) -> str:
    """The id of a document of globex's."""
    with live_stack.http(live_stack.person("globex", "owner")) as client:
        return str(client.get(f"{API}/documents/").json()["results"][0]["id"])


@pytest.fixture(scope="module")
def rules(member: httpx.Client) -> Json:
    """A document of acme's that is ready."""
    return ready(member, "Quay rules.txt", RULES.encode())


def test_a_viewer_may_read_and_ask_but_neither_upload_write_nor_delete(
    viewer: httpx.Client, rules: Json
) -> None:
    refused = [
        upload(viewer, "Mine.txt", b"Mine."),
        viewer.delete(f"{API}/documents/{rules['id']}/"),
        viewer.post(f"{API}/write/", json={"task": "rewrite", "text": "Some words."}),
        viewer.post(f"{API}/collections/", json={"name": "Mine"}),
    ]
    for answer in refused:
        assert code_of(answer, 403) == "forbidden"
    assert viewer.get(f"{API}/documents/{rules['id']}/").status_code == 200
    assert viewer.post(f"{API}/search/", json={"query": "anchors"}).status_code == 200
    assert viewer.post(f"{API}/ask/", json={"question": QUESTION}).status_code == 200
    assert viewer.get(f"{API}/usage/").status_code == 200


@pytest.mark.parametrize("whose", ["nobody's", "another workspace's"])
def test_unknown_and_invisible_are_the_same_404(
    member: httpx.Client, foreign: str, whose: str
) -> None:
    one = foreign if whose == "another workspace's" else str(uuid4())
    ids = {"document_ids": [one]}
    refused = [
        member.get(f"{API}/documents/{one}/"),
        member.delete(f"{API}/documents/{one}/"),
        member.get(f"{API}/documents/{one}/text/"),
        member.post(f"{API}/search/", json={"query": "quay", **ids}),
        member.post(f"{API}/ask/", json={"question": QUESTION, **ids}),
        member.post(f"{API}/write/", json={"task": "summarize", **ids}),
        member.get(f"{API}/conversations/{one}/"),
        member.post(f"{API}/conversations/{one}/messages/", json={"text": "Hello"}),
    ]
    for answer in refused:
        assert code_of(answer, 404) == "not_found"


MALFORMED = {
    "search": [{}, {"query": ""}, {"query": "a", "limit": 0}, {"query": "a", "document_ids": [1]}],
    "ask": [{}, {"question": ""}, {"question": "x" * 4_001}, {"question": "a", "document_ids": 1}],
    "write": [{}, {"task": "translate", "text": "a"}, {"task": "summarize"}],
    "conversations": [{"title": "x" * 500}],
}


@pytest.mark.parametrize("path", MALFORMED)
def test_malformed_requests_are_refused_with_a_code(member: httpx.Client, path: str) -> None:
    for body in MALFORMED[path]:
        answer = member.post(f"{API}/{path}/", json=body)
        assert answer.status_code in (400, 422), body
        assert code_of(answer, answer.status_code)
    broken = member.post(
        f"{API}/{path}/", content=b'{"query": ', headers={"Content-Type": "application/json"}
    )
    assert code_of(broken, 400) == "invalid"


def test_without_a_valid_key_nobody_is_let_in(live_stack: LiveStack) -> None:
    member, stranger = live_stack.person("acme", "member"), live_stack.person("globex", "owner")
    for key in ("", "tnt_not-a-key", stranger.api_key):
        with live_stack.http(member, key=key) as client:
            answer = client.get(f"{API}/documents/")
        assert code_of(answer, 401) == "not_authenticated"
        assert answer.headers["WWW-Authenticate"]


def test_the_browsers_session_is_enough_and_changes_need_its_token(live_stack: LiveStack) -> None:
    member = live_stack.person("acme", "member")
    cookie = {"session": live_stack.session(member)}
    with live_stack.http(member, key="", cookies=cookie) as client:
        assert client.get(f"{API}/documents/").status_code == 200
        forged = client.post(f"{API}/search/", json={"query": "quay"})
        assert forged.status_code == 403
    stranger = live_stack.person("globex", "member")
    with live_stack.http(stranger, key="", cookies=cookie) as client:
        assert code_of(client.get(f"{API}/documents/"), 401) == "not_authenticated"


def test_an_unknown_host_and_an_unknown_address_are_404(
    live_stack: LiveStack, member: httpx.Client
) -> None:
    nobody = {"Host": f"nobody.localhost:{live_stack.port}"}
    assert member.get(f"{API}/documents/", headers=nobody).status_code == 404
    assert code_of(member.get(f"{API}/nothing/"), 404) == "not_found"


def test_the_schema_is_valid_openapi_and_names_every_address(member: httpx.Client) -> None:
    accept = {"Accept": "application/vnd.oai.openapi+json"}
    schema = member.get(f"{API}/schema/", headers=accept).json()
    assert schema["openapi"].startswith("3.1.")
    assert faults(schema) == []
    one, said = "conversations/{conversation_id}/", "conversations/{conversation_id}/messages/"
    named = {
        "documents/": {"get", "post"}, "documents/{document_id}/": {"get", "delete"},
        "search/": {"post"}, "ask/": {"post"}, "write/": {"post"},
        "conversations/": {"get", "post"}, one: {"get"}, said: {"post"}, "usage/": {"get"},
    }  # fmt: skip
    for path, methods in named.items():
        assert methods <= set(schema["paths"][f"{API}/{path}"]), path
    page = member.get(f"{API}/docs/", follow_redirects=False)
    assert page.status_code in (200, 302)  # people sign in first
