"""A new version takes a document's place: it is searched, and what quoted the old one says so."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from assistant.models import Conversation, Message, MessageRole
from assistant.shapes import citation_dict
from documents.citations import Citation
from documents.models import Document, LooseObject
from search.models import Filing, Source
from tenants.context import entered
from tests.documents.helpers import HANDBOOK, indexed, ingested, ready, text_of, upload
from tests.support.cast import ADA, ALICE, BOB, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of, user_of
from tests.support.statements import statements_of_page

pytestmark = pytest.mark.django_db
JSON = "application/json"
NEWER = HANDBOOK.replace("140 euros", "165 euros")
QUOTE = "A hotel room may cost at most 140 euros a night."


def replaced(
    document_id: Any, content: str, name: str = "Travel 2.md", person: Person = MAX
) -> Any:
    file = SimpleUploadedFile(name, content.encode())
    return api(person).post(f"/api/v1/documents/{document_id}/versions/", {"file": file})


def found(query: str, person: Person = BOB) -> list[str]:
    answer = api(person).post("/api/v1/search/", {"query": query}, JSON)
    assert answer.status_code == 200, answer.content
    return [each["document"]["id"] for each in answer.json()["results"]]


def ids(rows: Any) -> list[str]:
    return [row["id"] for row in rows]


def test_the_new_version_is_searched_once_it_is_ready_and_the_old_one_until_then() -> None:
    first = ready("Travel.md", HANDBOOK)
    made = replaced(first.id, NEWER)
    assert (made.status_code, made.json()["version"]) == (201, 2)
    second = made.json()["id"]
    assert set(found("hotel room euros")) == {str(first.id)}
    assert ingested(second).status == "ready"
    assert set(found("hotel room euros")) == {second}
    assert indexed(first.id)["sources"] == 0
    assert ids(api(BOB).get("/api/v1/documents/").json()["results"]) == [second]
    old = api(BOB).get(f"/api/v1/documents/{first.id}/").json()
    assert (old["status"], old["version"], bool(old["replaced_at"])) == ("ready", 1, True)
    for each in (first.id, second):
        versions = api(BOB).get(f"/api/v1/documents/{each}/versions/").json()
        assert ids(versions) == [second, str(first.id)]
    assert QUOTE in text_of(first)
    ask = {"question": "What may a hotel room cost?", "document_ids": [str(first.id)]}
    answer = api(BOB).post("/api/v1/ask/", ask, JSON).json()
    assert {each["document_id"] for each in answer["citations"]} == {second}
    assert "165 euros" in answer["answer"]


def test_versions_that_become_ready_in_any_order_leave_the_newest() -> None:
    first = ready("Travel.md", HANDBOOK)
    second = replaced(first.id, NEWER).json()["id"]
    third = replaced(first.id, NEWER + "\nThird.\n").json()["id"]
    for each in (third, second):
        assert ingested(each).status == "ready"
        assert set(found("hotel room euros")) == {third}
    with entered(tenant_of(MAX)):
        assert list(Source.objects.values_list("id", flat=True).filter(id__in=[first.id, second,
                    third])) == [Document.objects.get(id=third).id]  # fmt: skip


def test_a_stored_answer_marks_what_was_replaced_or_removed_and_still_opens_it() -> None:
    first, other = ready("Travel.md", HANDBOOK), ready("Other.md", "The gate opens at seven.")
    start = text_of(first).index(QUOTE)

    def cited(number: int, document: Document, quote: str, begin: int) -> dict[str, Any]:
        return citation_dict(
            Citation(
                number, document.id, document.name, None, quote, begin, begin + len(quote), uuid4()
            )
        )

    with entered(tenant_of(ALICE)):
        conversation = Conversation.objects.create(owner=user_of(ALICE), title="Hotels")
        question = Message.objects.create(
            conversation=conversation, position=1, role=MessageRole.USER, text="What?"
        )
        Message.objects.create(
            conversation=conversation, parent=question, position=2, role=MessageRole.ASSISTANT,
            text="140 euros [1]. At seven [2].", request_id=uuid4(), grounded="full",
            citations=[cited(1, first, QUOTE, start),
                       cited(2, other, "The gate opens at seven.", 0)],
        )  # fmt: skip
    path = f"/api/v1/conversations/{conversation.id}/"

    def standing() -> list[str]:
        return [
            each["standing"] for each in api(ALICE).get(path).json()["messages"][1]["citations"]
        ]

    page = f"/assistant/{conversation.id}/"
    assert standing() == ["current", "current"]
    html = browser_of(ALICE).get(page).content.decode()
    assert "Replaced since" not in html and 'badge--success" data-grounded' in html
    second = ingested(replaced(first.id, NEWER).json()["id"])
    assert api(MAX).delete(f"/api/v1/documents/{other.id}/").status_code == 204
    assert standing() == ["replaced", "removed"]
    html = browser_of(ALICE).get(page).content.decode()
    assert html.count("Replaced since") == 1
    assert html.count(">Removed<") == 1
    assert html.count(">1 replaced since<") == html.count(">1 removed<") == 1  # beside the fold
    assert 'badge--warning" data-grounded' in html
    address = f"/documents/{first.id}/?start={start}&end={start + len(QUOTE)}"
    viewer = browser_of(ALICE).get(address).content.decode()
    assert f"{QUOTE}</mark>" in viewer
    assert "Replaced by a newer version" in viewer
    assert f"/documents/{second.id}/" in viewer


def test_whoever_may_not_read_the_old_version_does_not_read_the_new_one() -> None:
    made = api(MAX).post("/api/v1/collections/", {"name": "Ours", "open": False}, JSON).json()
    first = upload("Secret.md", HANDBOOK, collection=made["id"]).json()["id"]
    ingested(first)
    assert replaced(first, NEWER, person=ADA).status_code == 404
    assert replaced(first, NEWER, person=BOB).status_code == 403
    second = replaced(first, NEWER).json()["id"]
    ingested(second)
    for each in (first, second):
        assert api(ADA).get(f"/api/v1/documents/{each}/").status_code == 404
        assert api(MAX).get(f"/api/v1/documents/{each}/").json()["collections"] == [made["id"]]
    assert (
        api(MAX).patch(f"/api/v1/documents/{second}/", {"collections": []}, JSON).status_code == 200
    )
    for each in (first, second):  # all versions are read by the same people
        assert api(ADA).get(f"/api/v1/documents/{each}/").status_code == 200


def test_a_member_who_may_only_read_a_collection_replaces_nothing_in_it() -> None:
    made = api(MAX).post("/api/v1/collections/", {"name": "Ours", "open": False}, JSON).json()
    path = f"/api/v1/collections/{made['id']}/members/{user_of(ADA).id}/"
    assert api(MAX).put(path, {"right": "read"}, JSON).status_code == 200
    first = upload("Secret.md", HANDBOOK, collection=made["id"]).json()["id"]
    refused = replaced(first, NEWER, person=ADA)
    assert (refused.status_code, code_of(refused)) == (403, "forbidden")
    with entered(tenant_of(MAX)):
        assert Document.objects.count() == 1
        assert LooseObject.objects.filter(remove_after__lte=timezone.now()).count() == 1


def test_deleting_takes_older_versions_along_and_one_that_failed_goes_alone() -> None:
    first = ready("Travel.md", HANDBOOK)
    failed = replaced(first.id, "%PDF-1.7 nothing", "Travel.pdf")
    assert ingested(failed.json()["id"]).status == "failed"
    assert set(found("hotel room euros")) == {str(first.id)}
    assert api(MAX).delete(f"/api/v1/documents/{failed.json()['id']}/").status_code == 204
    assert set(found("hotel room euros")) == {str(first.id)}
    second = replaced(first.id, NEWER).json()["id"]
    third = replaced(second, NEWER + "\nThird.\n").json()["id"]
    ingested(second)
    ingested(third)
    assert api(MAX).delete(f"/api/v1/documents/{first.id}/").status_code == 204
    assert ids(api(BOB).get(f"/api/v1/documents/{third}/versions/").json()) == [third, second]
    assert api(MAX).delete(f"/api/v1/documents/{third}/").status_code == 204
    with entered(tenant_of(MAX)):
        assert not Document.objects.exists()
        assert not Filing.objects.exists()
        assert not Source.objects.exists()
        assert LooseObject.objects.count() == 4


def test_the_same_content_and_what_is_no_file_replace_nothing() -> None:
    first = ready("Travel.md", HANDBOOK)
    same = replaced(first.id, HANDBOOK)
    assert (same.status_code, code_of(same)) == (409, "same_version")
    assert replaced(uuid4(), NEWER).status_code == 404
    assert replaced(first.id, "", "x.md").status_code == 422
    assert api(MAX).post(f"/api/v1/documents/{first.id}/versions/", {}).status_code == 400
    page = browser_of(MAX).post(f"/documents/{first.id}/replace/", {}, follow=True)
    assert "Choose a file first" in page.content.decode()
    form = {"file": SimpleUploadedFile("New.md", NEWER.encode())}
    page = browser_of(MAX).post(f"/documents/{first.id}/replace/", form, follow=True)
    assert "Version 2 uploaded" in page.content.decode()


def test_versions_cost_the_list_no_statement() -> None:
    first = ready("Travel.md", HANDBOOK)
    browser = browser_of(MAX)
    before = statements_of_page(browser, "/documents/")
    ingested(replaced(first.id, NEWER).json()["id"])
    assert statements_of_page(browser, "/documents/") == before
