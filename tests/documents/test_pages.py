"""The list: what it shows, finds and sorts, and how it stays live."""

import re

import pytest

from tests.documents.helpers import HANDBOOK, ingested, ready, upload
from tests.support import files
from tests.support.cast import BOB, MAX
from tests.support.clients import browser_of
from tests.support.statements import statements_of_page

pytestmark = pytest.mark.django_db

NAME = re.compile(r'data-name="([^"]+)"')


def names(html: str) -> list[str]:
    return NAME.findall(html)


def test_an_empty_workspace_says_what_to_do_first() -> None:
    member = browser_of(MAX).get("/documents/").content.decode()
    assert "No documents yet" in member
    assert "data-dropzone" in member
    viewer = browser_of(BOB).get("/documents/").content.decode()
    assert "No documents yet" in viewer
    assert "data-dropzone" not in viewer


def test_the_list_sorts_finds_and_filters() -> None:
    ready("beta.md", HANDBOOK)
    ready("Alpha notes.txt", "Short.")
    ingested(upload("gamma.pdf", files.corrupt_pdf()).json()["id"])
    browser = browser_of(BOB)

    def shown(**query: str) -> list[str]:
        return names(browser.get("/documents/", query).content.decode())

    assert shown() == ["gamma.pdf", "Alpha notes.txt", "beta.md"]
    assert shown(sort="name") == ["Alpha notes.txt", "beta.md", "gamma.pdf"]
    assert shown(sort="size") == ["Alpha notes.txt", "beta.md", "gamma.pdf"]
    assert shown(sort="nonsense; DROP") == ["gamma.pdf", "Alpha notes.txt", "beta.md"]
    assert shown(q="NOTES alpha") == ["Alpha notes.txt"]
    assert shown(q="%") == []
    assert shown(status="failed") == ["gamma.pdf"]
    assert shown(status="ready") == ["Alpha notes.txt", "beta.md"]
    assert "No document matches" in browser.get("/documents/", {"q": "zeta"}).content.decode()


@pytest.mark.parametrize("page", ["/ask/", "/write/"])
def test_documents_to_choose_from_are_found_by_whatever_is_pasted(page: str) -> None:
    ready("Alpha notes.txt", "Short.")
    for pasted in ("alp\x00ha", "\u202e", "😀", "x" * 5_000):
        answer = browser_of(MAX).get(page, {"find": pasted})
        assert answer.status_code == 200
        assert ("Alpha notes.txt" in answer.content.decode()) == ("alp" in pasted)


def test_rows_tell_how_far_an_ingestion_is_and_a_deleted_one_is_missing() -> None:
    document_id = upload("notes.md", HANDBOOK).json()["id"]
    gone = upload("gone.md", HANDBOOK).json()["id"]
    browser = browser_of(MAX)
    browser.post(f"/documents/{gone}/delete/")

    def rows() -> str:
        return browser.get("/documents/rows/", {"id": [document_id, gone, "x"]}).content.decode()

    assert names(rows()) == ["notes.md"]
    assert "data-live" in rows()
    ingested(document_id)
    assert "data-live" not in rows()
    assert "status--ready" in rows()


def test_a_failed_document_is_tried_again_from_its_row() -> None:
    document = ingested(upload("broken.pdf", files.corrupt_pdf()).json()["id"])
    browser = browser_of(MAX)
    assert document.error[:20] in browser.get("/documents/").content.decode()
    answer = browser.post(f"/documents/{document.id}/retry/", headers={"HX-Request": "true"})
    assert "status--queued" in answer.content.decode()


def test_the_form_uploads_without_scripts() -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    browser = browser_of(MAX)
    answer = browser.post(
        "/documents/",
        {
            "file": [
                SimpleUploadedFile("a.md", HANDBOOK.encode()),
                SimpleUploadedFile("b.xyz", b"x"),
            ]
        },
        follow=True,
    )
    html = answer.content.decode()
    assert names(html) == ["a.md"]
    assert "1 uploaded" in html
    assert "b.xyz: This kind of file is not supported" in html


def test_a_name_is_shown_never_run() -> None:
    ready("<script>alert(1)<.md".replace("/", ""), HANDBOOK)
    html = browser_of(MAX).get("/documents/").content.decode()
    assert "<script>alert" not in html


def test_statements_do_not_grow_with_the_list() -> None:
    browser = browser_of(BOB)
    counts = []
    for number in range(2):
        for index in range(4):
            upload(f"note {number}-{index}.txt", "Short.")
        counts.append(statements_of_page(browser, "/documents/"))
    assert counts[0] == counts[1]
