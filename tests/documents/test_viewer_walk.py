"""The viewer and the list in a real browser: marked, zoomed, jumped through, replaced."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.people import sign_in
from tests.e2e.shelf import API, ready
from tests.support import files
from tests.support.browser import check, settled
from tests.support.live import DemoPerson, LiveStack

FACT = "The winch of the north pier is rated for 4,200 kilograms."
NAME = "Pier manual.pdf"
CHOOSE = """(holder, words) => {
  const inside = document.createTreeWalker(holder, NodeFilter.SHOW_TEXT);
  while (inside.nextNode() && !inside.currentNode.data.includes(words));
  const at = inside.currentNode.data.indexOf(words);
  getSelection().setBaseAndExtent(inside.currentNode, at, inside.currentNode, at + words.length);
}"""
WITHIN = 90.0  # seconds for a worker that does other things too


@dataclass(frozen=True, slots=True)
class Member:
    """A member of acme, with a client of the REST API."""

    person: DemoPerson
    client: httpx.Client

    @property
    def url(self) -> str:
        return self.person.url


@pytest.fixture
def member(live_stack: LiveStack) -> Iterator[Member]:
    person = live_stack.person("acme", "member")
    with live_stack.http(person) as client:
        yield Member(person, client)


@pytest.fixture
def signed_in(member: Member, page: Page) -> Page:
    sign_in(page, member.person, "/documents/")
    expect(page.get_by_role("heading", name="Documents", exact=True)).to_be_visible()
    return page


@pytest.mark.timeout(900)  # it may be the one that starts the stack
def test_a_pdf_is_read_page_by_page_found_in_and_replaced(signed_in: Page, member: Member) -> None:
    page = signed_in
    document = ready(member.client, NAME, files.long_pdf(44, {40: FACT}))
    text = member.client.get(f"{API}/documents/{document['id']}/text/").json()["text"]
    start = text.index(FACT)
    page.goto(f"{member.url}/documents/{document['id']}/?start={start}&end={start + len(FACT)}")
    mark = page.locator("#page-40 [data-mark]").first
    expect(mark).to_be_in_viewport()
    expect(page.locator("#passage")).to_be_focused()
    expect(page.locator("#page-number")).to_have_value("40")
    image = page.locator("#page-40 img")
    page.wait_for_function(
        "image => image.complete && image.naturalWidth > 0", arg=image.element_handle()
    )
    check(page)
    wide = image.bounding_box()
    page.locator("#reader").focus()
    page.keyboard.press("+")
    expect(page.locator("[data-zoom-now]")).to_have_text("125%")
    larger = image.bounding_box()
    assert wide is not None
    assert larger is not None
    assert 1.2 < larger["width"] / wide["width"] < 1.3
    expect(mark).to_be_in_viewport()
    page.keyboard.press("0")
    page.locator("#page-number").fill("3")
    page.keyboard.press("Enter")
    expect(page.locator("#page-3 img")).to_be_in_viewport()
    page.keyboard.press("Escape")
    page.get_by_label("Find in this document").fill("rated for 4,200")
    page.keyboard.press("Enter")
    page.locator(".document-hit").first.click()
    expect(page.locator("#page-40 [data-mark]").first).to_be_in_viewport()
    check(page)
    page.get_by_label("Find in this document").fill("winch")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Next place").click()
    expect(page.get_by_text("number 1 is shown")).to_be_visible()
    page.locator("#reader").evaluate("reader => { reader.scrollTop = 0; }")
    page.get_by_role("link", name="Back to the passage").click()
    expect(page.locator("#page-40 [data-mark]").first).to_be_in_viewport()
    passages_are_chosen(page, member)
    pictures_passed_are_let_go(page, f"{member.url}/documents/{document['id']}/?page=1")
    page.goto(f"{member.url}/documents/{document['id']}/?q=rated for 4,200")
    page.locator(".document-hit").first.click()
    expect(page.locator("#page-40 [data-mark]").first).to_be_in_viewport()
    page.get_by_role("link", name="Text", exact=True).click()
    expect(page.locator("#page-40 mark")).to_be_in_viewport()
    expect(page.locator("#page-40 mark")).to_have_text("rated for 4,200")
    page.get_by_text("Replace with a new version").click()
    page.get_by_label("The new version").set_input_files(
        files=[{"name": NAME, "mimeType": "application/pdf", "buffer": files.pdf(["Shorter now."])}]
    )
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(page.get_by_text("Version 2 uploaded")).to_be_visible()
    expect(page.locator("#page-1 img")).to_be_visible(timeout=1000 * WITHIN)
    page.goto(f"{member.url}/documents/{document['id']}/?start={start}&end={start + len(FACT)}")
    expect(page.get_by_text("Replaced by a newer version")).to_be_attached()
    expect(page.locator("#page-40 [data-mark]").first).to_be_in_viewport()
    check(page)
    page.goto(f"{member.url}/documents/")
    row = page.locator("tr", has_text=NAME).first
    row.get_by_role("checkbox").check()
    page.get_by_label("Tags to put on or take off").fill("Harbour, 2026")
    page.get_by_role("button", name="Add tags").click()
    expect(page.get_by_text("1 document tagged")).to_be_visible()
    settled(page)
    page.get_by_label("Tag", exact=True).select_option("Harbour")
    row = page.locator("#rows tr")
    expect(row).to_have_count(1)
    check(page)
    its_menu_comes_when_it_is_opened(page, row)


def its_menu_comes_when_it_is_opened(page: Page, row: Locator) -> None:
    """Open a row's menu by the keyboard, and delete the document by it, which is asked first."""
    row.locator("summary").focus()
    page.keyboard.press("ArrowDown")
    expect(row.get_by_role("link", name="Open", exact=True)).to_be_focused()
    its = row.get_attribute("data-document")
    for link, address in (
        ("Open", f"/documents/{its}/"),
        ("Ask about this", f"/ask/?document={its}"),
        ("Download", f"/documents/{its}/original/"),
    ):
        expect(row.get_by_role("link", name=link, exact=True)).to_have_attribute("href", address)
    check(page)
    row.get_by_role("button", name="Delete").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text(f"Delete “{NAME}”?")
    asked.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


