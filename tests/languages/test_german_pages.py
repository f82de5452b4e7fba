"""The pages in German, as a signed-in owner meets them."""

from typing import Any, Final

import pytest
from django.conf import settings
from playwright.sync_api import Browser

from tests.assistant.conftest import served
from tests.support.browser import PHONE, opened
from tests.support.cast import ALICE
from tests.support.clients import browser_of

__all__ = ["served"]

pytestmark = pytest.mark.django_db(transaction=True)

ON_A_PHONE: Final = (
    "/assistant/", "/documents/", "/search/?q=hotel", "/ask/", "/write/", "/collections/",
    "/usage/", "/usage/limits/", "/usage/plans/", "/usage/alerts/", "/usage/invoices/",
    "/settings/members/", "/settings/security/", "/settings/keys/", "/settings/data/",
    "/settings/safety/", "/settings/assistant/", "/settings/audit/", "/settings/trust/",
)  # fmt: skip


def test_long_german_words_stay_within_a_phone(served: Any, browser: Browser) -> None:
    client = browser_of(ALICE)
    client.post("/settings/language/", {"language": "de"})
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    at = f"http://{ALICE.host}:{served.port}"
    wide = []
    with opened(browser, PHONE) as page:
        page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": at}]
        )
        for address in ON_A_PHONE:
            page.goto(at + address)
            assert page.locator("html").get_attribute("lang") == "de"
            if page.evaluate("document.documentElement.scrollWidth") > PHONE[0]:
                wide.append(address)
        assert page.evaluate("gettext('Copied')") == "Kopiert"
        page.wait_for_load_state("networkidle")
    assert wide == []
