"""What one reads stands still while more of it comes."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.assistant.talking import Server, conversation_for
from tests.assistant.test_browser import STREAM, sign_in
from tests.support.cast import MAX
from tests.support.localaws import LocalAws

GOOD = 0.02  # of Chromium's layout shift score; 0.1 is what the web calls good for a whole visit
WATCH = """
window.shifted = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput)
      window.shifted.push([entry.value, ...entry.sources.map(({ node }) => node?.className)]);
}).observe({ type: "layout-shift", buffered: false });
"""
PARAGRAPHS = [f"**Line {number}** of the answer, with `some` words.\n\n" for number in range(40)]


def test_nothing_shifts_while_an_answer_or_a_text_comes(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    sign_in(page, server, MAX)
    page.goto(f"http://{server.host(MAX)}/assistant/{conversation_for(MAX)}/")
    localaws.script(chunks=PARAGRAPHS, delay_ms=30, match=STREAM)
    page.wait_for_load_state("networkidle")  # the scripts are there, and the socket is open
    page.locator("textarea").fill("Tell me everything.")
    page.evaluate(WATCH)
    page.keyboard.press("Enter")
    expect(page.locator("[data-status=complete]")).to_have_count(1)
    expect(page.locator("[data-answer]")).to_contain_text("Line 39")
    shifts = page.evaluate("shifted")
    assert sum(shift[0] for shift in shifts) <= GOOD, shifts
    page.goto(f"http://{server.host(MAX)}/write/?task=draft")
    localaws.script(chunks=PARAGRAPHS, delay_ms=30, match=STREAM)
    page.wait_for_load_state("networkidle")
    page.get_by_label("What to draft").fill("A long text")
    page.evaluate(WATCH)
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-write-versions]")).to_be_visible()
    expect(page.locator("[data-write-text]")).to_contain_text("Line 39")
    shifts = page.evaluate("shifted")
    assert sum(shift[0] for shift in shifts) <= GOOD, shifts
