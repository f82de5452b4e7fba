"""Long lists in pages that begin behind a row: every row once, whatever comes or goes meanwhile."""

import re
from base64 import urlsafe_b64encode
from html import unescape
from typing import Any

import pytest
from django.test import Client

from assistant.models import Conversation, WrittenText
from documents.models import Document, Status
from tenants.accounts.models import User
from tenants.context import entered
from tests.support.cast import ALICE, MAX
from tests.support.clients import browser_of, tenant_of, user_of

pytestmark = pytest.mark.django_db
ROWS = 130
LINK = r'href="([^"]+)" rel="{}"'


def documents(names: list[str]) -> None:
    Document.objects.bulk_create(
        Document(name=name, media_type="text/markdown", size=len(name), sha256=f"{number:064}",
                 object_key=f"x/{name}", status=Status.READY, progress=1.0)
        for number, name in enumerate(names)
    )  # fmt: skip


def linked(page: str, rel: str) -> str:
    """Return the address of the page beside this one; empty where there is none."""
    found = re.search(LINK.format(rel), page)
    return unescape(found[1]) if found else ""


def walked(browser: Client, path: str, row: str, rel: str = "next") -> list[list[str]]:
    """Return what each page shows, by a pattern of its rows, as one leafs through them."""
    pages, at = [], path
    while at:
        page = browser.get(at).content.decode()
        pages.append(re.findall(row, page))
        at = linked(page, rel)
        at = at if not at or at.startswith("/") else path.partition("?")[0] + at
        assert len(pages) < 20
    return pages


@pytest.mark.parametrize("sort", ["-created", "created", "name", "-name", "size", "-size"])
def test_every_document_is_shown_once_in_both_directions(sort: str) -> None:
    with entered(tenant_of(MAX)):
        documents([f"Report {number % 40:02}.md" for number in range(ROWS)])  # most are equals
    browser, path, row = browser_of(MAX), f"/documents/?sort={sort}", r'data-document="([^"]+)"'
    pages = walked(browser, path, row)
    assert [len(page) for page in pages] == [50, 50, 30]
    shown = [each for page in pages for each in page]
    assert len(set(shown)) == ROWS
    last = browser.get(path).content.decode()
    for _ in range(2):
        last = browser.get("/documents/" + linked(last, "next")).content.decode()
    assert "101–130 of 130" in last
    back = walked(browser, "/documents/" + linked(last, "prev"), row, "prev")
    assert back == [pages[1], pages[0]]


def test_what_comes_or_goes_meanwhile_moves_no_page() -> None:
    with entered(tenant_of(MAX)):
        documents([f"Report {number:03}.md" for number in range(ROWS)])
    browser, row = browser_of(MAX), r'data-name="([^"]+)"'
    first = browser.get("/documents/?sort=name").content.decode()
    with entered(tenant_of(MAX)):
        documents(["A report before all.md"])
        Document.objects.filter(name__in=["Report 003.md", "Report 049.md"]).delete()
    second = browser.get("/documents/" + linked(first, "next")).content.decode()
    assert re.findall(row, second)[0] == "Report 050.md"
    with entered(tenant_of(MAX)):
        Document.objects.filter(name__gte="Report 100.md").delete()
    gone = browser.get("/documents/" + linked(second, "next")).content.decode()
    assert re.findall(row, gone)[0] == "A report before all.md"  # nothing is left there: the first


NO_CURSORS = (
    "x", "%00", "é", "W10", "e30", "bnVsbA", "9" * 5000,
    *(
        urlsafe_b64encode(told).decode()
        for told in (
            b'["after", "2026-01-01T00:00:00Z"]',
            b'["after", "soon", "x"]',
            b'["aside", "2026-01-01T00:00:00Z", "x"]',
            b'["after", "\\u0000", "\\ud800"]',
            b'["after", 99999999999999999999, "00000000-0000-4000-8000-000000000000"]',
        )
    ),
)  # fmt: skip


def test_what_is_no_cursor_shows_the_first_page() -> None:
    browser = browser_of(MAX)
    for path in ("/documents/?sort=size&at=", "/documents/?sort=name&at=", "/documents/?at=",
                 "/assistant/?at=", "/settings/members/?at="):  # fmt: skip
        for cursor in NO_CURSORS:
            assert browser.get(path + cursor).status_code == 200, path + cursor


def test_conversations_texts_and_members_are_leafed_through() -> None:
    with entered(tenant_of(ALICE)):
        owner = user_of(ALICE)
        Conversation.objects.bulk_create(
            Conversation(owner=owner, title=f"Talk {number:03}") for number in range(ROWS)
        )
        Conversation.objects.filter(title="Talk 000").update(pinned_at="2020-01-01T00:00Z")
        WrittenText.objects.bulk_create(
            WrittenText(owner=owner, title=f"Text {number:03}", task="draft")
            for number in range(ROWS)
        )
        User.objects.bulk_create(
            User(email=f"person-{number:03}@acme.example", name=f"Person {number:03}")
            for number in range(ROWS)
        )
    browser = browser_of(ALICE)
    talks = walked(browser, "/assistant/", r">(Talk \d+)<")
    assert [len(page) for page in talks] == [100, 30]
    assert talks[0][0] == "Talk 000"  # pinned
    assert len({each for page in talks for each in page}) == ROWS
    texts = walked(browser, "/write/texts/", r">(Text \d+)<")
    assert [len(page) for page in texts] == [50, 50, 30]
    people: Any = walked(browser, "/settings/members/", r"<tr><td><span>(Person \d+)")
    assert max(map(len, people)) == 50
    assert sum(map(len, people)) == len({each for page in people for each in page}) == ROWS
