"""Malformed searches are refused with a stable code, and nothing is asked of a model for them."""

from typing import Any

import pytest

from tests.search.shelf import shelve
from tests.support.cast import ALICE, BOB, CHARLIE
from tests.support.clients import api, browser_of, code_of, stranger
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db

URL = "/api/v1/search/"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "   "},
        {"query": None},
        {"query": ["a"]},
        {"query": "x" * 1001},
        {"query": "nul \x00 inside"},
        {"query": "a", "limit": 0},
        {"query": "a", "limit": 51},
        {"query": "a", "limit": "many"},
        {"query": "a", "document_ids": "no list"},
        {"query": "a", "document_ids": ["no id"]},
        {"query": "a", "collection_ids": [7]},
        {"query": "a", "document_ids": ["00000000-0000-4000-8000-000000000000"] * 1001},
        ["query"],
    ],
)
def test_a_malformed_search_is_invalid(localaws: LocalAws, body: Any) -> None:
    answer = api(ALICE).post(URL, body, content_type="application/json")
    assert answer.status_code == 400
    assert code_of(answer) == "invalid"
    assert localaws.requests("InvokeModel") == []


def test_broken_json_is_invalid() -> None:
    answer = api(ALICE).post(URL, '{"query": ', content_type="application/json")
    assert (answer.status_code, code_of(answer)) == (400, "invalid")


def test_a_query_of_a_thousand_characters_is_taken() -> None:
    answer = api(ALICE).post(URL, {"query": "word " * 200}, content_type="application/json")
    assert answer.status_code == 200


def test_a_stranger_and_another_tenants_key_are_refused() -> None:
    body = {"query": "anything"}
    for client in (stranger(ALICE.host), api(CHARLIE, host=ALICE.host)):
        answer = client.post(URL, body, content_type="application/json")
        assert (answer.status_code, code_of(answer)) == (401, "not_authenticated")


def test_a_search_makes_one_metered_embedding(localaws: LocalAws) -> None:
    shelve(ALICE, "one.txt", "Otters swim in the river.")
    localaws.reset()
    api(ALICE).post(URL, {"query": "otters"}, content_type="application/json")
    assert len(localaws.requests("InvokeModel")) == 1


def test_collections_are_made_listed_and_not_made_twice() -> None:
    member = api(ALICE)
    made = member.post("/api/v1/collections/", {"name": " Legal "}, content_type="application/json")
    assert made.status_code == 201
    assert made.json()["name"] == "Legal"
    again = member.post("/api/v1/collections/", {"name": "legal"}, content_type="application/json")
    assert (again.status_code, code_of(again)) == (409, "collection_exists")
    listed = api(BOB).get("/api/v1/collections/").json()["results"]
    assert [one["name"] for one in listed] == ["Legal"]
    assert api(CHARLIE).get("/api/v1/collections/").json()["results"] == []


def test_a_viewer_makes_no_collection() -> None:
    answer = api(BOB).post(
        "/api/v1/collections/", {"name": "Mine"}, content_type="application/json"
    )
    assert (answer.status_code, code_of(answer)) == (403, "forbidden")


def test_a_stranger_is_sent_to_sign_in() -> None:
    answer = stranger(ALICE.host).get("/search/?q=otters")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=")


def test_the_page_refuses_other_methods() -> None:
    assert browser_of(ALICE).post("/search/", {"q": "a"}).status_code == 405
