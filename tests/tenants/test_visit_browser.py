"""A visit of staff in a real browser: begun in the admin, ended on the workspace's own page."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tenants.context import public_scope
from tenants.registry.impersonationmodels import Impersonation
from tests.assistant.talking import aside
from tests.assistant.test_staff_visits import BEGIN, WHY, allow
from tests.support.browser import click_impatiently
from tests.support.cast import ADA, PASSWORD
from tests.support.clients import tenant_of


def test_staff_go_to_the_workspace_and_back_by_two_forms(host: str, page: Page) -> None:
    found: dict[str, str] = {}
    aside(lambda: allow("read"))
    aside(lambda: found.update(tenant=str(tenant_of(ADA).id)))
    admin = host.replace(f"{ADA.workspace}.", "")
    page.goto(f"{admin}/admin/login/?next={BEGIN}%3Ftenant%3D{found['tenant']}")
    page.fill("[name=username]", "support@tenantry.example")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{BEGIN}?tenant=*")
    page.fill("[name=email]", ADA.email)
    page.fill("[name=reason]", WHY)
    click_impatiently(page.get_by_role("button", name="Look into it"))
    page.wait_for_url(f"{host}/assistant/")

    def visits() -> None:
        with public_scope("staff"):
            found.update(visits=str(Impersonation.objects.count()))

    aside(visits)
    assert found["visits"] == "1", "another click begins no other visit"
    expect(page.get_by_text(f"looking at this as {ADA.email}")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="End", exact=True).click()
    page.wait_for_url(f"{admin}/admin/registry/impersonation/")
    page.wait_for_load_state("networkidle")
