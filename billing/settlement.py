"""After a call: write what it used into the ledger, exactly once, and return what it did not.

A settlement is one function in the database (`billing_settle`, one round trip): ledger rows,
counters, the reservation's state. A row that is there already is left alone and counted once, so
settling again changes nothing. Usage is recorded as it was, over the reservation too: by then the
provider has charged it.

Where one call follows the other, a settlement may go with the next admission, in one round trip
(`settlements_ride`). One of a small call, `late`, goes with the next settlement instead: what it
still holds is little, and nobody waits for it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError

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
from billing.units import METRIC_OF, Unit, amounts, array, checked
from tenants.afterwards import afterwards
from tenants.context import current
from tenants.statements import rows_planned

log = structlog.get_logger(__name__)

SETTLE: Final = """billing_settle(
        %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::text[],
        %s::bigint[], %s::bigint[], %s::numeric[], %s::int[], %s::numeric[], %s::jsonb)"""
SETTLES: Final = (f"{SETTLE} AS state", f"{SETTLE} AS late, {SETTLE} AS state")
"""The columns that settle one call, and two."""
SETTLED: Final = tuple(f"settled AS MATERIALIZED (SELECT {each})" for each in SETTLES)
"""Settlements that ride with a statement of others': a name in its WITH, first of all.

