"""After a call: write what it used into the ledger, exactly once, and return what it did not.

A settlement is one transaction: ledger rows, counters, the reservation's state. A row that is there
already is left alone and counted once, so settling again changes nothing. Usage is recorded as it
was, over the reservation too: by then the provider has charged it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection, transaction

from billing import bucket
from billing.catalog import model_and_route, plan_terms, price_of
from billing.errors import PlanMissing
from billing.reservations import (
    ATTEMPTS_PER_CALL,
    LAST_ATTEMPT,
    REVERSAL_ATTEMPT,
    SWEPT_ATTEMPT,
    Reservation,
)
from billing.units import METRIC_OF, Metric, Unit, amounts, checked

log = structlog.get_logger(__name__)

LOCK: Final = """
    SELECT state, held FROM billing_reservation
     WHERE id = %s AND tenant_id = %s FOR UPDATE
"""
RESOLVE: Final = "UPDATE billing_reservation SET state = %s, resolved_at = now() WHERE id = %s"
WRITE: Final = """
    INSERT INTO billing_ledgerentry
           (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
            route, region, profile_arn, feature, user_id, api_key_id, reservation_id,
            price_id, price_usd, price_per, usd)
    SELECT gen_random_uuid(), %(tenant)s, %(month)s, %(request)s, %(attempt)s, n.unit, n.quantity,
           'usage', %(estimated)s, %(model)s, %(route)s, %(region)s, %(profile)s, %(feature)s,
           %(user)s, %(key)s, %(reservation)s, n.price_id, n.price_usd, n.price_per, n.usd
      FROM unnest(%(units)s::text[], %(quantities)s::bigint[], %(price_ids)s::bigint[],
                  %(price_usds)s::numeric[], %(price_pers)s::int[], %(usds)s::numeric[])
           AS n(unit, quantity, price_id, price_usd, price_per, usd)
    ON CONFLICT DO NOTHING
    RETURNING unit, quantity, usd
"""
# What the sweeper had estimated is taken back by rows of its own when the truth arrives.
REVERSE: Final = """
    INSERT INTO billing_ledgerentry
           (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
            route, region, profile_arn, feature, user_id, api_key_id, reservation_id,
            price_id, price_usd, price_per, usd)
    SELECT gen_random_uuid(), tenant_id, month, request_id, %(reversal)s, unit, -quantity,
           'correction', true, model, route, region, profile_arn, feature, user_id, api_key_id,
           reservation_id, price_id, price_usd, price_per, -usd
      FROM billing_ledgerentry
     WHERE tenant_id = %(tenant)s AND month = %(month)s AND request_id = %(request)s
       AND attempt = %(swept)s
    ON CONFLICT DO NOTHING
    RETURNING unit, quantity, usd
"""
COUNT: Final = """
    INSERT INTO billing_quotacounter AS c (tenant_id, period, metric, used, reserved)
    SELECT %(tenant)s, %(month)s, n.metric, n.used, -n.freed
      FROM unnest(%(metrics)s::text[], %(used)s::numeric[], %(freed)s::numeric[])
           AS n(metric, used, freed)
     ORDER BY n.metric
    ON CONFLICT (tenant_id, period, metric) DO UPDATE
       SET used = c.used + excluded.used, reserved = c.reserved + excluded.reserved
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A reservation as the database keeps it: what the sweeper, too, knows of it."""

    id: UUID
    tenant_id: UUID
    month: date
    day: date
    request_id: UUID
    call: int
    feature: str
    user_id: UUID | None
    api_key_id: UUID | None

    @classmethod
    def of(cls, reservation: Reservation) -> "Held":
        return cls(
            reservation.id, reservation.tenant_id, reservation.month, reservation.day,
            reservation.request_id, reservation.call, reservation.feature, reservation.user_id,
            reservation.api_key_id,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usage:
    """What one attempt used, and by which way."""

    model: str
    units: Mapping[Unit, int]
    attempt: int
    profile_arn: str = ""
    region: str = ""
    estimated: bool = False


def settle(
    reservation: Reservation,
    *,
    model: str,
    units: Mapping[Unit, int],
    attempt: int = 1,
    profile_arn: str = "",
    estimated: bool = False,
    final: bool = True,
    region: str = "",
) -> None:
    """Record what attempt number `attempt` (1–97) of the reserved call used.

    `final` ends the reservation: what it still holds goes back to quotas, buckets and streams. An
    attempt that failed after it was charged is settled with `final=False`. A reservation that was
    swept meanwhile is put right: the estimate is reversed by corrections. Never refuses over-use;
    raises ValueError for negative usage. Commits by itself, outside any transaction.
    """
    if not 1 <= attempt <= LAST_ATTEMPT:
        raise ValueError(f"attempt is {attempt}; it must be 1 to {LAST_ATTEMPT}.")
    usage = Usage(model, checked(units), attempt, profile_arn, region, estimated)
    held = Held.of(reservation)
    with transaction.atomic(durable=True):
        state, kept = _locked(held)
        post(held, usage, state=state, kept=kept, final=final, resolved="settled")
    if final:
        _refund(reservation, usage.units)


def release(reservation: Reservation) -> None:
    """End a reservation of which nothing was spent: the call was never made. Idempotent."""
    held = Held.of(reservation)
    with transaction.atomic(durable=True):
        state, kept = _locked(held)
        if state != "held":
            return
        _count(held, {}, kept)
        _resolve(held, "released")
    _refund(reservation, {})


def _refund(reservation: Reservation, used: Mapping[Unit, int]) -> None:
    try:
        rates = plan_terms(reservation.plan).rates
    except PlanMissing:
        return
    before, after = amounts(reservation.estimate.units), amounts(used)
    unused = {metric: amount - after.get(metric, 0) for metric, amount in before.items()}
    bucket.give_back(rates, unused, stream=reservation.id if reservation.streams else None)


def _locked(held: Held) -> tuple[str, dict[Metric, Decimal]]:
    """Lock the reservation's row and return its state and what it holds.

    Old rows are purged; usage that arrives later than that is still recorded, and frees nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [held.id, held.tenant_id])
        row = cursor.fetchone()
    if row is None:
        log.warning("settlement.reservation_gone", reservation=str(held.id))
        return "settled", {}
    return row[0], held_amounts(row[1])


