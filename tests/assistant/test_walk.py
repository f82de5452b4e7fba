"""The whole of a conversation in a real browser, once on a desktop by keyboard, once on a phone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

from tests.assistant.talking import Server
from tests.assistant.test_browser import answers, sign_in
from tests.documents.helpers import HANDBOOK, ready
from tests.support.browser import PHONE, check, settled
from tests.support.cast import MAX
from tests.support.localaws import LocalAws

if TYPE_CHECKING:
    OpenPage = Callable[..., AbstractContextManager[Page]]


CODE = """In Python:

```python
def second(zebras):
    return zebras.pop(1)
```

| zebra | place |
| --- | --- |
| Zoe | 2 |
"""


def ask(page: Page, text: str, count: int) -> None:
    page.get_by_label("Your message").focus()
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    answers(page, count)


def press(page: Page, name: str) -> None:
    """Go to the last button of that name and press it by keyboard.

    Not while the page arrives: going to its fragment (`#m-...`) takes the focus with it.
    """
    settled(page)
    page.get_by_role("button", name=name, exact=True).last.focus()
    page.keyboard.press("Enter")


def test_by_keyboard_on_a_desktop(server: Server, page: Page, localaws: LocalAws) -> None:
    ready("Travel policy.md", HANDBOOK)
    ready("Price list.csv", "Item,Price\nDesk,300\n")
    sign_in(page, server, MAX)
    ask(page, "Which documents do I have?", 1)
    expect(page.locator("[data-answer]")).to_contain_text("Price list.csv")
    expect(page.locator("[data-steps]")).to_contain_text("Listed 2 documents")

    ask(page, "Delete the price list", 2)
    page.reload()  # what waits is still there
    expect(page.locator("[data-action-note]").last).to_contain_text("This expires at")
    check(page)
    press(page, "Confirm")
    answers(page, 3)
    expect(page.locator("[data-answer]").last).to_contain_text("Deleted the document")
    expect(page.locator("[data-action-buttons]")).to_be_hidden()

    ask(page, "How do I make an API key?", 4)
    page.locator("[data-answer] a.cite").last.focus()
    page.keyboard.press("Enter")
    page.locator("[data-drawer] [aria-current] a").click()
    expect(page.get_by_role("heading", name="How do I make an API key?")).to_be_visible()
    check(page)
    page.go_back()
    answers(page, 4)

    localaws.script(text=CODE, match={"operation": "ConverseStream"})
    ask(page, "Show me how to take the second of several zebras", 5)
    code = page.locator("[data-answer] pre code").last
    expect(code.locator(".k").first).to_have_text("def")
    expect(code).to_contain_text("return zebras.pop(1)")
    expect(page.get_by_role("button", name="Copy the code")).to_be_visible()
    expect(page.locator("[data-answer] td").last).to_have_text("2")

    press(page, "Edit the question")
    page.keyboard.press("Control+A")
    page.keyboard.type("How many days may employees work abroad in a calendar year?")
    page.keyboard.press("Enter")
    expect(page.locator("[data-answer]").last).to_contain_text("30 days")
    answers(page, 5)
    expect(page.locator("[data-version-place]:visible")).to_have_text("2/2")
    press(page, "Version before")
    expect(page.locator("[data-answer]").last).to_contain_text("return zebras.pop(1)")
    press(page, "Next version")
    expect(page.locator("[data-answer]").last).to_contain_text("30 days")
    expect(page.locator("[data-follow-ups]:visible")).to_contain_text("Hotels")

    settled(page)
    press(page, "Bad answer")
    expect(page.get_by_role("button", name="Send the reason")).to_be_in_viewport(ratio=1)
    page.get_by_label("What was wrong with it? Optional").fill("Say who approves it")
    press(page, "Send the reason")
    expect(page.locator("[data-rate=down]").last).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Your message").fill("Not sent yet")
    page.reload()
    expect(page.get_by_label("Your message")).to_have_value("Not sent yet")
    page.get_by_label("Search titles and messages").focus()
    page.keyboard.type("abroad")
    expect(page.locator("[data-entry]")).to_have_count(1)
    page.keyboard.type(" quokka")
    expect(page.locator("[data-entry]")).to_have_count(0)
    check(page)


def test_on_a_phone(server: Server, open_page: OpenPage) -> None:
    ready("Travel policy.md", HANDBOOK)
    with open_page(PHONE) as page:
        sign_in(page, server, MAX)
        ask(page, "Delete the travel policy", 1)
        for name in ("Confirm", "Decline", "Edit the question"):
            box = page.get_by_role("button", name=name, exact=True).last.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 44, (name, box)
        page.get_by_role("button", name="Decline", exact=True).click()
        answers(page, 2)
        expect(page.locator("[data-action-note]")).to_contain_text("nothing was changed")
        expect(page.locator("[data-thread] .message--user")).to_have_count(2)
        expect(page.locator("[data-thread] [data-edit]")).to_have_count(1)  # no decision is edited
        check(page)
        page.goto(page.url.split("/assistant/")[0] + "/help/")
        page.get_by_label("Search the help").fill("invite someone")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="How do I invite someone?").click()
        expect(page.get_by_role("heading", name="Members and roles")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        check(page)
