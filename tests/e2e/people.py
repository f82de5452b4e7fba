"""What somebody does on the pages, as every walk does it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.support.browser import settled
from tests.support.live import DemoPerson

ANSWERED_WITHIN = 40_000  # milliseconds
SCALE = {"": 1, "k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9}


def sign_in(page: Page, person: DemoPerson, then: str = "/assistant/") -> None:
    """Go where the person wants, by way of the form."""
    page.goto(f"{person.url}{then}")
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password", exact=True).fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{person.url}{then}")


def sidebar_meter(page: Page) -> Locator:
    """Return the meter in the shell, which shows `used of included`."""
    return page.locator("#quota .quota__text").last


def metered(meter: Locator) -> float:
    """Return the amount that a meter says is used, once it is there."""
    expect(meter).to_contain_text(" of ")
    text = " ".join(meter.inner_text().split())
    found = re.match(r"([\d.,]+)\s*([a-zA-Z]*)\s+of\s", text)
    assert found, text
    unit = found[2].lower()
    return float(found[1].replace(",", "")) * SCALE.get(unit, 1)


def ask(page: Page, question: str) -> None:
    """Send a message in the assistant."""
    settled(page)
    page.get_by_label("Your message").fill(question)
    page.get_by_role("button", name="Send").click()


def last_answer(page: Page) -> Locator:
    return page.get_by_role("article", name="Answer").last


def answered(page: Page) -> Locator:
    """Wait until the newest answer is complete and return its element."""
    answer = last_answer(page)
    expect(answer).to_have_attribute("data-status", "complete", timeout=ANSWERED_WITHIN)
    page.wait_for_load_state()  # a first message leads to the conversation's own page
    return answer
