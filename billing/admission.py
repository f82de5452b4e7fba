"""Before a call: may this tenant make it? First its rates, then its quotas, both atomically.

The order is cheap before durable. Redis' token buckets refuse bursts without touching PostgreSQL;
then one transaction reserves the upper bound of the call in every quota that counts it (tokens,
guardrail units, spend), each by one conditional upsert, and writes the reservation row. Parallel
requests cannot pass a limit together: the condition and the reservation are one statement.

The period is the calendar month, in UTC, by the database's clock: skewed hosts book nothing in a
wrong month.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection, transaction

from billing import bucket
from billing.catalog import PlanTerms, cost_of, plan_terms
from billing.refusals import exhausted
from billing.reservations import Estimate, Reservation
from billing.units import Metric, amounts, checked
from tenants.context import Actor, current

__all__ = ["Estimate", "Reservation", "admit"]

# A row comes back for each metric that has room. Metrics are locked in one order, so that two
# admissions cannot wait for each other.
RESERVE: Final = """
    INSERT INTO billing_quotacounter AS c (tenant_id, period, metric, used, reserved, included)
    SELECT %(tenant)s, date_trunc('month', now() AT TIME ZONE 'UTC')::date,
           n.metric, 0, n.amount, n.included
      FROM unnest(%(metrics)s::text[], %(amounts)s::numeric[], %(included)s::numeric[])
           AS n(metric, amount, included)
     WHERE n.included IS NULL OR n.amount <= n.included
     ORDER BY n.metric
    ON CONFLICT (tenant_id, period, metric) DO UPDATE
       SET reserved = c.reserved + excluded.reserved, included = excluded.included
     WHERE excluded.included IS NULL
        OR c.used + c.reserved + excluded.reserved <= excluded.included
    RETURNING c.metric
"""
# The tenant's counters are locked by now, so the number of the call cannot be taken twice.
WRITE: Final = """
    INSERT INTO billing_reservation
           (id, tenant_id, month, request_id, call, feature, user_id, api_key_id, model, estimate,
            held, state, created_at)
    SELECT %(id)s, %(tenant)s, m.month, %(request)s,
           1 + coalesce((SELECT max(call) FROM billing_reservation
                          WHERE tenant_id = %(tenant)s AND request_id = %(request)s
                            AND month = m.month), 0),
           %(feature)s, %(user)s, %(key)s, %(model)s, %(estimate)s, %(held)s, 'held', now()
      FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date AS month) AS m
    RETURNING month, call, (created_at AT TIME ZONE 'UTC')::date
"""


class _NoRoom(Exception):
    """Rolls the transaction back: some metrics had room, some had not."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics


def admit(
    *,
    actor: Actor,
    feature: str,
    request_id: UUID,
    estimate: Estimate,
    streams: bool = False,
) -> Reservation:
    """Set the call's upper bound aside, or refuse it.

    Each reservation must end in `settle` or `release`; the sweeper settles what a dead process
    left. A request may be admitted several times, once a call. `streams` takes one of the plan's
    concurrent streams until then.

    Raises RateLimited (the buckets; with `retry_after`), QuotaExhausted (a quota; with
    `upgrade_url`), PriceMissing (unknown cost), PlanMissing. Commits by itself and refuses to run
    inside a transaction: the reservation must outlive whatever the caller does next.
    """
    tenant = current()
    plan = plan_terms(tenant.plan)
    units = checked(estimate.units)
    held = amounts(units)
    # An upper bound by this host's date; what is charged is priced by the database's.
    held[Metric.SPEND] = cost_of(estimate.model, units, datetime.now(UTC).date())
    reservation_id = uuid4()
    stream = reservation_id if streams else None
    bucket.take(plan.rates, held, stream=stream)
    try:
        with transaction.atomic(durable=True):
            month, call, day = _reserve(
                {
                    "id": reservation_id,
                    "tenant": tenant.id,
                    "request": request_id,
                    "feature": feature,
                    "user": actor.user_id,
                    "key": actor.api_key_id,
                    "model": estimate.model,
                    "estimate": json.dumps(units),
                    "held": json.dumps({metric: str(amount) for metric, amount in held.items()}),
                },
                held,
                plan,
            )
    except _NoRoom as refusal:
        bucket.give_back(plan.rates, held, stream=stream)
        raise exhausted(refusal.metrics, plan, needed=held) from None
    except BaseException:
        bucket.give_back(plan.rates, held, stream=stream)
        raise
    return Reservation(
        id=reservation_id,
        request_id=request_id,
        month=month,
        day=day,
        tenant_id=tenant.id,
        plan=plan.code,
        feature=feature,
        user_id=actor.user_id,
        api_key_id=actor.api_key_id,
        estimate=Estimate(estimate.model, units),
        call=call,
        streams=streams,
    )


def _reserve(
    row: dict[str, Any], held: Mapping[Metric, Decimal], plan: PlanTerms
) -> tuple[date, int, date]:
    metrics = sorted(held)
    with connection.cursor() as cursor:
        cursor.execute(
            RESERVE,
            {
                "tenant": row["tenant"],
                "metrics": [metric.value for metric in metrics],
                "amounts": [held[metric] for metric in metrics],
                "included": [plan.included[metric] for metric in metrics],
            },
        )
        room = {metric for (metric,) in cursor.fetchall()}
        if len(room) < len(metrics):
            raise _NoRoom([metric for metric in metrics if metric not in room])
        cursor.execute(WRITE, row)
        return cursor.fetchone()  # type: ignore[no-any-return]
