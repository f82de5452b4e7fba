"""An owner compares plans, moves up, and follows an invoice down to the price of an entry."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.billing.month import COMPARED
from tests.e2e.people import sign_in
from tests.support.browser import DESKTOP, PHONE, opened
from tests.support.live import LiveStack

MONTH = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).replace(
    day=1, hour=0, minute=0, second=0, microsecond=0
)
DRAFT = """
from billing.invoices.drafting import invoices_draft
from tenants.context import public_scope
with public_scope("ops"):
    print(dict(invoices_draft()))
"""
# What was used this month, as if it had been used in the last one.
EARLIER = """
    INSERT INTO billing_ledgerentry (id, tenant_id, month, request_id, attempt, unit, quantity,
        kind, estimated, model, route, region, profile_arn, feature, user_id, api_key_id,
        reservation_id, price_id, price_usd, price_per, usd, created_at)
    SELECT gen_random_uuid(), tenant_id, %s, request_id, attempt, unit, quantity * 1000, kind,
        estimated, model, route, region, profile_arn, feature, user_id, api_key_id, reservation_id,
        price_id, price_usd, price_per, usd * 1000, %s
      FROM billing_ledgerentry WHERE tenant_id = %s AND unit <> 'seats'
"""


def seen(page: Page, name: str) -> None:
    """Keep pictures of a page, light, dark and on a phone, where somebody wants to look at them."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    for theme, size in (("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        path = Path(folder) / f"{name}-{theme}-{size[0]}.png"
        page.screenshot(path=path, full_page=True)
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    page.emulate_media(color_scheme="light")


@pytest.fixture
def invoiced(live_stack: LiveStack) -> str:
    """Issue globex's invoice of last month as staff do, and return its number."""
    owner = live_stack.person("globex", "owner")
    with live_stack.http(owner) as client:
        question = {"question": "Within how many hours must a personal data breach be reported?"}
        client.post("/api/v1/ask/", json=question).raise_for_status()
    [(tenant,)] = live_stack.sql("SELECT id FROM registry_tenant WHERE slug = 'globex'")
    since = MONTH - timedelta(days=30)
    live_stack.execute("UPDATE registry_tenant SET created_at = %s WHERE id = %s", since, tenant)
    live_stack.execute(
        "UPDATE billing_planchange SET at = %s WHERE tenant_id = %s AND plan = 'enterprise'",
        since, tenant,
    )  # fmt: skip
    live_stack.execute(EARLIER, MONTH.date(), MONTH + timedelta(days=3), tenant)
    live_stack.execute(COMPARED, MONTH.date())
    live_stack.manage("ops", "shell", "-c", DRAFT)
    return str(tenant)


def test_an_owner_follows_an_invoice_down_and_moves_up(
    live_stack: LiveStack, browser: Browser, invoiced: str
) -> None:
    with opened(browser) as page:
        _staff_issues(live_stack, page)
    with opened(browser) as page:
        _owner_reads(live_stack, page)
    with opened(browser) as page:
        _owner_moves_up(live_stack, page)


def _staff_issues(stack: LiveStack, page: Page) -> None:
    staff = stack.demo["staff"]
    page.goto(staff["url"])
    page.locator("#id_username").fill(staff["email"])
    page.locator("#id_password").fill(staff["password"])
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#id_password")).to_have_count(0)
    page.goto(f"{stack.url}/admin/billing/invoice/")
    seen(page, "staff-list")
    page.locator("tbody input[name=_selected_action]").first.check()
    page.locator("select[name=action]").select_option("issue")
    page.locator("button[name=index]").first.click()
    expect(page.get_by_text("Each gets the next number")).to_be_visible()
    seen(page, "staff-issue")
    page.get_by_role("button", name="Issue").click()
    expect(page.get_by_text("done for 1")).to_be_visible()
    page.goto(f"{stack.url}/admin/billing/price/import/")
    expect(page.get_by_role("button", name="Show the difference")).to_be_visible()
    seen(page, "staff-import")


def _owner_reads(stack: LiveStack, page: Page) -> None:
    owner = stack.person("globex", "owner")
    sign_in(page, owner, "/usage/invoices/")
    seen(page, "invoices")
    page.get_by_role("table").first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Invoice ")).to_be_visible()
    expect(page.get_by_text("Enterprise plan", exact=True)).to_be_visible()
    seen(page, "invoice")
    with page.expect_download() as kept:
        page.get_by_role("link", name="PDF").click()
    document = pypdfium2.PdfDocument(kept.value.path())
    text = document[0].get_textpage().get_text_range()
    assert "Enterprise plan" in text
    assert "Total" in text
    if folder := os.environ.get("SCREENSHOTS"):
        document[0].render(scale=1.5).to_pil().save(Path(folder) / "pdf.png")
    document.close()
    with page.expect_download() as kept:
        page.get_by_role("link", name="CSV").click()
    with kept.value.path().open() as file:
        rows = list(csv.DictReader(file))
    assert {"fee", "usage", "total"} <= {row["kind"] for row in rows}
    page.get_by_role("link", name="at cost plus 15%").first.click()
    expect(page.get_by_role("heading", name="Requests")).to_be_visible()
    page.locator("a.mono").first.click()
    expect(page.locator("#entries tbody tr").first).to_contain_text("for 1,000")
    seen(page, "line")


def _owner_moves_up(stack: LiveStack, page: Page) -> None:
    owner = stack.person("acme", "owner")
    try:
        sign_in(page, owner, "/usage/plans/")
        expect(page.get_by_text("so far would cost")).to_be_visible()
        seen(page, "plans")
        page.get_by_role("link", name="See the effect of Enterprise").click()
        expect(page.get_by_text("Charged today", exact=True)).to_be_visible()
        seen(page, "effect")
        page.get_by_role("button", name="Change to Enterprise now").click()
        expect(page.get_by_text("on the Enterprise plan")).to_be_visible()
    finally:  # other walks know the workspace on its plan
        stack.execute("UPDATE registry_tenant SET plan = 'growth' WHERE slug = 'acme'")
