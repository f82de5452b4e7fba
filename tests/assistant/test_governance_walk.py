"""An admin's walk through the settings that govern a workspace, in a real browser."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.assistant.talking import Server
from tests.assistant.test_browser import answers, sign_in
from tests.support.browser import DESKTOP, PHONE, check
from tests.support.cast import ADA, ALICE
from tests.support.localaws import LocalAws

REFUSED = "it goes against your workspace's own rules"


def seen(page: Page, name: str) -> None:
    """Let axe and the width of a phone find nothing; keep pictures where somebody wants them."""
    check(page)
    folder = os.environ.get("SCREENSHOTS")
    for theme, size in (("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE), ("dark", PHONE)):
        if size is DESKTOP and not folder:
            continue
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} is {wide} px wider than its window of {size[0]}"
        if folder:
            page.screenshot(
                path=Path(folder) / f"{name}-{theme}-{size[0]}.png", full_page=True, scale="css"
            )
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    page.emulate_media(color_scheme="light")


def press(page: Page, name: str) -> None:
    """Send a form by its button; the page that it leads to is there afterwards."""
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def say(page: Page, text: str) -> None:
    page.get_by_label("Your message").focus()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_an_admin_compares_blocks_tries_and_rolls_back(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    site = f"http://{server.host(ADA)}"
    sign_in(page, server, ADA, "/settings/safety/")
    page.get_by_role("link", name="Postures", exact=True).click()
    page.get_by_role("link", name="See what would change with regulated").click()
    expect(page.get_by_role("button", name="Switch to regulated")).to_be_visible()
    seen(page, "posture")

    page.get_by_role("link", name="Rules", exact=True).click()
    page.get_by_label("One word or phrase a line").fill("falcon")
    press(page, "Save the words")
    page.get_by_role("link", name="Bench", exact=True).click()
    page.get_by_label("Text", exact=True).fill("Is the falcon at erika@example.org?")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Try it").press("Enter")
    expect(page.get_by_text("Used as: “Is the falcon at {EMAIL}?”")).to_be_visible()
    seen(page, "bench")

    page.goto(f"{site}/assistant/")
    say(page, "Where is the falcon?")
    expect(page.locator("[data-answer]").last).to_contain_text(REFUSED)
    page.goto(f"{site}/settings/safety/interventions/")
    seen(page, "interventions")
    page.locator("tr", has_text="Question, assistant").locator("time").click()
    expect(page.get_by_role("link", name="Read the answer")).to_be_visible()
    seen(page, "record")
    page.get_by_role("link", name="Read the answer").click()
    expect(page.locator("[data-answer]").last).to_contain_text(REFUSED)

    page.goto(f"{site}/settings/safety/")
    page.get_by_label("One word or phrase a line").fill("")
    press(page, "Save the words")
    expect(page.get_by_label("One word or phrase a line")).to_have_value("")
    seen(page, "rules")
    page.goto(f"{site}/assistant/")
    say(page, "Where is the falcon?")
    answers(page, 1)
    expect(page.locator("[data-answer]").last).not_to_contain_text(REFUSED)
    page.goto(f"{site}/settings/safety/")
    press(page, "Restore version 1")
    expect(page.get_by_text("(version 1 again)")).to_be_visible()
    page.goto(f"{site}/assistant/")
    say(page, "Where is the falcon?")
    expect(page.locator("[data-answer]").last).to_contain_text(REFUSED)


def test_an_owner_names_the_assistant_and_says_how_long_data_is_kept(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    site = f"http://{server.host(ALICE)}"
    sign_in(page, server, ALICE, "/settings/assistant/")
    page.get_by_label("Name").fill("Minerva")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("cell", name="Minerva")).to_be_visible()
    seen(page, "assistant")
    page.goto(f"{site}/settings/data/")
    page.get_by_label("Documents, days").fill("0")
    page.get_by_role("button", name="Save the days").press("Enter")
    expect(page.get_by_text("Zero would erase them")).to_be_visible()
    expect(page.get_by_label("Documents, days")).to_have_value("0")
    page.get_by_label("Documents, days").fill("90")
    press(page, "Save the days")
    expect(page.get_by_label("Documents, days")).to_have_value("90")
    page.get_by_label("Why").fill("A dispute")
    page.get_by_role("button", name="Set a legal hold").press("Enter")
    expect(page.get_by_role("button", name="Lift the legal hold")).to_be_visible()
    seen(page, "data")
