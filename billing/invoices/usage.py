"""A month's usage of workspaces as the ledger has it, by the plans they were on, and what is wrong.

A call belongs to the plan under which it was admitted: an answer that streams over a change of plan
is charged as it began. Where a reservation is no longer kept, the call's first entry tells.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from billing.errors import TermsMissing
from billing.invoices.holds import Hold
from billing.invoices.pricing import Segment, Use
from billing.invoices.timeline import Change, month_bounds, segments_of
from billing.plans.terms import Book
from billing.units import Unit
from tenants.errors import Invalid

CHANGES: Final = """
    SELECT tenant_id, at, plan FROM billing_planchange
     WHERE tenant_id = ANY(%s) AND at < %s ORDER BY tenant_id, at, id
"""
COLUMNS: Final = """
    sum(quantity), coalesce(sum(usd), 0), count(*),
    count(*) FILTER (WHERE usd IS NULL AND quantity <> 0),
    count(*) FILTER (WHERE created_at < %(first)s - interval '10 minutes'
                        OR created_at > now() + interval '10 minutes')
"""
SUMS: Final = f"""
    SELECT tenant_id, 0, model, unit, {COLUMNS}
      FROM billing_ledgerentry WHERE month = %(month)s AND tenant_id = ANY(%(tenants)s)
     GROUP BY tenant_id, model, unit
"""  # noqa: S608 - the parts are constants
SPLIT: Final = f"""
    SELECT tenant_id, greatest(width_bucket(admitted, %(starts)s::timestamptz[]), 1) - 1 AS segment,
           model, unit, {COLUMNS}
      FROM (SELECT e.*, coalesce(r.created_at, min(e.created_at) OVER (
                       PARTITION BY e.request_id, e.attempt / 100)) AS admitted
              FROM billing_ledgerentry e
              LEFT JOIN billing_reservation r
                ON r.id = e.reservation_id AND r.tenant_id = e.tenant_id
             WHERE e.month = %(month)s AND e.tenant_id = %(tenant)s) AS calls
     GROUP BY tenant_id, segment, model, unit
"""  # noqa: S608 - the parts are constants
SEATS: Final = """
    SELECT tenant_id, (created_at AT TIME ZONE 'UTC')::date, max(quantity)
      FROM billing_ledgerentry
     WHERE month = %s AND tenant_id = ANY(%s) AND unit = 'seats' GROUP BY 1, 2
"""
RUNNING: Final = """
    SELECT tenant_id, count(*) FROM billing_reservation
     WHERE state = 'held' AND month = %s AND tenant_id = ANY(%s) GROUP BY 1
"""


@dataclass(slots=True)
class Gathered:
    """One workspace's month. `rows` counts the ledger's entries; `faults` hold its invoice."""

    segments: list[Segment] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    rows: int = 0
    faults: list[Hold] = field(default_factory=list)


def gather(
    month: date, tenants: Sequence[UUID], book: Book, *, ends: Mapping[UUID, datetime] | None = None
) -> dict[UUID, Gathered]:
    """Return the month of each workspace; under a tenant's role, only its own is there."""
    first, last = month_bounds(month)
    wanted = list(tenants)
    changes: dict[UUID, list[Change]] = defaultdict(list)
    for tenant, at, plan in _rows(CHANGES, [wanted, last]):
        changes[tenant].append((at, plan))
    seats = seats_of(month, wanted)
    found = {
        tenant: _segmented(month, changes[tenant], book, seats[tenant], (ends or {}).get(tenant))
        for tenant in wanted
    }
    single = [tenant for tenant in wanted if len(found[tenant].segments) <= 1]
    _take(found, _rows(SUMS, {"month": month, "tenants": single, "first": first}))
    for tenant in wanted:
        if len(found[tenant].segments) > 1:
            starts = [segment.starts_at for segment in found[tenant].segments]
            asked = {"month": month, "tenant": tenant, "starts": starts, "first": first}
            _take(found, _rows(SPLIT, asked))
    for tenant, running in _rows(RUNNING, [month, wanted]):
        found[tenant].faults.append(
            Hold("still_running", f"{running} calls of this month are still running.", blocks=True)
        )
    for tenant in wanted:
        _check(found[tenant], bool(seats[tenant]))
    return found


def seats_of(month: date, tenants: Sequence[UUID]) -> dict[UUID, dict[date, int]]:
    """Return how many members each workspace had on the days on which they were counted."""
    found: dict[UUID, dict[date, int]] = defaultdict(dict)
    for tenant, day, quantity in _rows(SEATS, [month, list(tenants)]):
        found[tenant][day] = int(quantity)
    return found


def _rows(statement: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()  # type: ignore[no-any-return]


def _segmented(
    month: date,
    changes: Sequence[Change],
    book: Book,
    seats: Mapping[date, int],
    ends_at: datetime | None,
) -> Gathered:
    try:
        return Gathered(segments_of(month, changes, book, seats, ends_at))
    except (TermsMissing, Invalid) as error:
        return Gathered(faults=[Hold("terms_missing", error.detail, blocks=True)])


def _take(found: Mapping[UUID, Gathered], rows: Iterable[tuple[Any, ...]]) -> None:
    for tenant, segment, model, unit, quantity, usd, count, unpriced, skewed in rows:
        one = found[tenant]
        one.rows += count
        if unpriced:
            text = f"{unpriced} entries of {model}, {unit}, have no price."
            one.faults.append(Hold("price_missing", text, blocks=True))
        if skewed:
            text = f"{skewed} entries of {model}, {unit}, carry a time outside the month."
            one.faults.append(Hold("clock_skew", text))
        if unit == Unit.SEAT:
            continue
        if quantity < 0 or usd < 0:
            text = f"The entries of {model}, {unit}, add up to {quantity}, {usd} USD."
            one.faults.append(Hold("negative_usage", text, blocks=True))
        one.uses.append(Use(segment, model, unit, int(quantity), Decimal(usd)))


def _check(one: Gathered, counted: bool) -> None:
    if one.uses and not one.segments and not one.faults:
        one.faults.append(
            Hold("no_plan", "There is usage and no plan that it belongs to.", blocks=True)
        )
    today = datetime.now(UTC).date()
    if not counted and any(
        segment.terms.seat_price and segment.days and min(segment.days) < today
        for segment in one.segments
    ):
        one.faults.append(
            Hold("seats_unknown", "The plan charges members, and none were counted.", blocks=True)
        )
