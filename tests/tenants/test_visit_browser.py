"""Staff in a real browser: a visit begun and ended, the list of visits, the funding pack."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from playwright.sync_api import Page, expect

from tenants.context import public_scope
from tenants.registry.impersonationmodels import Impersonation
from tests.assistant.talking import aside
from tests.assistant.test_staff_visits import BEGIN, WHY, allow
from tests.support.browser import DESKTOP, click_impatiently
from tests.support.cast import ADA, PASSWORD
from tests.support.clients import tenant_of

if TYPE_CHECKING:
    OpenPage = Callable[..., AbstractContextManager[Page]]

# The words of the tables that stand on more than one line.
BROKEN: Final = """[...document.querySelectorAll(".sp-paper td")].flatMap((cell) => {
  const text = cell.firstChild, range = document.createRange();
  return [...text.data.matchAll(/[^\\s-]+/g)].filter((word) => {
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    return range.getClientRects().length > 1;
  }).map(String);
})"""


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
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    shown = page.locator("div:has(> #result_list)")
    longer = "(e) => { e.textContent = 'customer.relations@acme-outdoor.example'; }"
    shown.locator("td.field-member").evaluate(longer)
    assert shown.evaluate("(e) => e.scrollWidth - e.clientWidth") <= 0, "the list fits the screen"


def test_the_funding_pack_breaks_no_word_on_a_phone(host: str, open_page: OpenPage) -> None:
    admin = host.replace(f"{ADA.workspace}.", "")
    with open_page((320, 640)) as page:
        page.goto(f"{admin}/admin/login/?next=/admin/billing/creditgrant/funding-pack/")
        page.fill("[name=username]", "finance@tenantry.example")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{admin}/admin/billing/creditgrant/funding-pack/")
        assert page.locator(".sp-paper td").count() > 0
        assert page.evaluate(BROKEN) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