def pictures_passed_are_let_go(page: Page, address: str) -> None:
    """Scroll on while no picture comes: one far behind is not waited for, and comes when needed."""
    page.route(re.compile(r"/pages/2\d/\?w="), lambda _: None)  # neither answered nor refused
    page.goto(address)
    with page.expect_request("**/pages/20/?w=*"):
        page.locator("#page-20").scroll_into_view_if_needed()
    page.locator("#page-40").scroll_into_view_if_needed()
    expect(page.locator("#page-20 img:not([data-near])")).to_be_attached()
    page.unroute_all(behavior="ignoreErrors")
    with page.expect_request("**/pages/20/?w=*"):  # the first one was given up
        page.locator("#page-20").scroll_into_view_if_needed()
    page.wait_for_function(
        "image => image.complete && image.naturalWidth > 0",
        arg=page.locator("#page-20 img").element_handle(),
    )


def passages_are_chosen(page: Page, member: Member) -> None:
    """Choose a line of the page as it looks, then of its text; link to it, ask about it."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    bar = page.get_by_role("toolbar", name="The chosen passage")
    for lines, mark in (
        ("#page-40 .sheet__words > text", "#page-40 [data-mark]"),
        ("#page-40 .document__text", "#page-40 mark"),
    ):
        line = page.locator(lines).filter(has_text=FACT)
        expect(line).to_have_count(1)
        expect(bar).to_be_hidden()
        line.evaluate(CHOOSE, FACT)
        expect(bar).to_be_visible()
        check(page)
        bar.get_by_role("button", name="Copy a link to this").click()
        expect(page.locator("#toasts")).to_contain_text("opens this document with the passage")
        address = page.evaluate("navigator.clipboard.readText()")
        bar.get_by_role("link", name="Ask about this").click()
        expect(page.get_by_role("textbox", name="Question")).to_have_value(
            re.compile(re.escape(FACT))
        )
        page.goto(address)
        expect(page.locator(mark).first).to_be_in_viewport()
        expect(page.locator("#passage")).to_contain_text(FACT)
        page.get_by_role("link", name="Text", exact=True).click()
        settled(page)


def test_a_page_that_does_not_come_is_asked_for_again(signed_in: Page, member: Member) -> None:
    page = signed_in
    document = ready(member.client, "Short.pdf", files.pdf([FACT]))
    page.route("**/pages/1/?w=*", lambda route: route.abort("connectionreset"))
    page.goto(f"{member.url}/documents/{document['id']}/")
    again = page.get_by_role("button", name="This page did not load")
    expect(again).to_be_visible()
    page.unroute("**/pages/1/?w=*")
    again.click()
    expect(page.locator(".sheet__words > text")).to_have_text(FACT)
