"""What each workspace, feature and model brings and costs in a month. Runs under the ops login.

Costs are the ledger's, moved to AWS's bill model by model where it has been delivered; guardrails
and storage stand apart. Revenue is what the month's invoice would charge so far, shared out over
features and models by what they cost.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from billing.invoices.pricing import month_price
from billing.invoices.usage import Gathered, gather
from billing.meters import database_now, next_month
from billing.models import MarginLine
from billing.plans.terms import Book
from billing.units import GUARDRAIL_KEY, KNOWLEDGE_KEY
from tenants.registry.models import Tenant

AT_ONCE: Final = 100
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('billing.margins'))"
COSTS: Final = """
    WITH moved AS (
        SELECT tenant_id, model, sum(ledger_usd) AS booked, bool_or(aws_source <> '') AS billed,
               sum(CASE WHEN cause IN ('pending', 'late') THEN 0 ELSE aws_usd - ledger_usd END)
                   AS difference
          FROM billing_reconciliationline
         WHERE period = %(month)s AND tenant_id IS NOT NULL GROUP BY tenant_id, model
    ), used AS (
        SELECT tenant_id, feature, split_part(model, '@', 1) AS model,
               CASE WHEN unit LIKE 'guardrail_%%' THEN %(guardrails)s
                    WHEN unit = 'kb_retrievals' THEN %(knowledge)s
                    ELSE split_part(model, '@', 1) END AS billed_as,
               sum(usd) AS usd
          FROM billing_usageday
         WHERE month = %(month)s AND unit NOT IN ('seats', 'storage_byte_days')
           AND feature <> 'reconciliation'
         GROUP BY 1, 2, 3, 4
    ), shares AS (
        SELECT u.*, sum(usd) OVER (PARTITION BY u.tenant_id, billed_as) AS whole FROM used u
    )
    SELECT s.tenant_id, s.feature, s.model, s.billed_as = %(guardrails)s,
           s.usd + CASE WHEN s.whole > 0 THEN
               (coalesce(m.booked - s.whole, 0) + coalesce(m.difference, 0)) * s.usd / s.whole
               ELSE 0 END,
           coalesce(m.billed, false)
      FROM shares s LEFT JOIN moved m ON m.tenant_id = s.tenant_id AND m.model = s.billed_as
"""
STORED: Final = """
    SELECT tenant_id, sum(usd) FROM billing_usageday
     WHERE month = %s AND unit = 'storage_byte_days' GROUP BY tenant_id
"""


class Cost(NamedTuple):
    tenant_id: UUID
    feature: str
    model: str
    guards: bool
    usd: Decimal
    billed: bool


@dataclass(slots=True)
class _Row:
    aws: Decimal = Decimal(0)
    guardrails: Decimal = Decimal(0)
    storage: Decimal = Decimal(0)
    billed: bool = False

    @property
    def cost(self) -> Decimal:
        return self.aws + self.guardrails + self.storage


def margins_compute(month: date) -> int:
    """Replace what is known of a month's margins; return how many lines there are."""
    now = database_now()
    tenants = list(Tenant.objects.exclude(schema_name="public").filter(status="active"))
    rows: dict[UUID, dict[tuple[str, str], _Row]] = defaultdict(lambda: defaultdict(_Row))
    for cost in _costs(month):
        row = rows[cost.tenant_id][cost.feature, cost.model]
        if cost.guards:
            row.guardrails += cost.usd
        else:
            row.aws += cost.usd
        row.billed = row.billed or cost.billed
    for tenant, usd in _stored(month).items():
        rows[tenant]["storage", ""].storage = usd
    ends = {tenant.id: now for tenant in tenants} if now.date() < next_month(month) else {}
    lines: list[MarginLine] = []
    for start in range(0, len(tenants), AT_ONCE):
        some = tenants[start : start + AT_ONCE]
        gathered = gather(month, [tenant.id for tenant in some], Book(), ends=ends)
        for tenant in some:
            lines += _lines(month, tenant, rows[tenant.id], revenue_of(gathered[tenant.id], month))
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(LOCK)
        MarginLine.objects.filter(period=month).delete()
        MarginLine.objects.bulk_create(lines, batch_size=1000)
    return len(lines)


def revenue_of(own: Gathered, month: date) -> Decimal:
    """Return what the month's charges come to: fees by the days so far, usage as it is."""
    return sum((charge.usd for charge in month_price(own.segments, own.uses, month)), Decimal(0))


def _costs(month: date) -> list[Cost]:
    with connection.cursor() as cursor:
        names = {"guardrails": GUARDRAIL_KEY, "knowledge": KNOWLEDGE_KEY}
        cursor.execute(COSTS, {"month": month, **names})
        return [Cost(*row) for row in cursor.fetchall()]


def _stored(month: date) -> Mapping[UUID, Decimal]:
    """Return what storing cost, by the days that the ledger has booked."""
    with connection.cursor() as cursor:
        cursor.execute(STORED, [month])
        return dict(cursor.fetchall())


def _lines(
    month: date, tenant: Tenant, rows: Mapping[tuple[str, str], _Row], revenue: Decimal
) -> Iterable[MarginLine]:
    if not rows and not revenue:
        return
    whole = sum((row.cost for row in rows.values()), Decimal(0))
    shares = _shared(revenue, [row.cost for row in rows.values()], whole)
    if not rows or whole <= 0:
        yield _line(month, tenant, "plan", "", _Row(), revenue)
        shares = [Decimal(0)] * len(rows)
    for ((feature, model), row), share in zip(rows.items(), shares, strict=True):
        yield _line(month, tenant, feature, model, row, share)


def _shared(revenue: Decimal, costs: Sequence[Decimal], whole: Decimal) -> list[Decimal]:
    """Share revenue by cost so that the parts come to the whole exactly."""
    if whole <= 0:
        return [Decimal(0)] * len(costs)
    found, before, upto = [], Decimal(0), Decimal(0)
    for cost in costs:
        upto += cost
        share = (revenue * upto / whole).quantize(Decimal("1e-15"))
        found.append(share - before)
        before = share
    return found


def _line(
    month: date, tenant: Tenant, feature: str, model: str, row: _Row, revenue: Decimal
) -> MarginLine:
    kept: dict[str, Any] = {
        "revenue_usd": revenue,
        "aws_usd": row.aws,
        "guardrail_usd": row.guardrails,
        "storage_usd": row.storage,
    }
    return MarginLine(
        period=month,
        tenant_id=tenant.id,
        plan=tenant.plan,
        feature=feature,
        model=model,
        billed=row.billed,
        **kept,
    )