def held_amounts(stored: Any) -> dict[Metric, Decimal]:
    """Return what the reservation's `held` column says, exactly."""
    return {Metric(metric): Decimal(amount) for metric, amount in as_object(stored).items()}


def as_object(stored: Any) -> dict[str, Any]:
    """Return a jsonb value as Django's cursors give it: as text, undecoded."""
    return dict(json.loads(stored) if isinstance(stored, str) else stored)


def post(
    held: Held,
    usage: Usage,
    *,
    state: str,
    kept: Mapping[Metric, Decimal],
    final: bool,
    resolved: str,
) -> None:
    """Write the usage under the locked reservation; move the counters by what was new."""
    written = _write(held, usage)
    if final and state == "swept":
        written += _reverse(held)
    ends = final and state in ("held", "swept")
    freed = kept if final and state == "held" else {}
    used: dict[Metric, Decimal] = {}
    for unit, quantity, usd in written:
        if metric := METRIC_OF.get(Unit(unit)):
            used[metric] = used.get(metric, Decimal(0)) + quantity
        used[Metric.SPEND] = used.get(Metric.SPEND, Decimal(0)) + (usd or 0)
    _count(held, used, freed)
    if ends:
        _resolve(held, resolved)


def _write(held: Held, usage: Usage) -> list[tuple[str, int, Decimal | None]]:
    units = sorted(usage.units)
    if not units:
        return []
    prices = [price_of(usage.model, unit, held.day) for unit in units]
    if None in prices:
        log.error("ledger.unpriced", model=usage.model, units=units, request=str(held.request_id))
    base, route = model_and_route(usage.model)
    priced = list(zip(units, prices, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            WRITE,
            {
                **_stamp(held),
                "attempt": held.call * ATTEMPTS_PER_CALL + usage.attempt,
                "estimated": usage.estimated,
                "model": base,
                "route": route,
                "region": usage.region,
                "profile": usage.profile_arn,
                "feature": held.feature,
                "user": held.user_id,
                "key": held.api_key_id,
                "reservation": held.id,
                "units": [unit.value for unit in units],
                "quantities": [usage.units[unit] for unit in units],
                "price_ids": [price.id if price else None for _, price in priced],
                "price_usds": [price.usd if price else None for _, price in priced],
                "price_pers": [price.per if price else None for _, price in priced],
                "usds": [price.of(usage.units[unit]) if price else None for unit, price in priced],
            },
        )
        return cursor.fetchall()  # type: ignore[no-any-return]


def _reverse(held: Held) -> list[tuple[str, int, Decimal | None]]:
    first = held.call * ATTEMPTS_PER_CALL
    numbers = {"reversal": first + REVERSAL_ATTEMPT, "swept": first + SWEPT_ATTEMPT}
    with connection.cursor() as cursor:
        cursor.execute(REVERSE, {**_stamp(held), **numbers})
        return cursor.fetchall()  # type: ignore[no-any-return]


def _stamp(held: Held) -> dict[str, Any]:
    return {"tenant": held.tenant_id, "month": held.month, "request": held.request_id}


def _count(held: Held, used: Mapping[Metric, Decimal], freed: Mapping[Metric, Decimal]) -> None:
    metrics = sorted({*used, *freed})
    if not metrics:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT,
            {
                "tenant": held.tenant_id,
                "month": held.month,
                "metrics": [metric.value for metric in metrics],
                "used": [used.get(metric, Decimal(0)) for metric in metrics],
                "freed": [freed.get(metric, Decimal(0)) for metric in metrics],
            },
        )


def _resolve(held: Held, state: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(RESOLVE, [state, held.id])
