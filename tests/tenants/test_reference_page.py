"""The API's reference in the browser: an operation's examples come when it is opened."""

from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, expect

from tests.assistant.conftest import served
from tests.support.browser import check, opened
from tests.support.cast import ALICE
from tests.support.clients import browser_of

__all__ = ["served"]


@pytest.mark.django_db(transaction=True)
def test_an_operation_opens_by_keyboard_and_shows_its_examples(
    served: Any, browser: Browser
) -> None:
    session = browser_of(ALICE).cookies[settings.SESSION_COOKIE_NAME].value
    at = f"http://{ALICE.host}:{served.port}"
    with opened(browser) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": at}]
        )
        page.goto(f"{at}/api/v1/docs/#ask")
        expect(page.get_by_role("heading", name="Service accounts")).to_be_visible()
        ask = page.locator("article#ask")
        expect(ask.locator("h3")).to_have_text("POST /api/v1/ask/")
        assert ask.locator("h3 wbr").count() == 4  # a long address breaks after its slashes
        ask.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(ask.locator("#curl-ask")).to_contain_text('curl -X POST "$WORKSPACE/api/v1/ask/"')
        expect(ask.locator("#answer-ask")).to_contain_text("GBP 190")
        ask.get_by_role("button", name="Copy").nth(1).click()
        expect(page.locator("#toasts")).to_contain_text("Copied")
        assert "/api/v1/ask/" in page.evaluate("navigator.clipboard.readText()")
        check(page)
        page.keyboard.press("Shift+Tab")
        ask.locator("summary").click()
        ask.locator("summary").click()
        expect(ask.locator("#curl-ask")).to_be_visible()
