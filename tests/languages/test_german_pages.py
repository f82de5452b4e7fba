"""The pages in German, as a signed-in owner meets them."""

from html.parser import HTMLParser
from typing import Any, Final

import pytest
from django.conf import settings
from playwright.sync_api import Browser

from tests.assistant.conftest import served
from tests.languages.catalogues import catalogues
from tests.languages.sources import SHOWN
from tests.support.browser import PHONE, opened
from tests.support.cast import ALICE
from tests.support.clients import browser_of, stranger

__all__ = ["served"]

pytestmark = pytest.mark.django_db(transaction=True)

# A language's own name, and keys of details and claims.
NOT_SAID: Final = {"English", "name", "email"}
# The API's reference, whose words are those of the OpenAPI document.
ENGLISH_ROUTES: Final = {"api/v1/docs/"}
ON_A_PHONE: Final = (
    "/assistant/", "/documents/", "/search/?q=hotel", "/ask/", "/write/", "/collections/",
    "/usage/", "/usage/limits/", "/usage/plans/", "/usage/alerts/", "/usage/invoices/",
    "/settings/members/", "/settings/security/", "/settings/keys/", "/settings/data/",
    "/settings/safety/", "/settings/assistant/", "/settings/audit/", "/settings/trust/",
)  # fmt: skip


class _Shown(HTMLParser):
    """Collects the texts and the attributes that a reader meets."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts |= {" ".join((value or "").split()) for name, value in attrs if name in SHOWN}

    def handle_data(self, data: str) -> None:
        self.texts.add(" ".join(data.split()))


def english_texts() -> set[str]:
    """Return the texts of the catalogues that German says otherwise, and has no words like them."""
    entries = [
        entry
        for catalogue in catalogues()
        if catalogue.domain == "django"
        for entry in catalogue.read()
        if not entry.msgid_plural
    ]
    german = {entry.msgstr for entry in entries}
    said = {entry.msgid.replace("%%", "%") for entry in entries if entry.msgid != entry.msgstr}
    return said - german - NOT_SAID


def test_no_page_says_a_text_of_the_catalogue_in_english() -> None:
    from tests.isolation.world import build
    from tests.look.everypage import NO_PAGE, visits

    world = build()
    client = stranger(ALICE.host)
    client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[ALICE.email]
    client.post("/settings/language/", {"language": "de"})
    english = english_texts()
    left, seen = [], 0
    for visit in visits(world, everything=True):
        if visit.person != ALICE or visit.route in NO_PAGE or visit.route in ENGLISH_ROUTES:
            continue
        answer = client.get(visit.address)
        answer.close()
        if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
            continue
        page = answer.content
        shown = _Shown()
        shown.feed(page.decode())
        seen += 1
        left += [f"{visit.route}: {text}" for text in sorted(shown.texts & english)]
        if b"<html" in page[:300]:
            assert b'<html lang="de"' in page[:300], visit.route
    assert seen > 40
    assert left == []


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
