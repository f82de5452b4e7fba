"""The assistant and Write in a real browser: by keyboard, on a phone, through a lost line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from tests.assistant.talking import Server, conversation_for, session_of
from tests.documents.helpers import HANDBOOK, ready
from tests.support.browser import PHONE, check, settled
from tests.support.cast import MAX, Person
from tests.support.localaws import LocalAws

if TYPE_CHECKING:
    OpenPage = Callable[..., AbstractContextManager[Page]]

STREAM = {"operation": "ConverseStream"}
DRAWN = """() => {  // how often an answer's words are changed, and how many frames are shown
  window.drawn = window.shown = 0;
  const frame = () => { shown += 1; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const of = (node) => (node.closest ? node : node.parentElement)?.closest("[data-answer]");
  new MutationObserver((changes) => { drawn += changes.some(({ target }) => of(target)); })
    .observe(document.querySelector("[data-thread]"),
             { childList: true, characterData: true, subtree: true });
}"""
QUESTION = "How many days may employees work abroad in a calendar year?"


def sign_in(page: Page, server: Server, person: Person, path: str = "/assistant/") -> None:
    """Open the path as one who has signed in; walks of the whole product do so by the form."""
    home = f"http://{server.host(person)}"
    session = session_of(person)
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": home}]
    )
    page.goto(home + path)


@pytest.fixture
def max_page(server: Server, page: Page) -> Iterator[Page]:
    """Max's page, in a workspace with one document."""
    ready("Travel policy.md", HANDBOOK)
    sign_in(page, server, MAX)
    yield page


def say(page: Page, text: str) -> None:
    """Type where the page has put the cursor, which it does when it is drawn, and send it."""
    expect(page.locator("textarea")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def answers(page: Page, count: int) -> None:
    """Wait until that many answers stand on the page, whole, and its scripts listen."""
    expect(page.locator("[data-status=complete]")).to_have_count(count)
    page.wait_for_load_state()  # a first message leads to the conversation's own page


def test_a_conversation_by_keyboard_alone(max_page: Page) -> None:
    page = max_page
    check(page)
    say(page, QUESTION)
    page.wait_for_url("**/assistant/*-*/")
    answers(page, 1)
    expect(page.locator("[data-answer]").first).to_contain_text("30 days")
    expect(page.locator("[data-grounded]").first).to_have_text("Backed by your documents")
    expect(page.locator("textarea")).to_be_focused()
    page.keyboard.type("And how much may a hotel room cost?")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("A night, I mean.")
    page.keyboard.press("Enter")
    answers(page, 2)
    expect(page.locator("[data-answer]").last).to_contain_text("140 euros")
    expect(page.locator("[data-title]")).not_to_have_text("New conversation")
    expect(page.locator("[data-entry][aria-current=page]")).to_have_count(1)
    page.locator("[data-answer] a.cite").last.focus()
    page.keyboard.press("Enter")
    drawer = page.locator("[data-drawer]")
    expect(drawer.locator("[aria-current] blockquote")).to_contain_text("140 euros")
    page.locator("[data-why] summary").last.click()
    expect(page.locator("[data-why-body] dl")).to_contain_text("us-east-1")
    check(page)
    drawer.locator("[aria-current] a").focus()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page.locator("[data-answer] a.cite").last).to_be_focused()
    page.reload()
    answers(page, 2)
    expect(page.locator("[data-answer]").last).to_contain_text("140 euros")


def test_a_citation_leads_to_the_passage(max_page: Page) -> None:
    say(max_page, QUESTION)
    answers(max_page, 1)
    max_page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    max_page.get_by_role("button", name="Copy the answer").click()
    expect(max_page.locator(".toast")).to_have_text("Copied")
    assert "[1]" in max_page.evaluate("navigator.clipboard.readText()")
    max_page.locator("a.cite").first.click()
    max_page.locator("[data-drawer] .source__name").click()
    expect(max_page.locator("#passage")).to_contain_text("30 days")


def test_escape_stops_and_the_answer_can_be_made_again(
    max_page: Page, server: Server, localaws: LocalAws
) -> None:
    localaws.script(chunks=["word "] * 100, delay_ms=40, match=STREAM)
    max_page.goto(f"http://{server.host(MAX)}/assistant/{conversation_for(MAX)}/")
    say(max_page, "Tell me everything.")
    expect(max_page.locator("[data-answer]")).to_contain_text("word word")
    max_page.keyboard.press("Escape")
    expect(max_page.locator("[data-note]")).to_contain_text("Stopped")
    expect(max_page.locator("[data-status=stopped]")).to_have_count(1)
    max_page.locator("[data-actions] [data-regenerate]:visible").click()
    answers(max_page, 1)
    expect(max_page.locator("[data-thread] article.message")).to_have_count(2)


def test_a_question_after_stop_waits_for_the_answer_to_be_settled(
    max_page: Page, server: Server, localaws: LocalAws
) -> None:
    localaws.script(chunks=["word "] * 100, delay_ms=40, match=STREAM)
    max_page.goto(f"http://{server.host(MAX)}/assistant/{conversation_for(MAX)}/")
    say(max_page, "Tell me everything.")
    expect(max_page.locator("[data-answer]")).to_contain_text("word word")
    say(max_page, "And now?")
    expect(max_page.locator("[data-problem]")).to_contain_text("still being written")
    max_page.keyboard.press("Escape")
    expect(max_page.locator("[data-problem]")).to_be_hidden()
    expect(max_page.locator("textarea")).to_have_value("And now?")
    max_page.locator("textarea").fill("")
    say(max_page, QUESTION)
    answers(max_page, 1)
    expect(max_page.locator("[data-answer]").last).to_contain_text("30 days")


def test_words_of_an_edit_are_kept_where_another_tab_edits_the_question_first(
    max_page: Page,
) -> None:
    say(max_page, QUESTION)
    answers(max_page, 1)
    other = max_page.context.new_page()
    other.goto(max_page.url)
    settled(other)
    for tab, words in ((other, "And in a leap year?"), (max_page, "How many days in all?")):
        tab.bring_to_front()
        tab.locator("article.message").first.hover()
        tab.locator("[data-edit]").click()
        tab.locator("[data-edit-form] textarea").fill(words)
    max_page.keyboard.press("Enter")
    expect(other.locator("[data-text]").first).to_have_text("How many days in all?")
    answers(other, 1)
    expect(other.locator("[data-edit-form]")).to_have_count(0)
    expect(other.get_by_label("Your message")).to_have_value("And in a leap year?")
    answers(max_page, 1)
    expect(max_page.get_by_label("Your message")).to_have_value("")


def test_a_reload_in_mid_answer_goes_on_where_it_was(max_page: Page, localaws: LocalAws) -> None:
    localaws.script(chunks=[f"word{n} " for n in range(60)], delay_ms=40, match=STREAM)
    say(max_page, "Tell me everything.")
    expect(max_page.locator("[data-answer]")).to_contain_text("word5")
    max_page.reload()
    expect(max_page.locator("[data-answer]")).to_contain_text("word0 word1")
    answers(max_page, 1)
    expect(max_page.locator("[data-answer]")).to_contain_text("word0 word1")
    expect(max_page.locator("[data-answer]")).to_contain_text("word59")


def test_words_that_come_faster_than_the_screen_are_drawn_once_a_frame(
    max_page: Page, server: Server, localaws: LocalAws
) -> None:
    localaws.script(chunks=[f"word{n} " for n in range(600)], match=STREAM)
    said: list[str] = []
    max_page.on("websocket", lambda it: it.on("framereceived", lambda each: said.append(str(each))))
    max_page.goto(f"http://{server.host(MAX)}/assistant/{conversation_for(MAX)}/")
    max_page.evaluate(DRAWN)
    say(max_page, "Tell me everything.")
    answers(max_page, 1)
    expect(max_page.locator("[data-answer]")).to_contain_text("word598 word599")
    drawn, shown = max_page.evaluate("[drawn, shown]")
    came = sum('"delta"' in each for each in said)
    assert 0 < drawn <= shown + 4 < came  # beside them its begin, its sources and its end


def test_a_withdrawn_answer_leaves_the_page(
    max_page: Page, server: Server, localaws: LocalAws
) -> None:
    localaws.script(
        chunks=["secret "] * 5, stop_reason="guardrail_intervened", delay_ms=20, match=STREAM
    )
    say(max_page, "Tell me everything.")
    expect(max_page.locator("[data-status=withdrawn] [data-note]")).to_be_visible()
    expect(max_page.locator("[data-thread]")).not_to_contain_text("secret")


def test_too_long_a_message_is_told_before_it_is_sent(max_page: Page) -> None:
    max_page.fill("textarea", "x" * 8_001)
    expect(max_page.locator("[data-problem]")).to_contain_text("Shorten it by 1")
    expect(max_page.locator("[data-send]")).to_be_disabled()


def test_a_conversation_is_renamed_and_deleted(max_page: Page, server: Server) -> None:
    max_page.goto(f"http://{server.host(MAX)}/assistant/{conversation_for(MAX)}/")
    more = max_page.get_by_label("More about this conversation")
    more.click()
    max_page.get_by_role("button", name="Rename").first.click()
    max_page.fill("#title", "Journeys")
    with max_page.expect_navigation():
        max_page.keyboard.press("Enter")
    expect(max_page.locator("[data-title]")).to_have_text("Journeys")
    more.click()
    max_page.get_by_role("button", name="Delete").click()
    max_page.locator("#confirm [data-confirm-action]").click()
    max_page.wait_for_url("**/assistant/")
    expect(max_page.locator("[data-entry]")).to_have_count(0)


def test_the_assistant_fits_a_phone(server: Server, open_page: OpenPage) -> None:
    ready("Travel policy.md", HANDBOOK)
    conversation_for(MAX, "Journeys")
    with open_page(PHONE) as page:
        sign_in(page, server, MAX)
        page.get_by_role("button", name="Conversations").click()
        expect(page.locator("[data-entry]")).to_be_visible()
        check(page)
        page.locator("[data-entry]").click()
        page.wait_for_url("**/assistant/*-*/")
        page.wait_for_load_state("networkidle")
        page.locator("[data-suggestion]").first.click()
        answers(page, 1)
        check(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE[0]
        page.goto(f"http://{server.host(MAX)}/usage/")
        today = page.locator(".usage-chart .chart__bar:not([height='0']):not([height='0.0'])").last
        place = today.bounding_box()
        assert place is not None
        assert place["x"] + place["width"] <= PHONE[0]  # without the chart being scrolled
        ready(
            "visits.md",
            "# A procedure for visits at home\n\n## Wounds, dressings and records\n\nWash.\n",
        )
        page.goto(f"http://{server.host(MAX)}/ask/")
        expect(page.locator("[data-suggestion]").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        page.locator("[data-scope] summary").click()
        page.get_by_label("visits.md").check()
        with page.expect_response(lambda answer: "find=travel" in answer.url):
            page.get_by_label("Find a document by name").fill("travel")
        settled(page)  # the choices that came are in the place of those that were there
        expect(page.locator("[data-choices] label")).to_have_count(2)
        expect(page.locator("[data-scope-label]")).to_have_text("1 chosen document")
        page.get_by_label("visits.md").uncheck()
        page.locator("[data-suggestion]").first.click()
        page.locator(".source__name").first.click()
        page.wait_for_url("**/documents/*-*/**")
        page.go_back()
        expect(page.locator("[data-answer] .prose")).to_be_visible()  # what was answered is here


def test_write_summarizes_a_document_and_rewrites_a_text(server: Server, page: Page) -> None:
    ready("Travel policy.md", HANDBOOK)
    sign_in(page, server, MAX, "/write/")
    check(page)
    find = page.get_by_label("Find a document by name")
    find.fill("zebra")
    expect(page.locator("[data-choices]")).to_contain_text("No document here")
    find.fill("policy")
    page.get_by_label("Travel policy.md").check()
    find.fill("zebra")
    find.press("Enter")
    expect(page.get_by_label("Travel policy.md")).to_be_checked()  # what is chosen stays
    settled(page)
    page.get_by_role("button", name="Summarize").click()
    expect(page.locator("[data-write-meta]")).to_contain_text("tokens")
    expect(page.locator("[data-write-text] a.cite").first).to_be_visible()
    check(page)
    page.get_by_role("link", name="Rewrite").click()
    settled(page)
    page.get_by_role("button", name="Rewrite").click()
    expect(page.locator("[data-write-problem]")).to_have_text("Give the text to rewrite.")
    page.get_by_label("Text", exact=True).fill("In order to save money, please note that we act.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-write-text]")).to_contain_text("save money")
    expect(page.locator("[data-write-text]")).not_to_contain_text("In order to")
    page.get_by_label("Text", exact=True).fill("Something else.")
    page.get_by_label("Instructions").focus()
    page.reload()
    expect(page.locator("[data-write-text]")).to_contain_text("save money")
    expect(page.get_by_label("Text", exact=True)).to_have_value("Something else.")
    page.get_by_role("link", name="Your texts").click()
    page.go_back()
    expect(page.locator("[data-write-text]")).to_contain_text("save money")
    expect(page.locator("[data-write-versions]")).to_be_visible()
    page.locator("[data-write-versions]").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert "save money" in page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="Rename").click()
    check(page)
    page.get_by_label("Title").fill("Saving money")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Saving money")


def test_a_thorough_answer_is_chosen_in_the_composer_and_says_why(max_page: Page) -> None:
    page = max_page
    page.get_by_label("Thorough").check()
    page.get_by_label("Your message").fill(QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_url("**/assistant/*-*/")
    answers(page, 1)
    page.get_by_text("How this was answered").click()
    facts = page.locator("[data-why-facts]")
    expect(facts).to_contain_text("Claude Sonnet 4.6 (frontier)")
    expect(facts).to_contain_text("you asked for a thorough answer")
    check(page)
