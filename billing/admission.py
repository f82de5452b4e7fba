"""Before a call: may this tenant make it? First its rates, then its quotas, both atomically.

The order is cheap before durable. Redis' token buckets refuse bursts without touching PostgreSQL;
then one function there (`billing_admit`, one round trip) reserves the upper bound of the call in
every limit that counts it, all or none, and writes the reservation row: the plan's quotas (tokens,
guardrail units, spend), the owner's cap on spend, the member's own allowance. Parallel requests
cannot pass a limit together: the condition and the reservation are one statement.

The period is the calendar month, in UTC, by the database's clock: skewed hosts book nothing in a
wrong month.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction

from billing import bucket
from billing.catalog import PlanTerms, cost_of, plan_terms
from billing.keyallowance import key_allowance_require
from billing.refusals import exhausted
from billing.reservations import Estimate, Reservation, outside_transactions
from billing.settlement import (
    SETTLES,
    refund_taken,
    settlement_write,
    settlements_taken,
    settlements_wait,
)
from billing.shared import (
    BURST_PATIENCE,
    NOTHING_SHARED,
    PATIENCE,
    PATIENCE_OF_TASKS,
    shared_of,
)
from billing.units import Metric, amounts, array, checked
from tenants.afterwards import left_do
from tenants.context import Actor, current
from tenants.statements import rows_planned

__all__ = ["Along", "Estimate", "Reservation", "admit"]

ADMIT: Final = """billing_admit(
        {}, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s::text[], %s::numeric[], %s::numeric[])
"""
RESERVE: Final = "SELECT * FROM " + ADMIT.format("%s")  # noqa: S608 - the parts are constants
# An argument that depends on the settlement lets the admission come after it: what the call
# before did not use is free again by then.
RESERVE_AFTER: Final = tuple(
    f"""
    SELECT admitted.* FROM (SELECT {each} OFFSET 0) AS settled, LATERAL
    {ADMIT.format("CASE WHEN state IS DISTINCT FROM '' THEN %s::uuid END")} AS admitted
"""  # noqa: S608 - the parts are constants
    for each in SETTLES
)
TOGETHER: Final = "WITH admitted AS MATERIALIZED ({}), along AS ({}) SELECT * FROM admitted"


@dataclass(frozen=True, slots=True)
class Along:
    """An INSERT that rides with the reservation: both are there, or neither.

    It selects from the row `admitted`, in which `o_call` is the call's number; of a refused call
    `o_refused` has members, and nothing may be inserted. `parameters` are given the reservation's
    id.
    """

    sql: str
    parameters: Callable[[UUID], list[Any]]


def admit(
    *,
    actor: Actor,
    feature: str,
    request_id: UUID,
    estimate: Estimate,
    streams: bool = False,
    paced: bool = True,
    along: Along | None = None,
) -> Reservation:
    """Set the call's upper bound aside, or refuse it.

    Each reservation must end in `settle` or `release`; the sweeper settles what a dead process
    left. A request may be admitted several times, once a call. `streams` takes one of the plan's
    concurrent streams until then; `along` is stored with the reservation. `paced=False` leaves the
    rates a minute alone and asks the quotas only: for batch jobs, which run when the provider
    likes.

    Raises RateLimited (the buckets; with `retry_after`), QuotaExhausted (a quota; with
    `upgrade_url`), PriceMissing (unknown cost), PlanMissing. Commits by itself and refuses to run
    inside a transaction: the reservation must outlive whatever the caller does next.
    """
    outside_transactions()
    tenant = current()
    plan = plan_terms(tenant.plan)
    units = checked(estimate.units)
    held = amounts(units)
    # An upper bound by this host's date; what is charged is priced by the database's.
    held[Metric.SPEND] = cost_of(estimate.model, units, datetime.now(UTC).date())
    reservation_id = uuid4()
    stream = reservation_id if streams else None
    shared = shared_of(tenant.region, units) if paced else NOTHING_SHARED
    if paced:
        left_do()  # the place of the call before, which this one may need
        patience = PATIENCE_OF_TASKS if actor.kind == "task" else PATIENCE
        bucket.take(
            plan.rates, held, stream=stream, shared=shared, patience=patience,
            member=actor.user_id, burst=0 if actor.kind == "task" else BURST_PATIENCE,
            refund=refund_taken(),
        )  # fmt: skip
    row = [
        reservation_id,
        tenant.id,
        request_id,
        feature,
        actor.user_id,
        actor.api_key_id,
        estimate.model,
        json.dumps(units),
        json.dumps({metric: str(amount) for metric, amount in held.items()}),
    ]
    try:
        if actor.allowance_usd is not None:
            settlement_write()  # the key's sum is asked before
        with nullcontext() if actor.allowance_usd is None else transaction.atomic():
            key_allowance_require(actor, held[Metric.SPEND])
            month, day, call, refused = _reserve(row, held, plan, along)
        if refused:
            raise exhausted(refused, plan, needed=held, user_id=actor.user_id)
    except BaseException:
        if paced:
            bucket.give_back(plan.rates, held, stream=stream, shared=shared, member=actor.user_id)
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
        paced=paced,
    )


def _reserve(
    row: list[Any], held: Mapping[Metric, Decimal], plan: PlanTerms, along: Along | None
) -> tuple[date, date, int, list[str]]:
    """Return month, day and number of the call, and the metrics that have no room for it.

    The settlements that wait, if any do, are written before, in the same statement; not a late one
    alone.
    """
    metrics = sorted(held)
    parameters = [
        *row,
        array(metrics),
        array(held[metric] for metric in metrics),
        array(plan.stops_at(metric) for metric in metrics),
    ]
    riders = settlements_taken(late_alone=False)
    statement = RESERVE_AFTER[len(riders) - 1] if riders else RESERVE
    if along is not None:
        statement = TOGETHER.format(statement, along.sql)
        parameters += along.parameters(row[0])
    try:
        [found] = rows_planned(statement, [*chain(*riders), *parameters])
        return found
    except BaseException:
        settlements_wait(riders)
        raise