An id that is taken from `AFTER_SETTLED` lets the rest come after them.
"""
AFTER_SETTLED: Final = "(SELECT CASE WHEN state IS DISTINCT FROM '' THEN %s::uuid END FROM settled)"
USED_SETTLED: Final = tuple(
    f"WITH {each}{{along}} SELECT billing_used(%s, {AFTER_SETTLED})" for each in SETTLED
)
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


@dataclass(slots=True)
class _Seat:
    """Where settlements wait for the next admission: the parameters of their statements.

    `late` waits for another to go with. What a call has not used of the rates waits for the next
    taking.
    """

    rider: list[Any] | None = None
    late: list[Any] | None = None
    refund: bucket.Refund | None = None


_seat: ContextVar[_Seat | None] = ContextVar("settlement_seat", default=None)


@contextmanager
def settlements_ride() -> Iterator[None]:
    """Let a call's last settlement go with the next admission of the block, in one round trip.

    Of this thread alone, and one at a time, with one that is late. What waits is written when the
    block ends, or by `settlement_write`; until then its reservation holds the upper bound, and
    where the process dies the sweeper settles it as it does any other.
    """
    token = _seat.set(_Seat())
    try:
        yield
    finally:
        try:
            settlement_write()
            if (refund := refund_taken()) is not None:
                afterwards(partial(bucket.refund_send, refund))
        finally:
            _seat.reset(token)


def settlement_write() -> None:
    """Write the settlements that wait, if any; where the database is gone the sweeper does."""
    for rider in settlements_taken():
        try:
            _written(rider)
        except DatabaseError:
            log.exception("settlement.failed", reservation=str(rider[0]))


def settlement_told(
    request_id: UUID, along: str = "", values: Sequence[Any] = ()
) -> dict[str, Any] | None:
    """Write the settlements that wait, and return what the request has used with them.

    One statement, with `along` in its WITH. None where nothing waits, or where it could not be
    written: they wait on, and nothing of `along` is there.
    """
    riders = settlements_taken()
    if not riders:
        return None
    try:
        [(used,)] = rows_planned(
            USED_SETTLED[len(riders) - 1].format(along=along and f", {along}"),
            [*chain(*riders), *values, current().id, request_id],
        )
    except DatabaseError:
        settlements_wait(riders)
        return None
    except BaseException:
        settlements_wait(riders)
        raise
    return json.loads(used)  # type: ignore[no-any-return]


def settlements_taken(*, late_alone: bool = True) -> list[list[Any]]:
    """Return the parameters of the settlements that wait, which the caller now has to write.

    One or two, in the order in which `SETTLES` has them, or none: also where only a late one waits
    and is not to be taken alone.
    """
    seat = _seat.get()
    if seat is None or (seat.rider is None and not late_alone):
        return []
    riders = [rider for rider in (seat.late, seat.rider) if rider is not None]
    seat.late = seat.rider = None
    return riders


def settlements_wait(riders: Sequence[list[Any]]) -> None:
    """Let settlements that could not be written wait on."""
    for rider in riders:
        settlement_waits(rider, late=rider is not riders[-1])


def refund_taken() -> bucket.Refund | None:
    """Return what waits to go back to the buckets, which the caller now has to send."""
    seat = _seat.get()
    if seat is None:
        return None
    refund, seat.refund = seat.refund, None
    return refund


def _refund_waits(refund: bucket.Refund) -> None:
    """Let a refund wait for the next taking, or send it where no block lets it."""
    seat = _seat.get()
    if seat is None:
        bucket.refund_send(refund)
        return
    if (before := refund_taken()) is not None:
        bucket.refund_send(before)
    seat.refund = refund


def settlement_waits(rider: list[Any], *, late: bool = False) -> bool:
    """Let a settlement wait for the next admission; False where no block lets it.

    One at a time, since two would hold each other's rows; a `late` one beside it.
    """
    seat = _seat.get()
    if seat is None:
        return False
    if late and seat.late is None:
        seat.late = rider
        return True
    if seat.rider is not None:
        settlement_write()
    seat.rider = rider
    return True


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
    late: bool = False,
    region: str = "",
) -> None:
    """Record what attempt number `attempt` (1–50) of the reserved call used.

    `final` ends the reservation: what it still holds goes back to quotas, buckets and streams. An
    attempt that failed after it was charged is settled with `final=False`. `late` lets it wait for
    another settlement (`settlements_ride`): for a call that holds next to nothing. A reservation
    that was swept meanwhile is put right: the estimate is reversed by corrections. Never refuses
    over-use; raises ValueError for negative usage. Commits by itself, outside any transaction.
    """
    if not 1 <= attempt <= LAST_ATTEMPT:
        raise ValueError(f"attempt is {attempt}; it must be 1 to {LAST_ATTEMPT}.")
    usage = Usage(model, checked(units), attempt, profile_arn, region, estimated)
    held = Held.of(reservation)
    outside_transactions()
    if not final or not settlement_waits(
        _parameters(held, usage, final=True, resolved="settled"), late=late
    ):
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
    shared = unshared_of(current().region, reservation.estimate.units, used)
    stream = reservation.id if reservation.streams else None
    refund = bucket.refund_of(
        rates, unused, stream=stream, shared=shared, member=reservation.user_id
    )
    if refund is None:
        return
    if stream is None:
        _refund_waits(refund)
    else:  # others may wait for its place
        afterwards(partial(bucket.refund_send, refund))


def post(held: Held, usage: Usage, *, final: bool, resolved: str) -> str | None:
    """Write the usage and move the counters by what was new, in one round trip.

    Returns the state that the reservation had. One that is gone (purged after months) has None:
    its usage is recorded and frees nothing.
    """
    state = _written(_parameters(held, usage, final=final, resolved=resolved))
    if state is None:
        log.warning("settlement.reservation_gone", reservation=str(held.id))
    return state


def _written(parameters: list[Any]) -> str | None:
    [(state,)] = rows_planned(f"SELECT {SETTLE}", parameters)
    return state  # type: ignore[no-any-return]


def _parameters(held: Held, usage: Usage, *, final: bool, resolved: str) -> list[Any]:
    units = sorted(usage.units)
    prices = [price_of(usage.model, unit, held.day) for unit in units]
    if None in prices:
        log.error("ledger.unpriced", model=usage.model, units=units, request=str(held.request_id))
    base, route = model_and_route(usage.model)
    first = held.call * ATTEMPTS_PER_CALL
    return [
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
        array(units),
        array(usage.units[unit] for unit in units),
        array(price and price.id for price in prices),
        array(price and price.usd for price in prices),
        array(price and price.per for price in prices),
        array(
            price and price.of(usage.units[unit]) for unit, price in zip(units, prices, strict=True)
        ),
        METRICS,
    ]
