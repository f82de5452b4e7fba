"""What Write made is kept in versions: read, compared, restored, taken away as files, deleted."""

import json
from io import BytesIO
from typing import Any
from uuid import uuid4

import docx
import pytest

from assistant.difference import side_by_side
from assistant.models import TextVersion
from assistant.wordfile import word_file
from search.filing import collection_create
from search.models import Filing
from tenants.context import SYSTEM, entered
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ADA, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db
WORDY = "In order to save money, please note that we basically need to very quickly act."


def write(person: Person = MAX, **body: Any) -> dict[str, Any]:
    answer = api(person).post("/api/v1/write/", json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    written: dict[str, Any] = answer.json()
    return written


def text(text_id: str, person: Person = MAX) -> dict[str, Any]:
    answer = api(person).get(f"/api/v1/write/texts/{text_id}/")
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_rewrite_is_kept_beside_what_was_given() -> None:
    written = write(task="rewrite", text=WORDY)
    kept = text(written["text_id"])
    assert [(one["number"], one["origin"]) for one in kept["versions"]] == [
        (1, "given"), (2, "written"),
    ]  # fmt: skip
    assert (kept["versions"][0]["text"], kept["versions"][1]["text"]) == (WORDY, written["text"])
    page = browser_of(MAX).get(f"/write/texts/{kept['id']}/?version=2&against=1").content.decode()
    assert "<del>In order to" in page
    listed = api(MAX).get("/api/v1/write/texts/").json()["results"]
    assert [(one["id"], one["versions_kept"]) for one in listed] == [(kept["id"], 2)]


def test_a_text_is_called_by_its_first_words_without_their_marks(localaws: LocalAws) -> None:
    localaws.script(chunks=["## **Journeys** by [rail](https://a.example/), `v2`\n\nWords."])
    written = write(task="draft", instructions="A note about journeys")
    assert text(written["text_id"])["title"] == "Journeys by rail, v2"


def test_a_long_title_is_cut_at_a_word_and_says_so(localaws: LocalAws) -> None:
    localaws.script(chunks=["The kiln of the pottery " * 12])
    title = text(write(task="draft", instructions="A note about kilns")["text_id"])["title"]
    assert title.startswith("The kiln of the pottery The kiln")
    assert title.endswith(("pottery…", "kiln…", "the…", "of…", "The…"))
    assert 100 < len(title) <= 120


def test_a_text_is_renamed_by_its_user_alone_and_a_refused_title_is_kept() -> None:
    written = write(task="draft", instructions="A note about kilns")
    address, page = (
        f"/api/v1/write/texts/{written['text_id']}/",
        f"/write/texts/{written['text_id']}/",
    )
    before = text(written["text_id"])
    answer = api(MAX).patch(
        address, {"title": " Kilns\u200b, 2026 "}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["title"]) == (200, "Kilns, 2026")
    assert text(written["text_id"])["versions"] == before["versions"]
    for title, said in (("\u200b", "Write a title."), ("x" * 121, "at most 120 characters")):
        refused = browser_of(MAX).post(f"{page}rename/", {"title": title})
        assert refused.status_code == 400
        assert said in refused.content.decode()
        assert f'value="{title}"' in refused.content.decode()
    old = browser_of(MAX).post(f"{page}rename/", {"title": "Mine", "seen": "another's"})
    assert old.status_code == 409
    assert browser_of(ADA).post(f"{page}rename/", {"title": "Mine"}).status_code == 404
    assert browser_of(MAX).post(f"{page}rename/", {"title": "Kilns, 2027"}).status_code == 302
    assert text(written["text_id"])["title"] == "Kilns, 2027"


def test_another_writing_is_another_version_and_an_earlier_one_comes_back(
    localaws: LocalAws,
) -> None:
    localaws.script(chunks=["It is on June 12."])
    first = write(task="draft", instructions="A note\n- It is on June 12.")
    second = write(task="draft", instructions="A note\n- On May 3.", text_id=first["text_id"])
    assert (second["text_id"], second["version"]) == (first["text_id"], 2)
    path = f"/api/v1/write/texts/{first['text_id']}/restore/"
    made = api(MAX).post(path, {"version": 1}, content_type="application/json")
    assert made.status_code == 201
    assert (made.json()["number"], made.json()["origin"]) == (3, "restored")
    assert made.json()["text"] == first["text"]
    again = api(MAX).post(path, {"version": 1}, content_type="application/json")
    assert (again.status_code, again.json()) == (200, made.json())
    missing = api(MAX).post(path, {"version": 9}, content_type="application/json")
    assert (missing.status_code, code_of(missing)) == (404, "version_unknown")


def test_restoring_on_the_page_says_so_and_deleting_takes_all_versions() -> None:
    kept = write(task="rewrite", text=WORDY)["text_id"]
    client = browser_of(MAX)
    page = client.post(f"/write/texts/{kept}/restore/", {"version": "1"}, follow=True)
    assert "Version 1 is back, as version 3" in page.content.decode()
    page = client.post(f"/write/texts/{kept}/restore/", {"version": "1"}, follow=True)
    assert "Version 3 is equal to version 1 already" in page.content.decode()
    assert len(text(kept)["versions"]) == 3, "another tab that was late makes no other version"
    page = client.post(f"/write/texts/{kept}/delete/", follow=True)
    assert "No texts yet" in page.content.decode()
    with entered(tenant_of(MAX)):
        assert not TextVersion.objects.exists()


@pytest.mark.parametrize("person", [ADA, BOB, CHARLIE])
def test_a_text_is_its_users_alone(person: Person) -> None:
    kept = write(task="rewrite", text=WORDY)["text_id"]
    refused = 403 if person is BOB else 404  # a viewer does not write
    for path in (f"write/texts/{kept}/", f"write/texts/{kept}/export/"):
        assert api(person).get(f"/api/v1/{path}").status_code == refused
    answer = api(person).post(
        "/api/v1/write/",
        {"task": "rewrite", "text": WORDY, "text_id": kept},
        content_type="application/json",
    )
    assert answer.status_code == refused
    theirs = api(person)
    address, json = f"/api/v1/write/texts/{kept}/", "application/json"
    assert theirs.patch(address, {"title": "x"}, content_type=json).status_code == refused
    assert theirs.delete(address).status_code == refused
    restored = theirs.post(f"{address}restore/", {"version": 1}, content_type=json)
    assert restored.status_code == refused
    mine = text(kept)
    assert mine["title"] != "x" and len(mine["versions"]) == 2


def test_a_summary_of_several_documents_is_kept_with_its_sources() -> None:
    one = ready("Travel policy.md", HANDBOOK)
    two = ready("Leave policy.md", "# Leave\n\nParents take sixteen weeks of paid leave.\n")
    written = write(task="summarize", document_ids=[str(one.id), str(two.id)])
    assert {read["document_name"] for read in written["read"]} == {one.name, two.name}
    assert written["citations"]
    kept = text(written["text_id"])["versions"][0]["citations"]
    assert [one["quote"] for one in kept] == [one["quote"] for one in written["citations"]]
    export = f"/api/v1/write/texts/{written['text_id']}/export/"
    markdown = api(MAX).get(export)
    assert markdown["Content-Type"] == "text/markdown; charset=utf-8"
    assert written["citations"][0]["quote"] in markdown.content.decode()
    word = api(MAX).get(export, {"as": "docx", "version": "1"})
    lines = [line.text for line in docx.Document(BytesIO(word.content)).paragraphs]
    assert "Sources" in lines
    assert any(written["citations"][0]["quote"] in line for line in lines)


def test_a_source_that_one_may_not_open_any_more_is_left_out() -> None:
    document = ready("Travel policy.md", HANDBOOK)
    written = write(task="summarize", document_ids=[str(document.id)])
    with entered(tenant_of(MAX)):
        closed = collection_create(actor=SYSTEM, name="Board", open=False)
        Filing.objects.create(document_id=document.id, collection_id=closed.id)
    assert text(written["text_id"])["versions"][0]["citations"] == []
    markdown = api(MAX).get(f"/api/v1/write/texts/{written['text_id']}/export/")
    assert "> [1]" not in markdown.content.decode()


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("as=pdf", 400, "export_kind_unknown"),
        ("version=9", 404, "version_unknown"),
        ("version=one", 404, "version_unknown"),
        ("version=²", 404, "version_unknown"),
        (f"version={'9' * 30}", 404, "version_unknown"),
    ],
)
def test_what_cannot_be_exported_is_said(query: str, status: int, code: str) -> None:
    kept = write(task="rewrite", text=WORDY)["text_id"]
    answer = api(MAX).get(f"/api/v1/write/texts/{kept}/export/?{query}")
    assert (answer.status_code, code_of(answer)) == (status, code)


