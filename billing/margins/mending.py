"""What would mend a workspace's margin, each with its dollars of this month from its own ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from billing.catalog import model_and_route, plans_offered, price_of
from billing.errors import TermsMissing
from billing.invoices.pricing import Use, month_price
from billing.invoices.timeline import month_bounds, segments_of
from billing.invoices.usage import gather, seats_of
from billing.levers import READING, WRITING, UsageRow, models_of, usage_rows
from billing.money import money
from billing.plans.terms import Book
from billing.units import Unit
from tenants.registry.models import Tenant

LEAST_MARGIN: Final = Decimal("0.2")
"""Below this share of its revenue, a workspace erodes its plan."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do, what it would bring this month, and from which figures."""

    what: str
    usd: Decimal
    how: str


def erodes(revenue: Decimal, cost: Decimal) -> bool:
    """Say whether a paying workspace leaves less than a fifth of what it pays."""
    return revenue > 0 and revenue - cost < revenue * LEAST_MARGIN


def remedies(tenant: Tenant, month: date, cost: Decimal, revenue: Decimal) -> list[Remedy]:
    """Return what would help, the most first; nothing that would bring nothing."""
    rows = usage_rows(month, tenant.id).get(tenant.id, [])
    found = [
        *_model(rows, tenant.region),
        *_cache(rows),
        *_batch(rows),
        *_plan(tenant, month, cost, revenue),
    ]
    return sorted((one for one in found if one.usd > 0), key=lambda one: -one.usd)


def _model(rows: Sequence[UsageRow], region: str) -> Iterable[Remedy]:
    frontier, small = models_of(region)
    base, _ = model_and_route(frontier)
    mine = [row for row in rows if row.model == base]
    read = sum(row.quantity for row in mine if row.unit in READING)
    written = sum(row.quantity for row in mine if row.unit in WRITING)
    day = max((row.day for row in mine), default=None)
    if day is None or not small or small == frontier:
        return
    reading, writing = price_of(small, Unit.INPUT, day), price_of(small, Unit.OUTPUT, day)
    if reading and writing:
        paid = sum((row.usd for row in mine), Decimal(0))
        yield Remedy(
            "Small model",
            paid - reading.of(read) - writing.of(written),
            f"all {read + written:,} tokens of {base} by {small}",
        )


def _cache(rows: Sequence[UsageRow]) -> Iterable[Remedy]:
    saved, tokens = Decimal(0), 0
    for row in rows:
        if row.unit == Unit.INPUT and row.feature == "assistant":
            cached = price_of(row.model, Unit.CACHE_READ, row.day)
            if cached is not None:
                saved += row.usd - cached.of(row.quantity)
                tokens += row.quantity
    yield Remedy("Caching", saved, f"at most: all {tokens:,} tokens of conversations cached")


def _batch(rows: Sequence[UsageRow]) -> Iterable[Remedy]:
    saved, tokens = Decimal(0), 0
    for row in rows:
        if row.unit == Unit.EMBEDDING and row.feature == "ingest":
            batch = price_of(row.model, Unit.BATCH_EMBEDDING, row.day)
            if batch is not None:
                saved += row.usd - batch.of(row.quantity)
                tokens += row.quantity
    yield Remedy("Batch", saved, f"{tokens:,} tokens of reading documents at batch prices")


def _plan(tenant: Tenant, month: date, cost: Decimal, revenue: Decimal) -> Iterable[Remedy]:
    """Yield the cheapest plan under which this month's use would leave enough."""
    whole = plan_prices(tenant.id, month)
    fits = [
        (usd, name)
        for code, (name, usd) in whole.items()
        if code != tenant.plan and not erodes(usd, cost) and usd > revenue
    ]
    if fits:
        usd, name = min(fits)
        yield Remedy(f"{name} plan", usd - revenue, f"{money(usd)} for a whole month of this use")


def plan_prices(tenant_id: UUID, month: date) -> dict[str, tuple[str, Decimal]]:
    """Return what the month's use would be charged under each plan that is offered."""
    book = Book()
    own = gather(month, [tenant_id], book)[tenant_id]
    uses = [Use(0, use.model, use.unit, use.quantity, use.usd) for use in own.uses]
    counted = seats_of(month, [tenant_id]).get(tenant_id) or {}
    first, _ = month_bounds(month)
    found = {}
    for plan in plans_offered():
        try:
            [segment] = segments_of(month, [(first, plan.code)], book, counted)
        except TermsMissing:
            continue
        charges = month_price([segment], uses, month)
        found[plan.code] = (plan.name, sum((charge.usd for charge in charges), Decimal(0)))
    return found
