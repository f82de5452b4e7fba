"""Links that a mail brings, in a browser: two tabs, a double click, back, signed in already.

What a browser sends beside a form (`Origin`, cookies) decides here, which no client of tests does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.tokens import default_token_generator
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from playwright.sync_api import Page, expect

from tenants.accounts.handover import confirm_make
from tenants.accounts.invitations import token_of
from tenants.accounts.models import Invitation, User
from tenants.context import entered
from tests.support.browser import check, settled
from tests.support.cast import ADA, MAX, PASSWORD
from tests.support.clients import tenant_of, user_of

if TYPE_CHECKING:
    from tests.assistant.test_browser import OpenPage

NEW = "mia@acme.example"
CHOSEN = "another long password"


def invitation(email: str) -> str:
    with entered(tenant_of(ADA)):
        row = Invitation.objects.create(
            email=email, role="member", invited_by=user_of(ADA).id,
            expires_at=timezone.now() + timedelta(days=1),
        )  # fmt: skip
        return f"/invitation/{token_of(row)}/"


def reset() -> str:
    with entered(tenant_of(MAX)):
        user = user_of(MAX)
        uid = urlsafe_base64_encode(force_bytes(user.pk))
        return f"/password-reset/{uid}/{default_token_generator.make_token(user)}/"


def sign_in(page: Page, host: str) -> None:
    page.goto(f"{host}/sign-in/?next=/settings/workspace/")
    page.fill("[name=email]", ADA.email)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings/workspace/")
    settled(page)


def tabs(page: Page, address: str) -> tuple[Page, Page]:
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(address)
        settled(tab)
    return page, other


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(words)
    settled(page)


def join(page: Page) -> None:
    page.fill("[name=name]", "Mia")
    page.fill("[name=password]", CHOSEN)
    page.get_by_role("button", name="Join").dblclick()


def member(email: str) -> Any:
    with entered(tenant_of(ADA)):
        return User.objects.filter(email=email).count()


def test_an_invitation_is_taken_once_in_whichever_tab(host: str, open_page: OpenPage) -> None:
    over = "This invitation no longer works"
    where = host + invitation(NEW)
    with open_page() as page:
        first, second = tabs(page, where)
        join(first)
        first.wait_for_url("**/assistant/**")
        settled(first)
        join(second)
        heading(second, "This form is out of date")
        second.goto(where)
        heading(second, over)
        first.go_back()
        heading(first, over)
        first.get_by_role("link", name="Open the workspace").click()  # by who is in it already
        first.wait_for_url("**/assistant/**")
        settled(first)
    assert member(NEW) == 1
    with open_page() as page:
        sign_in(page, host)
        page.goto(host + invitation("noah@acme.example"))
        expect(page.locator(".callout")).to_contain_text(f"You are signed in as {ADA.email}")
        check(page)
        join(page)
        page.wait_for_url("**/assistant/**")
        settled(page)
        assert member("noah@acme.example") == 1


def test_a_reset_and_a_confirmation_change_their_own_user_alone(host: str, page: Page) -> None:
    sign_in(page, host)
    first, second = tabs(page, host + reset())
    for tab in (first, second):
        expect(tab.get_by_label("Email")).to_have_value(MAX.email)
        for field in ("new_password1", "new_password2"):
            tab.fill(f"[name={field}]", CHOSEN if tab is first else PASSWORD)
        tab.get_by_role("button", name="Save password").dblclick()
        heading(tab, "Password saved" if tab is first else "This link no longer works")
    first.go_back()
    heading(first, "This link no longer works")
    with entered(tenant_of(MAX)):
        assert user_of(MAX).check_password(CHOSEN)
        assert user_of(ADA).check_password(PASSWORD)
        User.objects.filter(email=MAX.email).update(email_confirmed_at=None)
        token = confirm_make(user_of(MAX), tenant_of(MAX))
    first, second = tabs(first, f"{host}/confirm/{token}/")
    for tab in (first, second):
        tab.get_by_role("button", name="Yes, confirm it").dblclick()
        heading(tab, "Address confirmed")
    first.goto(f"{host}/settings/workspace/")
    heading(first, "Workspace")  # Ada is signed in still
