"""An owner watches the meter while an answer streams, is stopped by a cap, and goes on."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.e2e.people import answered, ask, last_answer, metered, sign_in
from tests.e2e.test_invoice_walk import seen
from tests.support.browser import opened, settled
from tests.support.live import LiveStack
from tests.support.waiting import eventually

QUESTION = "Which questions does the release note answer?"


def test_an_owner_watches_the_meter_is_stopped_by_the_cap_and_goes_on(
    live_stack: LiveStack, browser: Browser
) -> None:
    owner = live_stack.person("initech", "owner")
    with opened(browser) as usage:
        sign_in(usage, owner, "/usage/")
        tokens = usage.locator("#meters .meter", has_text="Model tokens")
        before = metered(tokens.locator(".meter__value"))
        talk = usage.context.new_page()
        talk.goto(f"{owner.url}/assistant/")
        live_stack.aws.script(
            match={"operation": "ConverseStream"}, chunks=["and ", "so "] * 12, delay_ms=400
        )
        ask(talk, QUESTION)
        expect(tokens).to_contain_text("reserved")  # the page moves by itself
        expect(last_answer(talk)).to_have_attribute("data-status", "streaming")
        seen(usage, "meter-streaming")
        answered(talk)
        eventually(lambda: metered(tokens.locator(".meter__value")) > before)
        expect(tokens).not_to_contain_text("reserved")

        usage.goto(f"{owner.url}/usage/limits/")
        usage.locator("#id_cap").fill("0.000001")
        usage.get_by_role("button", name="Set the cap").click()
        expect(usage.get_by_text("every request is refused now")).to_be_visible()
        settled(usage)
        seen(usage, "cap-reached")
        ask(talk, "And what else?")
        stopped = last_answer(talk)
        expect(stopped.get_by_text("spend cap", exact=False)).to_be_visible()
        seen(talk, "cap-stop")
        stopped.get_by_role("link", name="See your options").click()
        talk.wait_for_url(re.compile("/usage/limits/$"))
        assert talk.goto(f"{owner.url}/documents/").ok  # type: ignore[union-attr]

        usage.get_by_role("button", name="Remove the cap").click()
        usage.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(usage.get_by_text("No cap is set")).to_be_visible()
        talk.goto(f"{owner.url}/assistant/")
        ask(talk, QUESTION)
        answered(talk)
        talk.wait_for_load_state("networkidle")
        usage.wait_for_load_state("networkidle")
