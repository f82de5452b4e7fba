"""A server that does not answer while the browser has its line: what was typed goes when it does.

The line between the two is really gone: its port refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from documents.models import Document
from tenants.context import entered
from tests.assistant.talking import Server, conversation_for
from tests.assistant.test_browser import QUESTION, sign_in
from tests.documents.helpers import HANDBOOK, ready
from tests.support.browser import check
from tests.support.cast import MAX
from tests.support.clients import tenant_of
from tests.support.line import Line, line


@pytest.fixture
def cable(server: Server) -> Iterator[Line]:
    with line(server.port) as made:
        yield made


def named() -> list[str]:
    with entered(tenant_of(MAX)):
        return list(Document.objects.values_list("name", flat=True))


def test_a_stopped_server_loses_nothing_that_was_typed(cable: Line, page: Page) -> None:
    document = ready("Travel policy.md", HANDBOOK)
    through = Server(cable.port)
    sign_in(page, through, MAX, "/search/")
    page.wait_for_load_state("networkidle")
    field, found = page.locator("#q"), page.locator("#found")

    cable.cut()
    field.fill("hotel room")
    expect(found).to_contain_text("The server could not be reached.")
    expect(found).to_contain_text("What you typed is kept")
    assert page.evaluate("navigator.onLine") is True
    expect(page.locator(".toast")).to_have_count(0)
    check(page)
    again = page.get_by_role("button", name="Try again")
    for search in (
        lambda: again.click(),
        lambda: field.dispatch_event("input"),
    ):  # the same words, typed
        with page.expect_event("requestfailed", lambda request: "/search/?q=" in request.url):
            search()
        expect(found).to_contain_text("The server could not be reached.")
    expect(field).to_have_value("hotel room")
    cable.mend()
    expect(found.locator(".result").first).to_contain_text("140 euros")  # by itself
    cable.cut()
    field.fill("first class")
    expect(found).to_contain_text("The server could not be reached.")
    cable.mend()
    field.fill("")
    field.press_sequentially("first class")
    expect(found.locator(".result").first).to_contain_text("first class")

    page.goto(f"http://{through.host(MAX)}/ask/")
    page.wait_for_load_state("networkidle")
    cable.cut()
    page.locator("textarea").fill(QUESTION)
    page.locator("textarea").press("Enter")
    expect(page.locator("#answers")).to_contain_text("The server could not be reached.")
    expect(page.locator("textarea")).to_have_value(QUESTION)
    cable.mend()
    page.locator("[data-ask] button[type=submit]").click()
    expect(page.locator("#answers")).to_contain_text("30 days")

    page.goto(f"http://{through.host(MAX)}/write/")
    page.wait_for_load_state("networkidle")
    cable.cut()
    page.locator("[data-write] [name=text]").fill("We basically met.")
    page.locator("[data-write-go]").click()
    expect(page.locator("[data-write-problem]")).to_contain_text("could not be reached")
    expect(page.locator("[data-write] [name=text]")).to_have_value("We basically met.")
    cable.mend()
    page.locator("[data-write-go]").click()
    expect(page.locator("[data-write-text]")).to_contain_text("met")
    expect(page.locator("[data-write-problem]")).to_be_hidden()
    assert named() == [document.name]


def test_a_form_waits_for_a_stopped_server_and_is_sent_once(cable: Line, page: Page) -> None:
    document = ready("Travel policy.md", HANDBOOK)
    through = Server(cable.port)
    rename = f"POST /documents/{document.id}/rename/ ".encode()
    sign_in(page, through, MAX, f"/documents/{document.id}/")
    page.wait_for_load_state("networkidle")
    name = page.get_by_label("New name")
    page.locator("summary", has_text="Rename").click()

    cable.cut()
    with page.expect_event("requestfailed", lambda request: "/healthz" in request.url):
        name.clear()
        name.press_sequentially("Journeys.md", delay=300)  # asked for once in three seconds
    name.press("Enter")
    told = page.locator(".toast")
    expect(told).to_contain_text("sent as soon as the connection is back")
    page.get_by_role("button", name="Rename").dblclick()
    expect(told).to_have_count(1)
    name.fill("Journeys 2026.md")
    assert named() == ["Travel policy.md"]
    cable.mend()
    expect(page.get_by_role("heading", level=1)).to_have_text("Journeys 2026.md")
    assert named() == ["Journeys 2026.md"]
    assert [each for each in cable.heard if each.startswith(rename)] == [rename + b"HTTP/1.1"]

    page.goto(f"http://{through.host(MAX)}/assistant/{conversation_for(MAX, 'Trips')}/")
    page.wait_for_load_state("networkidle")
    cable.cut()
    page.evaluate("tenantry.dialog('rename'), reach.missed()")
    box = page.locator("#rename")
    for _ in range(2):  # what is closed is taken back
        box.locator("#title").fill("Journeys")
        box.locator("#title").press("Enter")
        expect(box.get_by_role("alert")).to_contain_text("sent as soon as")
        page.keyboard.press("Escape")
        page.evaluate("tenantry.dialog('rename')")
        expect(box.get_by_role("alert")).to_have_count(0)
    cable.mend()
    page.evaluate("reach.back()")
    expect(page.locator("[data-title]")).to_have_text("Trips")
    cable.swallows = b"POST /assistant/"  # the line goes with the form
    box.locator("#title").fill("Back again")
    box.locator("#title").press("Enter")
    expect(page).to_have_url(re.compile("^chrome-error://"))
    cable.mend()
    page.go_back()
    expect(page.locator("[data-title]")).to_have_text("Trips")
    expect(box.locator("#title")).to_have_value("Back again")

    page.goto(f"http://{through.host(MAX)}/documents/{document.id}/")
    page.wait_for_load_state("networkidle")
    cable.cut()
    page.evaluate("reach.missed()")
    page.get_by_role("button", name="Delete").click()
    page.locator("#confirm [data-confirm-action]").click()
    expect(page.locator(".toast")).to_contain_text("sent as soon as")
    cable.mend()
    page.wait_for_url("**/documents/")  # and is not asked about again
    assert named() == []
