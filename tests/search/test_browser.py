"""The search page in a real browser, over the demo's documents."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import sign_in
from tests.support.browser import check
from tests.support.live import LiveStack


@pytest.fixture
def search_page(live_stack: LiveStack, page: Page) -> Page:
    """The page as acme's member sees it, signed in."""
    sign_in(page, live_stack.person("acme", "member"), "/search/")
    expect(page.locator("#q")).to_be_focused()
    return page


def test_results_come_as_one_types_and_the_keyboard_opens_one(search_page: Page) -> None:
    search_page.keyboard.type("hotel cost per night", delay=15)
    results = search_page.locator(".result")
    expect(results.first.locator("mark").first).to_be_visible()
    whole = re.compile(r"q=hotel(\+|%20)cost(\+|%20)per(\+|%20)night")
    expect(search_page).to_have_url(whole)  # what came for the words so far is gone
    check(search_page)
    search_page.keyboard.press("ArrowDown")
    expect(results.nth(0).locator("a")).to_be_focused()
    search_page.keyboard.press("ArrowDown")
    expect(results.nth(1).locator("a")).to_be_focused()
    search_page.keyboard.press("ArrowUp")
    search_page.keyboard.press("Enter")
    search_page.wait_for_url("**/documents/**")
    expect(search_page.locator("[data-mark]").first).to_be_in_viewport()
    search_page.go_back()
    expect(search_page.locator("#q")).to_have_value("hotel cost per night")
    expect(results.first).to_be_visible()


def test_what_is_not_there_is_said_and_an_empty_field_starts_afresh(search_page: Page) -> None:
    field = search_page.locator("#q")
    field.fill("zxqv blorp")
    expect(search_page.get_by_role("heading", name="Nothing found")).to_be_visible()
    field.fill("")
    expect(search_page.get_by_role("heading", name="Find any passage")).to_be_visible()


def test_a_filter_searches_again(search_page: Page) -> None:
    search_page.locator("#q").fill("warranty")
    expect(search_page.locator(".result").first).to_be_visible()
    search_page.select_option("#type", label="PDF")
    expect(search_page.locator(".result__title svg:not([aria-label=PDF])")).to_have_count(0)
