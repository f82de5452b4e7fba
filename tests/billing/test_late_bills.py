"""What AWS bills late for a month that was invoiced is a line of the next invoice."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg
import pytest

from billing.invoices.models import Invoice
from billing.invoices.pdf import invoice_pdf
from billing.invoices.states import invoice_issue
from tenants.context import SYSTEM, public_scope
from tests.billing.month import (
    COMPARED,
    Row,
    book,
    last_month,
    plans_of_all_models,
    workspaces,
)
from tests.support.clients import staff_client
from tests.support.services import Worker

pytestmark = pytest.mark.django_db(transaction=True)
Manage = Callable[..., str]
MONTH = last_month()
BEFORE = last_month(MONTH)
TENANT_REQUEST = UUID("5f1b7f1e-7f0a-4f3a-9a55-0d8f2a0c9b10")
DRAFT = """
import datetime, json
from billing.invoices.drafting import invoices_draft
from tenants.context import public_scope
with public_scope("ops"):
    print("TOLD", json.dumps(dict(invoices_draft({month!r}))))
"""
COMPARE = """
import datetime
from billing.reconciliation.comparing import period_reconcile
from billing.reconciliation.deciding import true_ups_run
from tenants.context import public_scope
period = {month!r}
with public_scope("ops"):
    done = true_ups_run()
    period_reconcile(period, now=datetime.datetime.now(datetime.UTC))
    print("DONE", done)
"""
BILLED = """
    INSERT INTO billing_awscostline (id, source, period, day, tenant_id, attributed_by, region,
           model, usage_type, unit, quantity, usd, entity, estimated, execution_id)
    VALUES (gen_random_uuid(), 'cur', %s, %s, %s, 'principal', 'us-east-1', 'nova', 'x',
            'input_tokens', %s, %s, 'AWS', false, 'late')
"""


@pytest.fixture
def owner(worker: Worker) -> Iterator[Any]:
    """A connection of the owner's, which writes history as no login of the product may."""
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute(COMPARED, [MONTH.date()])
        yield opened


def whole(tenant: UUID, period: Any) -> tuple[Any, list[Any], bytes]:
    """Return all of an invoice: its row, its lines and its document."""
    with public_scope("staff"):
        invoice = Invoice.objects.get(tenant_id=tenant, period=period.date())
        lines = list(invoice.lines.all())
        row = Invoice.objects.filter(pk=invoice.pk).values().get()
        return (
            row,
            [(line.kind, line.text, line.usd) for line in lines],
            invoice_pdf(invoice, lines),
        )


def test_what_aws_bills_late_is_trued_up_by_the_next_invoice_alone(
    manage: Manage, owner: Any
) -> None:
    plans_of_all_models(owner)
    tenant = workspaces(owner, 1, "sy-metered", BEFORE - timedelta(days=3))[0]
    at = BEFORE + timedelta(days=4, hours=9)
    book(
        owner,
        [Row(tenant, TENANT_REQUEST, 101, "nova", "input_tokens", 10**9, at, "0.06", 10**6)],
        BEFORE,
    )
    owner.execute(BILLED, [BEFORE.date(), at.date(), tenant, 10**9, 60])
    manage("ops", "shell", "-c", COMPARE.format(month=BEFORE.date()))
    manage("ops", "shell", "-c", DRAFT.format(month=BEFORE.date()))
    with public_scope("staff"):
        drafted = Invoice.objects.get(tenant_id=tenant, period=BEFORE.date())
        assert drafted.state == "draft", drafted.holds
        invoice_issue(actor=SYSTEM, invoice_id=drafted.id)
    issued = whole(tenant, BEFORE)
    assert issued[1] == [
        ("fee", issued[1][0][1], Decimal("10.00")),
        ("usage", issued[1][1][1], Decimal("70.50")),
    ]

    # Half as much again, in rows that came after the invoice.
    owner.execute(BILLED, [BEFORE.date(), at.date(), tenant, 5 * 10**8, 30])
    manage("ops", "shell", "-c", COMPARE.format(month=BEFORE.date()))
    staff = staff_client()
    query = urlencode(
        {"period": f"{BEFORE:%Y-%m}", "day": at.date(), "tenant": tenant, "model": "nova"}
    )
    page = f"/admin/billing/reconciliationline/case/?{query}"
    shown = staff.get(page).content.decode()
    seen = shown.split('name="seen" value="', 1)[1].split('"', 1)[0]
    form = {"kind": "true_up", "reason": "AWS delivered late", "seen": seen}
    assert staff.post(page, form, follow=True).status_code == 200
    assert "DONE 1" in manage("ops", "shell", "-c", COMPARE.format(month=BEFORE.date()))
    for month in (BEFORE, MONTH, MONTH):
        told = manage("ops", "shell", "-c", DRAFT.format(month=month.date()))
        assert json.loads(told.split("TOLD ", 1)[1])

    assert whole(tenant, BEFORE) == issued
    _, lines, _ = whole(tenant, MONTH)
    corrections = [(text, usd) for kind, text, usd in lines if kind == "correction"]
    [(text, usd)] = corrections
    assert usd == Decimal("35.25")  # 30 dollars and 17.5 %
    assert text.startswith(f"Correction of {issued[0]['series']}-{issued[0]['number']:06}")
