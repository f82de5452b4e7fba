"""The search page in a real browser, over the demo's documents."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

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


WATCH = """
() => {
  window.told = [];  // each line that said what is shown
  window.spoken = [];  // each text for readers of screens
  const found = document.querySelector("[data-found]");
  const line = () => found.querySelector("[data-told]")?.textContent ?? "";
  new MutationObserver(() => { if (line() !== told.at(-1)) told.push(line()); })
    .observe(found, { childList: true, subtree: true });
  new MutationObserver(([{ target }]) => spoken.push(target.textContent))
    .observe(document.querySelector("[data-found-said]"), { childList: true });
}
"""


def test_words_find_at_each_key_for_nothing_and_the_whole_search_takes_their_place(
    live_stack: LiveStack, search_page: Page
) -> None:
    written = live_stack.sql("SELECT count(*) FROM billing_ledgerentry")
    whole: list[str] = []
    held: list[Route] = []

    def hold(route: Route) -> None:
        whole.append(route.request.url)
        held.append(route)

    search_page.route(re.compile(r"/search/\?"), hold)
    search_page.evaluate(WATCH)
    told = search_page.locator("[data-told]")
    search_page.keyboard.type("hotel", delay=15)
    expect(told).to_have_text("Matches by words; by meaning in a moment")
    expect(search_page.locator(".result mark").first).to_be_visible()
    expect(search_page).to_have_url(re.compile("/search/$"))
    search_page.keyboard.press("ArrowDown")
    first = search_page.locator("[data-result]").first
    expect(first).to_be_focused()
    stood = first.get_attribute("id")
    expect(search_page.locator(".htmx-request").first).to_be_attached()
    assert live_stack.sql("SELECT count(*) FROM billing_ledgerentry") == written
    assert search_page.evaluate("spoken") == []
    [only] = held
    only.continue_()
    expect(told).to_contain_text("best first")
    expect(search_page).to_have_url(re.compile("q=hotel"))
    expect(search_page.locator(f"[id='{stood}']")).to_be_focused()
    assert search_page.evaluate("spoken") == [told.inner_text()]
    assert search_page.evaluate("told").count(told.inner_text()) == 1
    assert len(whole) == 1
    check(search_page)
    assert live_stack.sql("SELECT count(*) FROM billing_ledgerentry") != written


def test_an_answer_to_words_that_are_no_longer_there_is_dropped(search_page: Page) -> None:
    held: list[Route] = []
    seen: list[int] = []  # marks of the late answer when the next is asked for
    marked = search_page.locator("mark", has_text=re.compile("hotel", re.IGNORECASE))

    def next_asked(route: Route) -> None:
        seen.append(marked.count())
        route.continue_()

    search_page.route(re.compile(r"/search/typed/\?q=hotel&"), lambda route: held.append(route))
    search_page.route(re.compile(r"/search/typed/\?q=warranty&"), next_asked)
    with search_page.expect_request(re.compile("/search/typed/")):
        search_page.keyboard.insert_text("hotel")
    field = search_page.locator("#q")
    field.fill("warranty")
    [late] = held
    with search_page.expect_response(re.compile("/search/typed/.*q=warranty")):
        late.continue_()
    assert seen == [0]
    expect(
        search_page.locator("mark", has_text=re.compile("warranty", re.IGNORECASE)).first
    ).to_be_visible()
    expect(marked).to_have_count(0)
    search_page.locator("#q").fill("warr")
    search_page.context.set_offline(True)
    field.fill("hotel room")
    expect(search_page.get_by_role("button", name="Try again")).to_be_visible()
    search_page.context.set_offline(False)
    # Unless the page has found by itself that the server answers, and asked again.
    search_page.evaluate("document.querySelector('[data-search-again]')?.click()")
    expect(marked.first).to_be_visible()


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
