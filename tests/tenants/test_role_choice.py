"""Roles and allowances in the browser: a role is saved by a button that comes with a change."""

from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, expect

from tests.assistant.conftest import served
from tests.support.browser import opened, settled
from tests.support.cast import ALICE, BOB
from tests.support.clients import browser_of, user_of

__all__ = ["served"]


@pytest.mark.django_db(transaction=True)
def test_a_rows_button_comes_with_another_value_and_goes_with_the_first(
    served: Any, browser: Browser
) -> None:
    session = browser_of(ALICE).cookies[settings.SESSION_COOKIE_NAME].value
    at = f"http://{ALICE.host}:{served.port}"
    with opened(browser) as page:
        page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": at}]
        )
        page.goto(f"{at}/settings/members/")
        role = page.get_by_label(f"Role of {BOB.email}")
        save = page.get_by_role("button", name=f"Save the role of {BOB.email}")
        expect(role).to_have_value("viewer")
        expect(save).to_be_hidden()
        role.select_option("member")
        expect(save).to_be_visible()
        role.select_option("viewer")
        expect(save).to_be_hidden()
        role.select_option("member")
        save.click()
        settled(page)
        expect(page.get_by_label(f"Role of {BOB.email}")).to_have_value("member")
        expect(page.get_by_role("button", name=f"Save the role of {BOB.email}")).to_be_hidden()
        bob = str(user_of(BOB))
        page.goto(f"{at}/usage/limits/")
        tokens = page.get_by_label(f"Model tokens a month of {bob}")
        tokens.fill("5000")
        page.get_by_role("button", name="Save the allowances").click()
        settled(page)
        expect(page.get_by_label(f"Model tokens a month of {bob}")).to_have_value("5,000")
    assert user_of(BOB).role == "member"
