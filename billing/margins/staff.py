"""Staff: margin per workspace, plan, feature and model, what erodes it, and what saves."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_date

from billing.levers import savings
from billing.margins.mending import Remedy, erodes, remedies
from billing.meters import database_now
from billing.models import MarginLine
from tenants.csvfile import csv_response
from tenants.registry.models import Tenant
from tenants.staffpages import StaffPage

BY: Final = ("workspace", "plan", "feature", "model")
MENDED_AT_MOST: Final = 20
LINES_SHOWN: Final = 200


@dataclass(slots=True)
class Sum:
    """Margin lines added up; `before` is last month's margin of the same."""

    name: str
    lines: list[MarginLine] = field(default_factory=list)
    before: Decimal | None = None

    @property
    def revenue(self) -> Decimal:
        return sum((line.revenue_usd for line in self.lines), Decimal(0))

    @property
    def aws(self) -> Decimal:
        return sum((line.aws_usd for line in self.lines), Decimal(0))

    @property
    def guardrails(self) -> Decimal:
        return sum((line.guardrail_usd for line in self.lines), Decimal(0))

    @property
    def storage(self) -> Decimal:
        return sum((line.storage_usd for line in self.lines), Decimal(0))

    @property
    def cost(self) -> Decimal:
        return self.aws + self.guardrails + self.storage

    @property
    def margin(self) -> Decimal:
        return self.revenue - self.cost

    @property
    def percent(self) -> int | None:
        return int(self.margin * 100 / self.revenue) if self.revenue > 0 else None

    @property
    def trend(self) -> Decimal | None:
        return None if self.before is None else self.margin - self.before


@dataclass(frozen=True, slots=True)
class Eroding:
    """A workspace that leaves too little of what it pays, and what would help."""

    name: str
    plan: str
    sum: Sum
    remedies: Sequence[Remedy]


@admin.register(MarginLine)
class MarginAdmin(StaffPage):
    """The margin page; single lines are read by their links."""

    views: ClassVar = {"export/": "export"}

    def page(self, request: HttpRequest) -> HttpResponse:
        month, by = _asked(request)
        lines = list(MarginLine.objects.filter(period=month))
        names = dict(Tenant.objects.values_list("id", "name"))
        before = _added(MarginLine.objects.filter(period=_before(month)), by, names)
        rows = _added(lines, by, names)
        for name, row in rows.items():
            row.before = before[name].margin if name in before else None
        saved = savings(month)
        return self.shown(
            request,
            "billing/staff/margin.html",
            title="Margin",
            month=month,
            months=_months(month),
            by=by,
            choices=BY,
            rows=sorted(rows.values(), key=lambda row: row.margin),
            whole=Sum("", lines),
            computed_at=lines[0].computed_at if lines else None,
            billed=any(line.billed for line in lines),
            stored=any(line.storage_usd for line in lines),
            eroding=_eroding(lines, names, month),
            saved=sorted(
                ((names.get(tenant, str(tenant)), one) for tenant, one in saved.items()),
                key=lambda pair: -pair[1].saved,
            )[:LINES_SHOWN],
            query=request.GET.urlencode(),
        )

    def export(self, request: HttpRequest) -> HttpResponse:
        """Download the month's lines: each workspace, feature and model."""
        month, _ = _asked(request)
        names = dict(Tenant.objects.values_list("id", "name"))
        return csv_response(
            f"margin-{month:%Y-%m}",
            ("month", "workspace", "tenant_id", "plan", "feature", "model", "revenue_usd",
             "models_usd", "guardrails_usd", "storage_usd", "margin_usd", "from_aws_bill"),
            (
                (f"{month:%Y-%m}", names.get(line.tenant_id, ""), line.tenant_id, line.plan,
                 line.feature, line.model, line.revenue_usd, line.aws_usd, line.guardrail_usd,
                 line.storage_usd, Sum("", [line]).margin, line.billed)
                for line in MarginLine.objects.filter(period=month)
            ),
        )  # fmt: skip


def _asked(request: HttpRequest) -> tuple[date, str]:
    """Return the month and the breakdown that the address asks for; nonsense is left out."""
    this = database_now().date().replace(day=1)
    try:
        month = parse_date(f"{request.GET.get('month', '')}-01") or this
    except ValueError:
        month = this
    by = request.GET.get("by", "")
    return month, by if by in BY else BY[0]


def _before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def _months(month: date) -> list[date]:
    known = set(MarginLine.objects.values_list("period", flat=True).distinct())
    return sorted(known | {month}, reverse=True)


def _added(lines: Iterable[MarginLine], by: str, names: dict[UUID, Any]) -> dict[str, Sum]:
    found: dict[str, Sum] = {}
    for line in lines:
        name = {
            "workspace": names.get(line.tenant_id, f"left: {line.tenant_id}"),
            "plan": line.plan,
            "feature": line.feature,
            "model": line.model or "none",
        }[by]
        found.setdefault(name, Sum(name)).lines.append(line)
    return found


def _eroding(lines: Iterable[MarginLine], names: dict[UUID, Any], month: date) -> list[Eroding]:
    by_tenant: dict[UUID, list[MarginLine]] = defaultdict(list)
    for line in lines:
        by_tenant[line.tenant_id].append(line)
    sums = {tenant: Sum(names.get(tenant, ""), several) for tenant, several in by_tenant.items()}
    bad = sorted(
        (tenant for tenant, one in sums.items() if erodes(one.revenue, one.cost)),
        key=lambda tenant: sums[tenant].margin,
    )[:MENDED_AT_MOST]
    found = []
    for row in Tenant.objects.filter(id__in=bad):
        one = sums[row.id]
        helps = remedies(row, month, one.cost, one.revenue)
        found.append(Eroding(row.name, row.plan, one, helps))
    return sorted(found, key=lambda one: one.sum.margin)
