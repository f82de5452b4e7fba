"""Somebody new makes a workspace in the browser, and finds it again by mail."""

from __future__ import annotations

import re
import time

import httpx
from playwright.sync_api import Browser, expect

from tests.support.browser import PHONE, opened, settled
from tests.support.live import LiveStack
from tests.support.waiting import eventually

EMAIL = "nora@northwind.example"
PASSWORD = "a long enough password"


def mails(stack: LiveStack, subject: str) -> list[str]:
    folder = stack.var / "mail"
    found = [each.read_text() for each in folder.glob("*")] if folder.exists() else []
    return [text for text in found if f"Subject: {subject}" in text and EMAIL in text]


def test_somebody_signs_up_works_and_finds_the_workspace_again(
    live_stack: LiveStack, browser: Browser
) -> None:
    with opened(browser, PHONE) as page:
        page.goto(live_stack.url)
        page.get_by_role("link", name="Create a workspace").first.click()
        settled(page)
        page.get_by_label("Workspace name").fill("Acme")
        said = page.locator("[data-said]")
        expect(said).to_contain_text("taken")
        page.get_by_label("Address").fill("support")
        expect(said).to_contain_text("product's own")
        page.get_by_label("Workspace name").fill("Northwind Trading")
        page.get_by_label("Address").fill("northwind")
        expect(said).to_contain_text("northwind.localhost is free")
        page.get_by_label("Email").fill(EMAIL)
        page.get_by_label("Password").fill(EMAIL)
        page.get_by_label("Region").select_option("eu-central-1")
        page.get_by_role("button", name="Create the workspace").click()
        expect(page.get_by_text("too similar")).to_be_visible()
        expect(page.get_by_label("Workspace name")).to_have_value("Northwind Trading")
        expect(page.get_by_label("Region")).to_have_value("eu-central-1")
        page.get_by_label("Password").fill(PASSWORD)
        began = time.perf_counter()
        page.get_by_role("button", name="Create the workspace").click()
        page.wait_for_url(f"http://northwind.localhost:{live_stack.port}/assistant/")
        waited = time.perf_counter() - began
        print(f"\nsigned up and in the assistant after {waited:.2f} s")
        page.goto(f"http://northwind.localhost:{live_stack.port}/settings/workspace/")
        expect(page.get_by_text("Confirm your address")).to_be_visible()
        expect(page.locator("#main").get_by_text("eu-central-1")).to_be_visible()
        # The way in is spent: the page that leads on has nothing to give again.
        page.goto(f"{live_stack.url}/sign-up/made/")
        expect(page).to_have_url(re.compile(r"/sign-up/$"))
    state = "SELECT state FROM registry_onboarding WHERE slug = 'northwind'"
    eventually(lambda: live_stack.sql(state) == [("done",)])
    [(took,)] = live_stack.sql(
        "SELECT extract(epoch FROM ready_at - requested_at) FROM registry_onboarding"
        " WHERE slug = 'northwind'"
    )
    print(f"usable {took:.2f} s after it was asked for")
    [welcome] = eventually(lambda: mails(live_stack, "Your workspace Northwind Trading is ready"))
    link = re.search(r"http://\S+/confirm/\S+", welcome)
    with opened(browser) as page:
        page.goto(link.group(0))
        page.get_by_role("button", name="Yes, confirm it").click()
        expect(page.get_by_text("Address confirmed")).to_be_visible()
        page.goto(live_stack.url)
        page.get_by_label("Email").fill(EMAIL)
        page.get_by_role("button", name="Mail me the link").click()
        expect(page.get_by_text("Check your mail")).to_be_visible()
    [found] = eventually(lambda: mails(live_stack, "Your workspaces"))
    assert f"http://northwind.localhost:{live_stack.port}/sign-in/" in found
    # It answers like any workspace: its own model call, in its own Region.
    host = {"Host": f"northwind.localhost:{live_stack.port}"}
    page_of = httpx.get(f"http://127.0.0.1:{live_stack.port}/sign-in/", headers=host, timeout=60)
    assert "Northwind Trading" in page_of.text
