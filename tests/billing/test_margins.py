"""What a workspace brings and costs, what would mend it, and what the levers saved."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.levers import savings
from billing.models import LedgerEntry, MarginLine
from billing.settlement import settle
from billing.units import Unit
from tenants.context import entered, public_scope
from tests.billing.calls import reserve
from tests.support.cast import ALICE
from tests.support.clients import browser_of, staff_client, tenant_of

pytestmark = pytest.mark.django_db(transaction=True)
Manage = Callable[..., str]
FRONTIER, SMALL = "us.anthropic.claude-sonnet-4-6", "us.amazon.nova-lite-v1:0"
EMBEDS = "amazon.titan-embed-text-v2:0"
COMPUTE = """
from billing.margins.computing import margins_compute
from billing.meters import database_now
from tenants.context import public_scope
with public_scope("ops"):
    month = database_now().date().replace(day=1)
    print(margins_compute(month), margins_compute(month))
"""


def call(model: str, feature: str, **units: int) -> None:
    used = {Unit(f"{name}_tokens"): amount for name, amount in units.items()}
    reservation = reserve(dict.fromkeys(used, 1), feature=feature, model=model)
    settle(reservation, model=model, units=used)


def test_a_workspace_that_erodes_its_plan_is_flagged_with_what_would_mend_it(
    manage: Manage,
) -> None:
    with entered(tenant_of(ALICE)):
        call(EMBEDS, "ingest", embedding=4_000)
        call(FRONTIER, "assistant", input=300_000_000, output=10_000_000)
        cost = sum((row.usd or Decimal(0) for row in LedgerEntry.objects.all()), Decimal(0))
    manage("ops", "shell", "-c", COMPUTE)
    month = datetime.now(UTC).date().replace(day=1)
    with public_scope("staff"):
        lines = list(MarginLine.objects.filter(period=month, tenant_id=tenant_of(ALICE).id))
    assert sum((line.aws_usd + line.guardrail_usd for line in lines), Decimal(0)) == cost
    assert {line.feature for line in lines} == {"assistant", "ingest"}
    revenue = sum((line.revenue_usd for line in lines), Decimal(0))
    assert 0 < revenue < cost
    staff = staff_client()
    page = staff.get("/admin/billing/marginline/").content.decode()
    assert "erodes the growth plan" in page
    small = 300 * Decimal("0.06") + 10 * Decimal("0.24")
    frontier = 300 * Decimal("3.3") + 10 * Decimal("16.5")
    assert f"+${frontier - small:,.2f}" in page
    assert "at batch prices" in page
    for by in ("plan", "feature", "model", "nonsense"):
        assert staff.get(f"/admin/billing/marginline/?by={by}&month=x").status_code == 200
    export: Any = staff.get("/admin/billing/marginline/export/")
    sheet = export.content.decode()
    assert "anthropic.claude-sonnet-4-6" in sheet


def test_the_levers_add_up_to_the_difference_from_the_naive_pipeline() -> None:
    with entered(tenant_of(ALICE)):
        call(EMBEDS, "ingest", embedding=10_000)
        call(EMBEDS, "ingest", batch_embedding=2_000)
        call(SMALL, "ask", input=1_000, output=100)
        call(SMALL, "assistant", input=500, output=100, cache_read=1_500)
        call(FRONTIER, "assistant", input=2_000, output=50)
        month = datetime.now(UTC).date().replace(day=1)
        found = savings(month)[tenant_of(ALICE).id]
        paid = sum((row.usd or Decimal(0) for row in LedgerEntry.objects.all()), Decimal(0))
    million = Decimal(1_000_000)
    naive = 3 * 10_000 * Decimal("3.3") / million + 250 * Decimal("16.5") / million
    naive += 12_000 * Decimal("0.02") / million
    assert (found.questions, found.document_tokens, found.actual) == (3, 10_000, paid)
    assert found.naive == naive
    assert sum((lever.saved for lever in found.levers), Decimal(0)) == naive - paid
    retrieval, small, caching, batch = (lever.saved for lever in found.levers)
    assert retrieval == (30_000 - 5_000) * Decimal("3.3") / million
    assert caching == 1_500 * (Decimal("0.06") - Decimal("0.015")) / million
    assert batch == 2_000 * Decimal("0.01") / million
    assert small > 0
    page = browser_of(ALICE).get("/usage/").content.decode()
    assert "What was saved" in page
    assert "Small model by default" in page
