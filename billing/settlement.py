"""After a call: write what it used into the ledger, exactly once, and return what it did not.

A settlement is one function in the database (`billing_settle`, one round trip): ledger rows,
counters, the reservation's state. A row that is there already is left alone and counted once, so
settling again changes nothing. Usage is recorded as it was, over the reservation too: by then the
provider has charged it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import structlog
from django.db import connection

from billing import bucket
from billing.catalog import model_and_route, plan_terms, price_of
from billing.errors import PlanMissing
from billing.reservations import (
    ATTEMPTS_PER_CALL,
    LAST_ATTEMPT,
    REVERSAL_ATTEMPT,
    SWEPT_ATTEMPT,
    Reservation,
    outside_transactions,
)
from billing.shared import unshared_of
from billing.units import METRIC_OF, Unit, amounts, checked
from tenants.context import current

log = structlog.get_logger(__name__)

SETTLE: Final = """
    SELECT billing_settle(
        %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::text[],
        %s::bigint[], %s::bigint[], %s::numeric[], %s::int[], %s::numeric[], %s::jsonb)
"""
METRICS: Final = json.dumps({unit.value: metric.value for unit, metric in METRIC_OF.items()})


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
    """Record what attempt number `attempt` (1–50) of the reserved call used.

    `final` ends the reservation: what it still holds goes back to quotas, buckets and streams. An
    attempt that failed after it was charged is settled with `final=False`. A reservation that was
    swept meanwhile is put right: the estimate is reversed by corrections. Never refuses over-use;
    raises ValueError for negative usage. Commits by itself, outside any transaction.
    """
    if not 1 <= attempt <= LAST_ATTEMPT:
        raise ValueError(f"attempt is {attempt}; it must be 1 to {LAST_ATTEMPT}.")
    usage = Usage(model, checked(units), attempt, profile_arn, region, estimated)
    held = Held.of(reservation)
    outside_transactions()
    post(held, usage, final=final, resolved="settled")
    if final:
        _refund(reservation, usage.units)


def release(reservation: Reservation) -> None:
    """End a reservation of which nothing was spent: the call was never made. Idempotent."""
    outside_transactions()
    nothing = Usage(reservation.estimate.model, {}, 1)
    if post(Held.of(reservation), nothing, final=True, resolved="released") == "held":
        _refund(reservation, {})


def _refund(reservation: Reservation, used: Mapping[Unit, int]) -> None:
    if not reservation.paced:
        return
    try:
        rates = plan_terms(reservation.plan).rates
    except PlanMissing:
        return
    before, after = amounts(reservation.estimate.units), amounts(used)
    unused = {metric: amount - after.get(metric, 0) for metric, amount in before.items()}
    bucket.give_back(
        rates,
        unused,
        stream=reservation.id if reservation.streams else None,
        shared=unshared_of(current().region, reservation.estimate.units, used),
        member=reservation.user_id,
    )


def post(held: Held, usage: Usage, *, final: bool, resolved: str) -> str | None:
    """Write the usage and move the counters by what was new, in one round trip.

    Returns the state that the reservation had. One that is gone (purged after months) has None:
    its usage is recorded and frees nothing.
    """
    units = sorted(usage.units)
    prices = [price_of(usage.model, unit, held.day) for unit in units]
    if None in prices:
        log.error("ledger.unpriced", model=usage.model, units=units, request=str(held.request_id))
    base, route = model_and_route(usage.model)
    first = held.call * ATTEMPTS_PER_CALL
    with connection.cursor() as cursor:
        cursor.execute(
            SETTLE,
            [
                held.id,
                held.tenant_id,
                held.month,
                held.request_id,
                first + usage.attempt,
                first + SWEPT_ATTEMPT,
                first + REVERSAL_ATTEMPT,
                final,
                resolved,
                usage.estimated,
                base,
                route,
                usage.region,
                usage.profile_arn,
                held.feature,
                held.user_id,
                held.api_key_id,
                [unit.value for unit in units],
                [usage.units[unit] for unit in units],
                [price.id if price else None for price in prices],
                [price.usd if price else None for price in prices],
                [price.per if price else None for price in prices],
                [
                    price.of(usage.units[unit]) if price else None
                    for unit, price in zip(units, prices, strict=True)
                ],
                METRICS,
            ],
        )
        state: str | None = cursor.fetchone()[0]
    if state is None:
        log.warning("settlement.reservation_gone", reservation=str(held.id))
    return state
