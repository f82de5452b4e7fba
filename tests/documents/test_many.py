"""Many documents at once: chosen, moved, deleted, told from copies, and listed at any number."""

import os
import re
import threading
from html import unescape
from time import perf_counter
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from documents.models import Document, LooseObject, Status
from documents.selectors import sorting
from search.models import Collection, Filing
from tenants.context import entered
from tenants.keyset import AFTER, Place
from tests.documents.helpers import HANDBOOK, ready, upload
from tests.support.cast import ADA, ALICE, BOB, MAX
from tests.support.clients import api, browser_of, code_of, tenant_of, user_of

pytestmark = pytest.mark.django_db
JSON = "application/json"
ROWS = int(os.environ.get("DOCUMENT_ROWS", "1000"))


def act(action: str, *ids: Any, person: Any = MAX, **more: Any) -> Any:
    body = {"action": action, "document_ids": [str(each) for each in ids], **more}
    return api(person).post("/api/v1/documents/bulk/", body, JSON)


def count() -> int:
    with entered(tenant_of(MAX)):
        return Document.objects.count()


def test_many_are_deleted_or_moved_together_or_not_at_all() -> None:
    ids = [upload(f"{number}.md", HANDBOOK).json()["id"] for number in range(3)]
    made = api(MAX).post("/api/v1/collections/", {"name": "Ours", "open": False}, JSON).json()
    assert act("delete", *ids, uuid4()).status_code == 404
    assert act("move", *ids, collection_ids=[str(uuid4())]).status_code == 404
    assert count() == 3
    assert act("move", *ids, collection_ids=[made["id"]]).status_code == 204
    assert api(ADA).get(f"/api/v1/documents/{ids[0]}/").status_code == 404
    assert api(MAX).get(f"/api/v1/documents/{ids[0]}/").json()["collections"] == [made["id"]]
    assert act("delete", *ids, person=ADA).status_code == 404
    assert act("delete", *ids, person=BOB).status_code == 403
    path = f"/api/v1/documents/{ids[0]}/"
    assert api(MAX).patch(path, {"collections": []}, JSON).json()["collections"] == []
    assert api(ADA).get(path).status_code == 200
    assert act("delete", *ids).status_code == 204
    assert count() == 0
    with entered(tenant_of(MAX)):
        assert not Filing.objects.exists()
        assert LooseObject.objects.count() == 3
    for wrong in ({"action": "burn"}, {"document_ids": []}, {"document_ids": ["x"]}):
        body = {"action": "delete", "document_ids": ids, **wrong}
        assert api(MAX).post("/api/v1/documents/bulk/", body, JSON).status_code == 400, wrong
    assert act("delete", *[uuid4() for _ in range(201)]).status_code == 400


def test_two_tabs_and_a_second_click_do_it_once() -> None:
    first, second = (upload(f"{number}.md", HANDBOOK).json()["id"] for number in range(2))
    browser = browser_of(MAX)
    form = {"action": "delete", "document": [first, second]}
    browser.post(f"/documents/{first}/delete/")  # the other tab
    assert (
        "1 document deleted" in browser.post("/documents/bulk/", form, follow=True).content.decode()
    )
    again = browser.post("/documents/bulk/", form, follow=True).content.decode()
    assert "Choose documents that are still here" in again
    assert count() == 0


def test_the_list_is_shown_as_it_was_after_something_was_done_in_it() -> None:
    ids = [
        upload(f"report {number}.md", HANDBOOK + str(number)).json()["id"] for number in range(2)
    ]
    upload("Other.md", HANDBOOK)
    browser = browser_of(MAX)
    asked = "?q=report&sort=name"
    page = browser.get(f"/documents/{asked}").content.decode()
    [address] = re.findall(r'action="(/documents/bulk/[^"]*)"', page)
    form = {"document": ids[0], "action": "tag", "tags": "checked"}
    done = browser.post(unescape(address), form, follow=True)
    assert done.redirect_chain == [(f"/documents/{asked}", 302)]
    page = done.content.decode()
    assert "1 document tagged" in page
    assert "report 1.md" in page
    assert "Other.md" not in page
    nothing = browser.post(unescape(address), {**form, "tags": " , "}, follow=True)
    assert nothing.redirect_chain == [(f"/documents/{asked}", 302)]


