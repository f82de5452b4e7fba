"""Single sign-on in a real browser: set up, tested, switched on, and signed in with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.assistant.talking import aside
from tests.support.browser import check
from tests.support.cast import ADA, MAX, PASSWORD
from tests.support.nameserver import NameServer
from tests.support.openid import SECRET, OpenId
from tests.support.samlidp import SamlIdp, idp_running
from tests.support.sso import proved


def sign_in(page: Page, host: str) -> None:
    page.goto(f"{host}/sign-in/?next=/settings/security/sso/")
    page.fill("[name=email]", ADA.email)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{host}/settings/security/sso/")


def at_the_provider(page: Page, email: str) -> None:
    expect(page).to_have_title("Provider")
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def idp(tmp_path: Path, settings: Any) -> Iterator[SamlIdp]:
    settings.OUTBOUND_PRIVATE = True
    with idp_running(tmp_path) as running:
        yield running


def test_a_member_signs_in_by_saml_and_is_signed_out_from_there(
    host: str, page: Page, idp: SamlIdp
) -> None:
    aside(lambda: proved(ADA))
    sign_in(page, host)
    page.wait_for_load_state("networkidle")
    page.goto(f"{host}/settings/security/sso/?kind=saml")
    entity, acs = (page.locator(f"#{name}").inner_text().strip() for name in ("entity", "acs"))
    told = page.evaluate("(address) => fetch(address).then((answer) => answer.text())", entity)
    idp.services.append(told.partition("?>")[2])
    assert acs in idp.services[0]
    page.get_by_label("Name on the button").fill("Entra")
    page.locator("[name=metadata_url]").fill(idp.entity)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test", exact=True).click()
    at_the_provider(page, ADA.email)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("The test passed")).to_be_visible()
    page.locator(".breadcrumbs").get_by_role("link", name="Single sign-on").click()
    page.get_by_label("On: who wants to").check()
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_text("Single sign-on is set.")).to_be_visible()

    page.context.clear_cookies()
    page.goto(f"{host}/sign-in/?next=/documents/")
    page.get_by_role("link", name="Continue with Entra").click()
    at_the_provider(page, MAX.email)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(f"{host}/documents/")
    page.wait_for_load_state("networkidle")
    # Signed out at the provider: its page sends the browser here, and this one sends it back.
    page.goto(idp.logout(f"{host}/sign-in/sso/saml/logout/", f"id-of-{MAX.email}"))
    expect(page).to_have_title("Signed out")
    page.goto(f"{host}/documents/")
    expect(page).to_have_url(re.compile("/sign-in/"))
    page.wait_for_load_state("networkidle")


def test_an_admin_sets_openid_connect_up_and_a_new_member_signs_in(
    host: str, page: Page, openid: OpenId, names: NameServer
) -> None:
    sign_in(page, host)
    check(page)
    page.get_by_label("Domain", exact=True).fill("acme.example")
    page.get_by_role("button", name="Add", exact=True).click()
    text = page.locator("#record-text-1").inner_text().strip()
    names.texts[page.locator("#record-name-1").inner_text().strip()] = [text]
    page.get_by_role("button", name="Verify acme.example").click()
    expect(page.get_by_text("Verified", exact=True)).to_be_visible()

    openid.client("walk", page.locator("#redirect-uri").inner_text().strip())
    for label, value in (
        ("Name on the button", "Okta"), ("Issuer", openid.issuer), ("Client id", "walk"),
    ):  # fmt: skip
        page.get_by_label(label).fill(value)
    page.locator("#id_secret").fill(SECRET)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test", exact=True).click()
    at_the_provider(page, "nora@acme.example")
    expect(page.get_by_text("The test passed")).to_be_visible()
    check(page)
    page.locator(".breadcrumbs").get_by_role("link", name="Single sign-on").click()
    page.get_by_label("On: who wants to").check()
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_text("Single sign-on is set.")).to_be_visible()
    check(page)

    page.context.clear_cookies()
    page.goto(f"{host}/sign-in/?next=/documents/")
    check(page)
    page.get_by_label("Email").fill("nora@acme.example")
    page.get_by_role("button", name="Sign in").click()
    at_the_provider(page, "nora@acme.example")
    page.wait_for_url(f"{host}/documents/")
    page.wait_for_load_state("networkidle")
