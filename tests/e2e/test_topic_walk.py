"""An owner denies a topic on the whole running product: made in AWS, obeyed, and taken back."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.people import ask, last_answer, sign_in
from tests.support.browser import check, opened, settled
from tests.support.live import DemoPerson, LiveStack
from tests.support.waiting import eventually

TOPIC = "Investment advice"
COVERS = "Recommendations on investing money in stocks, funds or bonds."
STOCKS = "Which stocks and bonds should I invest my money in?"
OBEYED_IN = 5  # seconds


def _press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def _withdrawn(page: Page, person: DemoPerson) -> bool:
    """Ask in a new conversation; return whether the guardrail stopped it."""
    page.goto(f"{person.url}/assistant/")
    ask(page, STOCKS)
    answer = last_answer(page)
    expect(answer).to_have_attribute("data-status", re.compile("complete|withdrawn"))
    if answer.get_attribute("data-status") == "complete":
        return False
    expect(answer).to_contain_text("it goes against your workspace's content rules")
    return True


def _own_guardrail(page: Page) -> Locator:
    """Return what the bench says of the workspace's own guardrail."""
    return page.locator(".card", has_text="regulated with your denied topics")


def _tried(page: Page, person: DemoPerson) -> bool:
    """Try the question on the bench; return whether it asked the workspace's own guardrail."""
    page.goto(f"{person.url}/settings/safety/bench/")
    page.get_by_label("Text", exact=True).fill(STOCKS)
    _press(page, "Try it")
    settled(page)
    return _own_guardrail(page).count() == 1


def test_an_owner_denies_a_topic_tries_it_and_takes_it_back(
    live_stack: LiveStack, browser: Browser
) -> None:
    owner = live_stack.person("globex", "owner")
    with opened(browser) as page:
        sign_in(page, owner, "/settings/safety/")
        page.get_by_label("One word or phrase a line").fill("quokka")
        _press(page, "Save the words")
        kept = (
            page.locator("[aria-labelledby=history] tbody tr")
            .first.locator("td")
            .first.inner_text()
        )
        page.get_by_label("A further topic").fill(TOPIC)
        page.get_by_label("What it covers").last.fill(COVERS)
        _press(page, "Save the topics")
        state = page.get_by_text("The workspace's own guardrail:")

        def in_force() -> bool:
            page.reload()
            return "in force." in state.inner_text()

        eventually(in_force)
        check(page)
        assert _tried(page, owner)  # in every process, as the page says
        verdict = _own_guardrail(page)
        expect(verdict).to_contain_text("Blocked")
        expect(verdict).to_contain_text(TOPIC)
        assert _withdrawn(page, owner)

        page.goto(f"{owner.url}/settings/safety/")
        _press(page, f"Restore version {kept}")
        eventually(lambda: not _withdrawn(page, owner), OBEYED_IN)