def test_a_copy_is_refused_where_asked_and_names_its_twin_only_to_whom_may_read_it() -> None:
    first = upload("first.md", HANDBOOK).json()["id"]
    refused = upload("second.md", HANDBOOK, keep_both="false")
    assert (refused.status_code, code_of(refused)) == (409, "duplicate")
    assert (refused.json()["document_id"], refused.json()["document_name"]) == (first, "first.md")
    assert upload("second.md", HANDBOOK, keep_both="true").status_code == 201
    assert upload("third.md", HANDBOOK).status_code == 201
    made = api(MAX).post("/api/v1/collections/", {"name": "Ours", "open": False}, JSON).json()
    upload("secret.md", "Only for us.", collection=made["id"])
    assert upload("mine.md", "Only for us.", ADA, keep_both="false").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_the_same_file_from_several_tabs_at_once_one_is_kept() -> None:
    answers: list[int] = []

    def send() -> None:
        answers.append(upload("same.md", HANDBOOK, keep_both="false").status_code)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409, 409, 409, 409, 409]
    assert count() == 1


def test_a_document_is_renamed_by_whoever_may_change_it() -> None:
    document = ready("travel.md", HANDBOOK)
    path = f"/api/v1/documents/{document.id}/"
    assert api(MAX).patch(path, {"name": "Journeys"}, JSON).json()["name"] == "Journeys.md"
    assert api(BOB).patch(path, {"name": "Mine"}, JSON).status_code == 403
    page = browser_of(MAX).post(f"/documents/{document.id}/rename/", {"name": "Trips"}, follow=True)
    assert "Trips.md" in page.content.decode()
    long = api(MAX).patch(path, {"name": "x" * 10_000}, JSON)
    assert long.status_code == 400


def _near_the_end(sort: str) -> str:
    """Return the cursor of the last page but a few rows."""
    by, falling = sorting(sort)
    with entered(tenant_of(MAX)):
        rows: Any = Document.objects.annotate(value=by).order_by("value", "pk")
        row = rows[60] if falling else rows.reverse()[60]
        return str(Place(AFTER, row.value, row.pk))


def test_a_list_of_any_length_costs_the_same_statements(capsys: Any) -> None:
    browser = browser_of(MAX)

    def cost(path: str) -> tuple[int, float]:
        with CaptureQueriesContext(connection) as queries:
            begun = perf_counter()
            assert browser.get(path).status_code == 200
            return len(queries), perf_counter() - begun

    ready("report of travels.md", HANDBOOK)
    paths = ("/documents/", "/documents/?sort=name", "/documents/?q=report", "/ask/",
             "/api/v1/documents/")  # fmt: skip
    before = {path: min(cost(path) for _ in range(3))[0] for path in paths}
    with entered(tenant_of(ALICE)):
        owner = user_of(ALICE)
        held = Collection.objects.create(name="Closed", open=False, owner_id=uuid4())
        rows = [
            Document(name=f"report {number}.md", media_type="text/markdown", size=number,
                     sha256=f"{number:064}", object_key=f"x/{number}", created_by=owner,
                     status=Status.READY, progress=1.0)
            for number in range(ROWS)
        ]  # fmt: skip
        Document.objects.bulk_create(rows, batch_size=1000)
        Filing.objects.bulk_create(
            [Filing(document_id=row.id, collection=held) for row in rows[::10]], batch_size=1000
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE documents_document, search_filing")
    after = {path: sorted(cost(path) for _ in range(3)) for path in paths}
    assert {path: costs[0][0] for path, costs in after.items()} == before
    for sort in ("-created", "name", "size"):
        path = f"/documents/?sort={sort}&at={_near_the_end(sort)}"
        after[path] = sorted(cost(path) for _ in range(3))
        assert after[path][0][0] == before["/documents/"]
    for page, box in (("/ask/", "document"), ("/write/", "document_ids")):
        assert "These are the first 200." in browser.get(page).content.decode()
        wanted = {"find": f"{ROWS - 1} report", box: rows[1].id}
        path = f"{page}?{urlencode(wanted)}"
        after[path] = sorted(cost(path) for _ in range(3))
        offered = browser.get(page, wanted).content.decode()
        assert re.findall(r"<span>(.*?)</span>", offered) == [rows[1].name, rows[-1].name]
        assert "first 200" not in offered
        assert rows[10].name not in browser.get(page, {"find": rows[10].name}).content.decode()
    with capsys.disabled():
        shown = {path[:30]: f"{1000 * costs[1][1]:.0f} ms" for path, costs in after.items()}
        print(f"\n{ROWS} documents: {before} statements, {shown}")