def test_a_text_that_there_is_not_gets_no_version() -> None:
    answer = api(MAX).post(
        "/api/v1/write/",
        {"task": "rewrite", "text": WORDY, "text_id": str(uuid4())},
        content_type="application/json",
    )
    assert (answer.status_code, code_of(answer)) == (404, "not_found")


def test_markup_in_a_version_is_shown_as_text() -> None:
    kept = write(task="rewrite", text="<script>alert(1)</script> is basically what we need.")
    page = browser_of(MAX).get(f"/write/texts/{kept['text_id']}/?version=2&against=1")
    assert "<script>alert" not in page.content.decode()
    assert "&lt;script&gt;" in page.content.decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("one two\nthree", "one 2\nthree\nfour"), ("", "a\n\nb"), ("a\nb\nc", "c"),
        ("x" * 50, "y"), ("same", "same"), ("word " * 3_000, "other " * 3_000),
    ],
)  # fmt: skip
def test_the_sides_of_a_difference_are_the_texts(before: str, after: str) -> None:
    rows = side_by_side(before, after)
    for side, whole in (("before", before), ("after", after)):
        lines = [getattr(row, side) for row in rows if getattr(row, side) is not None]
        assert ["".join(piece for piece, _ in line) for line in lines] == whole.splitlines()
    assert any(row.changed for row in rows) is (before != after)


def test_only_the_words_that_differ_are_marked() -> None:
    [row] = side_by_side("The fee is 10 euros.", "The fee is 12 euros.")
    assert row.before == [("The fee is ", False), ("10", True), (" euros.", False)]
    assert row.after == [("The fee is ", False), ("12", True), (" euros.", False)]


def test_markdown_becomes_word() -> None:
    markdown = (
        "# Title\n\nSome **bold**, *slanted* and `code`.\x0b\n\n- one\n  - deeper\n\n1. first\n\n"
        "> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx = 1\n```\n\n[a](https://a.example)"
    )
    file = docx.Document(BytesIO(word_file("Title\x00", markdown, [])))
    lines = {line.text: line for line in file.paragraphs}
    assert lines["Title"].style.name == "Heading 1"
    assert [run.text for run in lines["Some bold, slanted and code."].runs if run.bold] == ["bold"]
    assert lines["one"].style.name == "List Bullet"
    assert lines["deeper"].style.name == "List Bullet 2"
    assert lines["first"].style.name == "List Number"
    assert lines["quoted"].style.name == "Quote"
    assert lines["x = 1"].runs[0].font.name == "Courier New"
    assert "a (https://a.example)" in lines
    [table] = file.tables
    assert [[cell.text for cell in row.cells] for row in table.rows] == [["a", "b"], ["1", "2"]]
