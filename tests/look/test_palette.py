"""The command palette, by keyboard alone."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import check


@pytest.fixture
def palette(served_pages: str, page: Page) -> Page:
    """A page with the palette open."""
    page.goto(f"{served_pages}/settings/members/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to a page, or search")).to_be_focused()
    return page


def test_it_goes_where_one_types(palette: Page) -> None:
    check(palette)
    palette.keyboard.type("docu")
    first = palette.get_by_role("option", name="Documents", exact=True)
    expect(first).to_have_attribute("aria-selected", "true")
    palette.keyboard.press("Enter")
    palette.wait_for_url("**/documents/")


def test_anything_typed_is_searched_for(palette: Page) -> None:
    palette.keyboard.type("hotel & bar")
    expect(palette.get_by_role("option")).to_have_count(2)
    palette.keyboard.press("ArrowDown")
    palette.keyboard.press("ArrowUp")
    with palette.expect_request("**/search/**") as sent:
        palette.keyboard.press("Enter")
    assert sent.value.url.endswith("/search/?q=hotel%20%26%20bar")


def test_it_presses_what_is_on_the_page_and_closes(palette: Page) -> None:
    palette.keyboard.type("dark")
    palette.keyboard.press("Enter")
    expect(palette.locator("#palette")).to_be_hidden()
    assert palette.evaluate("document.documentElement.dataset.theme") == "dark"
    palette.keyboard.press("Control+k")
    palette.keyboard.press("Escape")
    expect(palette.locator("#palette")).to_be_hidden()
    palette.locator("summary[aria-label^=Account]").click()
    palette.get_by_role("button", name="Command palette").click()
    expect(palette.get_by_role("combobox")).to_be_focused()
