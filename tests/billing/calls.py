"""Calls to meter, and plans of a size that a test can use up."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.db import connection

from billing import catalog
from billing.admission import Estimate, Reservation, admit
from billing.models import LedgerEntry, Plan, PlanLimit, QuotaCounter
from billing.units import Metric, Unit
from tenants.context import SYSTEM, Actor, TenantContext, current, entered, public_scope

R = TypeVar("R")
MODEL = "amazon.nova-lite-v1:0"  # 0.06 and 0.24 dollars a million tokens
PLENTY = 10**9


def plan_make(code: str, *, included: Mapping[Metric, Any] | None = None, **rates: int) -> None:
    """Make a plan as staff do: without limits and rates to speak of, but for what is given."""
    fields: dict[str, Any] = {
        "name": code.title(),
        "monthly_price": 0,
        "requests_per_minute": PLENTY,
        "model_tokens_per_minute": PLENTY,
        "embedding_tokens_per_minute": PLENTY,
        "guardrail_units_per_minute": PLENTY,
        "concurrent_streams": 1000,
        **rates,
    }
    with public_scope("staff"):
        plan = Plan.objects.create(code=code, **fields)
        for metric in Metric:
            PlanLimit.objects.create(
                plan=plan, metric=metric, included=(included or {}).get(metric)
            )
    catalog.forget()


def on_plan(tenant: TenantContext, code: str) -> TenantContext:
    """Return the tenant as it would be on another plan."""
    return replace(tenant, plan=code)


def reserve(
    units: Mapping[Unit, int] | None = None,
    *,
    request_id: UUID | None = None,
    actor: Actor = SYSTEM,
    feature: str = "ask",
    model: str = MODEL,
    streams: bool = False,
    paced: bool = True,
) -> Reservation:
    """Admit a call of a thousand tokens, or of `units`."""
    return admit(
        actor=actor,
        feature=feature,
        request_id=request_id or uuid4(),
        estimate=Estimate(model, units or {Unit.INPUT: 800, Unit.OUTPUT: 200}),
        streams=streams,
        paced=paced,
    )


def counter(metric: Metric) -> tuple[Decimal, Decimal]:
    """Return what the entered tenant has used and reserved."""
    row = QuotaCounter.objects.filter(metric=metric, tenant_id=current().id).first()
    return (row.used, row.reserved) if row else (Decimal(0), Decimal(0))


def entries(request_id: UUID) -> dict[tuple[int, str], int]:
    """Return a request's ledger rows: attempt and unit, quantity."""
    rows = LedgerEntry.objects.filter(request_id=request_id)
    return {(row.attempt, row.unit): row.quantity for row in rows}


def at_once(
    tenant: TenantContext, work: Callable[[int], R], times: int, threads: int = 16
) -> list[R | Exception]:
    """Run `work(number)` for the tenant in many threads; return results and refusals."""

    def run(number: int) -> R | Exception:
        try:
            with entered(tenant):
                return work(number)
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(times)))
