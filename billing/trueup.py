"""Replace estimates by what the provider's log says, by corrections that are appended.

Runs under the ops login, across tenants. The log is read somewhere above; here stands what the
ledger has of a call, and the one function that moves it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from django.db import connection

from billing.catalog import model_and_route, price_of
from billing.reservations import ATTEMPTS_PER_CALL, outside_transactions
from billing.settlement import METRICS
from billing.units import Unit

BOOKED: Final = """
    SELECT r.id, r.tenant_id, r.state, r.model, r.call, (r.created_at AT TIME ZONE 'UTC')::date,
           coalesce((SELECT jsonb_object_agg(unit, quantity)
                       FROM (SELECT unit, sum(quantity) AS quantity FROM billing_ledgerentry e
                              WHERE e.tenant_id = r.tenant_id AND e.request_id = r.request_id
                                AND e.month = r.month AND e.attempt / 100 = r.call
                              GROUP BY unit) AS sums), '{}')::text,
           r.state IN ('swept', 'trued') OR EXISTS (
               SELECT FROM billing_ledgerentry e
                WHERE e.tenant_id = r.tenant_id AND e.request_id = r.request_id
                  AND e.month = r.month AND e.attempt / 100 = r.call
                  AND e.estimated AND e.kind = 'usage')
      FROM billing_reservation r WHERE r.id = ANY(%s)
"""
TRUE_UP: Final = """
    SELECT billing_true_up(%s, %s, %s, %s, %s, %s, %s, %s::text[], %s::bigint[], %s::bigint[],
                           %s::numeric[], %s::int[], %s::jsonb)
"""


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger has of one call: its sums by unit, corrections included.

    `estimated` says whether any of it is a guess, which the provider's log may replace.
    """

    reservation_id: UUID
    tenant_id: UUID
    state: str
    model: str
    call: int
    day: date
    units: Mapping[Unit, int]
    estimated: bool


def booked_of(reservations: Sequence[UUID]) -> dict[UUID, Booked]:
    """Return what is booked for each reservation that exists."""
    with connection.cursor() as cursor:
        cursor.execute(BOOKED, [list(reservations)])
        rows = cursor.fetchall()
    found = {}
    for reservation, tenant, state, model, call, day, units, estimated in rows:
        sums = {Unit(unit): int(amount) for unit, amount in json.loads(units).items()}
        found[reservation] = Booked(
            reservation, tenant, state, model, call, day, sums, bool(estimated)
        )
    return found


def true_up(booked: Booked, units: Mapping[Unit, int], *, region: str, profile_arn: str) -> int:
    """Move a call's sums to `units`; return how many corrections that took.

    A unit that is not named stays as it is; name it with 0 to take it back. Safe to repeat and to
    run twice at once. Leaves a call alone that is still under way, or was released. Commits by
    itself, outside any transaction.
    """
    outside_transactions()
    names = sorted(units)
    prices = [price_of(booked.model, unit, booked.day) for unit in names]
    base, route = model_and_route(booked.model)
    with connection.cursor() as cursor:
        cursor.execute(
            TRUE_UP,
            [
                booked.reservation_id,
                booked.tenant_id,
                booked.call * ATTEMPTS_PER_CALL,
                base,
                route,
                region,
                profile_arn,
                [unit.value for unit in names],
                [units[unit] for unit in names],
                [price.id if price else None for price in prices],
                [price.usd if price else None for price in prices],
                [price.per if price else None for price in prices],
                METRICS,
            ],
        )
        return int(cursor.fetchone()[0])
