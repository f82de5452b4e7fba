"""The second factor in a real browser: an app's codes, and Chromium's virtual authenticator."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import check, click_impatiently, settled
from tests.support.cast import ADA, PASSWORD


@pytest.fixture
def host(worker: object, transactional_db: None) -> Iterator[str]:
    """The product on a free port, with the rows of this test."""
    import uvicorn

    from config.asgi import application
    from config.stack.ports import free_port
    from tests.assistant.talking import Server

    port = free_port()
    config = uvicorn.Config(
        application, host="127.0.0.1", port=port, lifespan="off", log_config=None,
        access_log=False, ws="none", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    Server(port).wait()
    yield f"http://{ADA.host}:{port}"
    server.should_exit = True
    thread.join(5)


def password(page: Page, host: str) -> None:
    page.wait_for_load_state("networkidle")  # what is on its way would abort this
    page.goto(f"{host}/sign-in/?next=/settings/security/")
    page.fill("[name=email]", ADA.email)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/sign-in/?" not in url)


def test_an_app_and_a_security_key_sign_in(host: str, page: Page) -> None:
    from tenants.signin.totp import totp_code

    password(page, host)
    check(page)
    page.click("text=Add a second factor")
    check(page)
    page.click("text=Cannot scan it?")
    secret = page.locator("#app-secret").inner_text().replace(" ", "")
    page.fill("#id_code", totp_code(secret, int(time.time()) // 30))
    click_impatiently(page.get_by_role("button", name="Add the app"))
    expect(page.locator("#recovery-codes")).to_contain_text("-")
    check(page)

    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    key = {
        "protocol": "ctap2", "transport": "usb", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": key})
    page.click("text=Add another")
    settled(page)
    page.fill("#id_key_name", "Blue key")
    page.click("text=Add a key")
    expect(page.get_by_role("cell", name="Blue key", exact=True)).to_be_visible()

    page.context.clear_cookies()
    password(page, host)
    page.wait_for_url("**/sign-in/second/")
    check(page)
    page.fill("[name=code]", totp_code(secret, int(time.time()) // 30 + 1))
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings/security/")

    page.context.clear_cookies()
    password(page, host)
    page.wait_for_url("**/sign-in/second/")
    page.click("text=Use a security key or passkey")
    page.wait_for_url("**/settings/security/")
    expect(page.get_by_role("heading", name="Where you are signed in")).to_be_visible()
