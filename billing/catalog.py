"""Plans and prices, read from the database and kept until one of them is edited.

Every admission and settlement needs them, so each process keeps a copy: a change by staff takes
effect within five seconds (`tenants.governance`). They are shared data, the same for every tenant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from threading import Lock
from typing import Final

from billing.errors import PlanMissing, PriceMissing
from billing.models import Plan, PlanLimit, Price, RegionQuota
from billing.units import GUARDRAIL_KEY, KNOWLEDGE_KEY, Metric, Unit
from tenants import governance

ROUTES: Final[Mapping[str, tuple[str, ...]]] = {
    # Where a route has no price of its own, the dearer of the others stands in.
    "region": ("region", "geo", "global"),
    "geo": ("geo", "region", "global"),
    "global": ("global", "region", "geo"),
}
GEOGRAPHIES: Final = ("us", "eu", "apac", "jp", "au", "ca", "us-gov")


@dataclass(frozen=True, slots=True)
class Rates:
    """What a plan allows a minute, and how many streams at once; one member a share of that."""

    requests: int
    model_tokens: int
    embedding_tokens: int
    guardrail_units: int
    streams: int
    member_percent: int = 100

    @property
    def member_streams(self) -> int:
        """Return how many streams one member may have at once: one at least."""
        return max(1, self.streams * self.member_percent // 100)


@dataclass(frozen=True, slots=True)
class QuotaTerms:
    """Guardrail text units a second that a Region's tenants share, and for how long at once."""

    per_second: int
    burst_seconds: int


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """A plan as it is applied. `included` holds None for a metric without limit."""

    code: str
    name: str
    description: str
    offered: bool
    pricing_model: str
    monthly_price: Decimal
    seat_price: Decimal
    markup_percent: Decimal
    rates: Rates
    included: Mapping[Metric, Decimal | None]
    charged_beyond: frozenset[Metric] = frozenset()

    def stops_at(self, metric: Metric) -> Decimal | None:
        """Return where requests are refused: not at what is included where more is charged."""
        return None if metric in self.charged_beyond else self.included[metric]


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """One row of the rate card: `usd` buys `per` units from `effective_from` on."""

    id: int
    model: str
    route: str
    unit: Unit
    usd: Decimal
    per: int
    effective_from: date
    source: str

    def of(self, quantity: int) -> Decimal:
        """Return what `quantity` units cost, exactly."""
        return self.usd * quantity / self.per


@dataclass(frozen=True, slots=True)
class _Copy:
    version: int
    plans: Mapping[str, PlanTerms]
    prices: Mapping[tuple[str, str, str], tuple[PriceTerms, ...]]  # newest first
    quotas: Mapping[str, QuotaTerms]


_lock = Lock()
_copy: _Copy | None = None


def forget() -> None:
    """Drop this process's copy: the next use reads the tables."""
    global _copy
    _copy = None
    governance.look_again()


def _current() -> _Copy:
    global _copy
    version = governance.version()
    with _lock:
        if _copy is None or _copy.version != version:
            _copy = _read(version)
        return _copy


def _read(version: int) -> _Copy:
    limits: dict[str, dict[Metric, Decimal | None]] = {}
    beyond: dict[str, set[Metric]] = {}
    for limit in PlanLimit.objects.all():
        limits.setdefault(limit.plan_id, {})[Metric(limit.metric)] = limit.included
        if limit.overage_price is not None and limit.metric != Metric.STORAGE:
            beyond.setdefault(limit.plan_id, set()).add(Metric(limit.metric))
    prices: dict[tuple[str, str, str], list[PriceTerms]] = {}
    for row in Price.objects.order_by("-effective_from"):
        terms = PriceTerms(
            row.pk, row.model, row.route, Unit(row.unit), row.usd, row.per, row.effective_from,
            row.source,
        )  # fmt: skip
        prices.setdefault((row.model, row.route, row.unit), []).append(terms)
    return _Copy(
        version,
        {
            plan.code: _terms(plan, limits.get(plan.code, {}), frozenset(beyond.get(plan.code, ())))
            for plan in Plan.objects.all()
        },
        {key: tuple(rows) for key, rows in prices.items()},
        {
            row.region: QuotaTerms(max(1, row.guardrail_units_per_second), row.burst_seconds or 1)
            for row in RegionQuota.objects.all()
        },
    )


def _terms(
    plan: Plan, included: Mapping[Metric, Decimal | None], beyond: frozenset[Metric]
) -> PlanTerms:
    return PlanTerms(
        code=plan.code,
        name=plan.name,
        description=plan.description,
        offered=plan.offered,
        pricing_model=plan.pricing_model,
        monthly_price=plan.monthly_price,
        seat_price=plan.seat_price,
        markup_percent=plan.markup_percent,
        rates=Rates(
            plan.requests_per_minute,
            plan.model_tokens_per_minute,
            plan.embedding_tokens_per_minute,
            plan.guardrail_units_per_minute,
            plan.concurrent_streams,
            min(100, max(1, plan.member_percent)),
        ),
        # A metric without a row is not included at all: a forgotten limit opens nothing.
        included={metric: included.get(metric, Decimal(0)) for metric in Metric},
        charged_beyond=beyond,
    )


def plan_terms(code: str) -> PlanTerms:
    """Return the plan `code`. Raises PlanMissing."""
    found = _current().plans.get(code)
    if found is None:
        raise PlanMissing(plan=code)
    return found


def region_quota(region: str) -> QuotaTerms:
    """Return what a Region's tenants share; where no row says, the least that AWS gives."""
    quotas = _current().quotas
    return quotas.get(region) or quotas.get("") or QuotaTerms(25, 4)


def plans_offered() -> list[PlanTerms]:
    """Return the plans of the comparison, in their order."""
    return [plan for plan in _current().plans.values() if plan.offered]


def model_and_route(model: str) -> tuple[str, str]:
    """Split a model id into the base id and the route: `us.amazon.nova-lite-v1:0` is by `geo`."""
    prefix, _, rest = model.partition(".")
    if prefix == "global":
        return rest, "global"
    if prefix in GEOGRAPHIES:
        return rest, "geo"
    return model, "region"


def price_of(model: str, unit: Unit, day: date) -> PriceTerms | None:
    """Return the price of a unit of `model` (base or prefixed id) on `day`, None if it has none."""
    if unit.startswith("guardrail_"):
        model = GUARDRAIL_KEY
    elif unit == Unit.RETRIEVAL:
        model = KNOWLEDGE_KEY
    base, route = model_and_route(model)
    prices = _current().prices
    for candidate in ROUTES[route]:
        for row in prices.get((base, candidate, unit), ()):
            if row.effective_from <= day:
                return row
    return None


def cost_of(model: str, units: Mapping[Unit, int], day: date) -> Decimal:
    """Return what `units` of `model` cost on `day`. Raises PriceMissing if any has no price."""
    total = Decimal(0)
    for unit, quantity in units.items():
        price = price_of(model, unit, day)
        if price is None:
            raise PriceMissing(model=model, unit=unit.value, day=day.isoformat())
        total += price.of(quantity)
    return total


def prices_on(day: date) -> list[PriceTerms]:
    """Return the rate card of a day: the row in force for every model, route and unit."""
    found = []
    for rows in _current().prices.values():
        in_force = next((row for row in rows if row.effective_from <= day), None)
        if in_force is not None:
            found.append(in_force)
    return sorted(found, key=lambda row: (row.model, row.route, row.unit))
