"""Tags: set by whoever may change a document, seen and filtered by whoever may read it."""

from typing import Any
from uuid import uuid4

import pytest

from documents.models import Document
from search.models import Tagging
from tenants.context import entered
from tests.documents.helpers import HANDBOOK, ingested, ready, upload
from tests.support.cast import ADA, BOB, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of

pytestmark = pytest.mark.django_db
JSON = "application/json"


def tag(document: Document, *tags: str, person: Person = MAX) -> Any:
    path = f"/api/v1/documents/{document.id}/"
    return api(person).patch(path, {"tags": list(tags)}, JSON)


def bulk(action: str, ids: list[Any], *tags: str) -> Any:
    body = {"action": action, "document_ids": [str(each) for each in ids], "tags": list(tags)}
    return api(MAX).post("/api/v1/documents/bulk/", body, JSON)


def tags_of(document: Any, person: Person = BOB) -> list[str]:
    found: list[str] = api(person).get(f"/api/v1/documents/{document}/").json()["tags"]
    return found


def listed(**query: str) -> set[str]:
    return {row["name"] for row in api(BOB).get("/api/v1/documents/", query).json()["results"]}


def test_tags_are_set_whole_and_filter_the_list_and_search() -> None:
    first, second = ready("Travel.md", HANDBOOK), ready("Copy.md", HANDBOOK + "\nMore.\n")
    assert tag(first, "Policy", " 2026  plan ", "policy").json()["tags"] == ["2026 plan", "Policy"]
    assert tag(second, "policy").json()["tags"] == ["policy"]
    assert listed(tag="POLICY") == {"Travel.md", "Copy.md"}
    assert listed(tag="2026 plan") == {"Travel.md"}
    assert listed(tag="nothing") == set()

    def found(*tags: str) -> set[str]:
        body = {"query": "hotel room", "tags": list(tags)}
        answer = api(BOB).post("/api/v1/search/", body, JSON)
        return {each["document"]["name"] for each in answer.json()["results"]}

    hits = browser_of(BOB).get("/search/", {"q": "hotel room", "tag": "2026 plan"})
    assert "Travel.md" in hits.content.decode()
    assert "Copy.md" not in hits.content.decode()
    assert found("policy") == {"Travel.md", "Copy.md"}
    assert found("policy", "2026 PLAN") == {"Travel.md"}
    assert found("nothing") == set()
    assert tag(first).json()["tags"] == []
    assert found("2026 plan") == set()
    page = browser_of(BOB).get("/documents/", {"tag": "policy"}).content.decode()
    assert "Copy.md" in page
    assert "Travel.md" not in page
    assert browser_of(BOB).get("/documents/", {"tag": "no such tag"}).status_code == 200


def test_the_list_is_of_one_state_and_of_one_collection() -> None:
    made = api(MAX).post("/api/v1/collections/", {"name": "Rules", "open": True}, JSON).json()["id"]
    assert ingested(upload("a.md", HANDBOOK, MAX, collection=made).json()["id"]).status == "ready"
    ready("b.md", HANDBOOK + "\nMore.\n")
    waiting = upload("c.md", HANDBOOK + "\nStill more.\n", MAX).json()["status"]
    assert listed(status="ready") == {"a.md", "b.md"}
    assert listed(status=waiting) == {"c.md"}
    assert listed(collection=made) == {"a.md"}
    assert listed(collection=made, status=waiting) == set()
    wrong = api(BOB).get("/api/v1/documents/", {"status": "done", "collection": "Rules"})
    assert wrong.status_code == 400 and set(wrong.json()["errors"]) == {"status", "collection"}


def test_many_documents_are_tagged_beside_their_own_tags_or_none() -> None:
    first, second = ready("a.md", HANDBOOK), ready("b.md", HANDBOOK + "\nMore.\n")
    tag(first, "Own")
    assert bulk("tag", [first.id, second.id], "Team", "own").status_code == 204
    assert tags_of(first.id) == ["own", "Team"]
    assert bulk("untag", [first.id, second.id], "TEAM").status_code == 204
    assert (tags_of(first.id), tags_of(second.id)) == (["own"], ["own"])
    assert bulk("tag", [first.id, uuid4()], "x").status_code == 404
    assert tags_of(first.id) == ["own"]
    form = {"action": "tag", "document": [first.id, second.id], "tags": "Red, Blue sky,"}
    page = browser_of(MAX).post("/documents/bulk/", form, follow=True).content.decode()
    assert "2 documents tagged" in page
    assert tags_of(second.id) == ["Blue sky", "own", "Red"]
    empty = browser_of(MAX).post("/documents/bulk/", {**form, "tags": " , "}, follow=True)
    assert "up to 20 tags" in empty.content.decode()


def test_what_is_no_tag_is_refused_and_nothing_changes() -> None:
    document = ready("a.md", HANDBOOK)
    tag(document, "Own")
    for wrong in (["x" * 41], [""], [" , "], ["\u202e"], [str(n) for n in range(21)], "Own"):
        path = f"/api/v1/documents/{document.id}/"
        assert api(MAX).patch(path, {"tags": wrong}, JSON).status_code == 400, wrong
    assert code_of(tag(document, "\u202e")) == "tags_wrong"
    assert bulk("tag", [document.id]).status_code == 400
    assert bulk("tag", [document.id], *[str(n) for n in range(20)]).status_code == 400
    assert tags_of(document.id) == ["Own"]
    assert tag(document, "mine", person=BOB).status_code == 403
    page = browser_of(MAX).post(f"/documents/{document.id}/tags/", {"tags": "Ä 1, b"}, follow=True)
    assert "Tags saved" in page.content.decode()
    assert tags_of(document.id) == ["b", "Ä 1"]


def test_tags_of_a_closed_collection_are_told_to_its_members_alone() -> None:
    made = api(MAX).post("/api/v1/collections/", {"name": "Ours", "open": False}, JSON).json()
    given = upload("secret.md", HANDBOOK, collection=made["id"]).json()["id"]
    document = ingested(given)
    tag(document, "Layoffs")
    assert tag(document, "mine", person=ADA).status_code == 404
    assert "Layoffs" in browser_of(MAX).get("/documents/").content.decode()
    assert "Layoffs" not in browser_of(ADA).get("/documents/").content.decode()


def test_tags_follow_to_a_new_version_and_go_with_the_document() -> None:
    from tests.documents.test_versions import replaced

    first = ready("Travel.md", HANDBOOK)
    tag(first, "Policy")
    second = replaced(first.id, HANDBOOK + "\nNewer.\n").json()
    assert second["tags"] == ["Policy"]
    ingested(second["id"])
    assert api(MAX).delete(f"/api/v1/documents/{second['id']}/").status_code == 204
    with entered(tenant_of(MAX)):
        assert not Tagging.objects.exists()
