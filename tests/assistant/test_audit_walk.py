"""An auditor's walk by clicking: docs/audit-walk.md tells it, with pictures of this test."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Page, expect

from assistant.models import Message, MessageRole
from bedrock.models import LoggedCall
from bedrock.selectors import logged_of
from tenants.context import entered
from tests.assistant.talking import Server, aside, conversation_for
from tests.assistant.test_browser import sign_in
from tests.bedrock.logreader import reading
from tests.documents.helpers import HANDBOOK, ready
from tests.support.browser import DESKTOP, PHONE, check, settled
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, tenant_of
from tests.support.localaws import LocalAws

Manage = Callable[..., str]
RENAME = "Rename the document Travel policy.md to Trips.md"


def asked(person: Person) -> str:
    """Have an answer that changed something, and return its request's id."""
    ready("Travel policy.md", HANDBOOK, person)
    conversation = conversation_for(person, "Travel")
    answer = api(person).post(
        f"/api/v1/conversations/{conversation}/messages/",
        {"text": RENAME},
        content_type="application/json",
    )
    assert answer.status_code == 201, answer.content
    return str(answer.json()["request_id"])


def logged(localaws: LocalAws, manage: Manage) -> None:
    """Have AWS's log delivered and read."""
    localaws.logs()
    reading(manage)


ISSUE = """
from datetime import UTC, datetime, timedelta
from billing.models import Invoice, InvoiceLine
from tenants.context import public_scope
from tenants.registry.models import Tenant
now = datetime.now(UTC)
begun = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
with public_scope("owner"):
    tenant = Tenant.objects.get(slug="acme")
    invoice = Invoice.objects.create(
        tenant_id=tenant.id, workspace=tenant.name, period=begun.date(), subtotal=1, total=1,
        bill_to={"name": tenant.name, "locale": "en-US"},
    )
    InvoiceLine.objects.create(
        invoice=invoice, tenant_id=tenant.id, position=1, kind="usage", text="All models", usd=1,
        starts_at=begun, ends_at=begun + timedelta(days=32), units=[],
        detail={"cost": "1", "markup_percent": "0"},
    )
    invoice.series, invoice.number, invoice.state = now.year, 77, "issued"
    invoice.issued_at, invoice.due_on = now, now.date()
    invoice.save()
"""


def record(client: Client, request_id: str) -> str:
    answer = client.get(f"/requests/{request_id}/")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_record_links_decision_call_log_ledger_invoice_and_audit_for_who_may_see_each(
    localaws: LocalAws, manage: Manage
) -> None:
    request_id = asked(MAX)
    logged(localaws, manage)
    manage("owner", "shell", "-c", ISSUE)
    owner = record(browser_of(ALICE), request_id)
    with entered(tenant_of(MAX)):
        calls = logged_of(request_id)  # type: ignore[arg-type]
    assert calls and all(each["aws_request_id"] in owner for each in calls)
    assert "As in the ledger" in owner and ", version 1</a>" in owner
    assert "All models</a>" in owner and "Renamed a document</a>" in owner
    assert "What was said is not shown" in owner and "Read the answer" not in owner
    admin = record(browser_of(ADA), request_id)
    assert "Renamed a document</a>" in admin and "All models" not in admin
    member = record(browser_of(MAX), request_id)
    assert "Read the answer" in member and 'id="audited"' not in member
    assert browser_of(BOB).get(f"/requests/{request_id}/").status_code == 404
    assert browser_of(CHARLIE).get(f"/requests/{request_id}/").status_code == 404
    with entered(tenant_of(CHARLIE)):
        assert not LoggedCall.objects.filter(request_id=request_id).values("state").exists()
    log = browser_of(ADA).get("/settings/audit/", {"action": "document."}).content.decode()
    assert log.count(f'href="/requests/{request_id}/"') == log.count('href="/requests/') == 1
    found = api(ADA).get(f"/api/v1/audit/?request={request_id}").json()["results"]
    assert {row["action"] for row in found} == {"assistant.rename_document", "document.rename"}


@pytest.mark.django_db(transaction=True)
def test_the_record_leads_into_a_conversation_for_as_long_as_it_is_shared() -> None:
    request_id = asked(MAX)
    with entered(tenant_of(MAX)):
        answer = Message.objects.get(request_id=request_id, role=MessageRole.ASSISTANT)
        text, conversation = answer.text, answer.conversation_id
    share = f"/assistant/{conversation}/share/"
    href = f"/assistant/shared/{conversation}/?message={answer.id}#m-{answer.id}"
    assert "Read the answer" not in record(browser_of(ADA), request_id)
    assert browser_of(ADA).get(href).status_code == 404
    assert browser_of(MAX).post(share, {"shared": "1"}).status_code == 302
    assert f'href="{href}"' in record(browser_of(ADA), request_id)
    page = browser_of(ADA).get(href).content.decode()
    assert f'id="m-{answer.id}"' in page and text[:20] in page
    assert browser_of(MAX).post(share, {"shared": ""}).status_code == 302
    assert "Read the answer" not in record(browser_of(ADA), request_id)


def seen(page: Page, number: int, name: str) -> None:
    """Let axe find nothing; keep a small picture for the page that tells the walk."""
    check(page)
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"audit-{number}-{name}.png", scale="css")
        for theme, size in (("dark", DESKTOP), ("light", PHONE)):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            path = Path(folder) / f"look-{name}-{theme}-{size[0]}.png"
            page.screenshot(path=path, full_page=True, scale="css")
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        page.emulate_media(color_scheme="light")


def test_an_auditor_walks_from_an_answer_to_all_that_stands_behind_it(
    server: Server, page: Page, localaws: LocalAws, manage: Manage
) -> None:
    aside(lambda: asked(ALICE))
    logged(localaws, manage)
    manage("owner", "shell", "-c", ISSUE)
    sign_in(page, server, ALICE)
    page.get_by_role("link", name="Travel", exact=True).click()
    page.wait_for_load_state("networkidle")
    page.get_by_text("How this was answered").click()
    expect(page.locator("[data-why-facts]")).to_be_visible()
    seen(page, 1, "answer")
    page.locator("[data-why-facts] a").last.click()
    expect(page.get_by_role("heading", name="Record of a request")).to_be_visible()
    seen(page, 2, "record")
    address = page.url
    page.get_by_role("link", name="As in the ledger").first.click()
    expect(page.get_by_role("heading", name="Ledger entries")).to_be_visible()
    seen(page, 3, "ledger")
    page.get_by_role("link", name="Record", exact=True).click()
    settled(page)  # or the last link would be one of those that have come so far
    page.get_by_role("link", name="Invoice", exact=False).last.click()
    expect(page.get_by_role("heading", name="How it was calculated")).to_be_visible()
    seen(page, 4, "invoice")
    page.goto(address)
    page.get_by_role("link", name="Renamed a document").click()
    expect(page.locator("tbody tr", has_text="Renamed a document")).to_be_visible()
    seen(page, 5, "audit")
    page.goto(address)
    page.get_by_role("link", name="version 1").first.click()
    expect(page.get_by_role("heading", name="Posture: General")).to_be_visible()
    seen(page, 6, "guardrail")
