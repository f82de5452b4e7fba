"""What a month's real usage would have cost under each plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Min
from django.utils.translation import gettext as _

from billing.catalog import PlanTerms, plan_terms, plans_offered
from billing.errors import TermsMissing
from billing.invoices.models import PlanChange
from billing.invoices.pricing import Segment, Use, month_price, used
from billing.invoices.timeline import month_bounds, segments_of
from billing.invoices.usage import gather, seats_of
from billing.meters import database_now
from billing.plans.terms import Book, Terms
from billing.refusals import amount
from billing.units import METRIC_LABEL, MONTHLY
from tenants.context import current


@dataclass(frozen=True, slots=True)
class Estimate:
    """A month on a plan, from the workspace's first day on.

    `stopped` says what the plan would have refused before its end.
    """

    plan: str
    usd: Decimal
    stopped: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        return {"plan": self.plan, "usd": str(self.usd), "would_have_stopped": list(self.stopped)}


def plans_compared() -> list[PlanTerms]:
    """Return the plans that are offered, and the workspace's own where it is none of them."""
    offered = plans_offered()
    own = plan_terms(current().plan)
    return offered if own.code in {plan.code for plan in offered} else [own, *offered]


def plan_estimates(month: date, *, members: int) -> dict[str, Estimate]:
    """Return what the month's usage so far would cost under each plan, for the whole month.

    The month in which the workspace came is charged from its first day, as its invoice is.
    `members` stands in for the days on which nobody was counted. A plan without terms that month is
    left out.
    """
    book = Book()
    own = gather(month, [current().id], book)[current().id]
    uses = [Use(0, use.model, use.unit, use.quantity, use.usd) for use in own.uses]
    counted = seats_of(month, [current().id]).get(current().id) or {month: members}
    first = max(month_bounds(month)[0], began_at())
    found = {}
    for plan in plans_compared():
        try:
            [segment] = segments_of(month, [(first, plan.code)], book, counted)
        except TermsMissing:
            continue
        found[plan.code] = Estimate(
            plan.code, _sum([segment], uses, month), list(_stops(segment.terms, uses))
        )
    return found


def _sum(segments: Sequence[Segment], uses: Sequence[Use], month: date) -> Decimal:
    return sum((charge.usd for charge in month_price(segments, uses, month)), Decimal(0))


def _stops(terms: Terms, uses: Sequence[Use]) -> list[str]:
    said = []
    for metric in MONTHLY:
        allowance = terms.limits.get(metric)
        if allowance is None or allowance.included is None or allowance.overage_price is not None:
            continue
        if used(metric, uses) > allowance.included:
            said.append(
                _("%(metric)s at %(most)s")
                % {
                    "metric": METRIC_LABEL[metric],
                    "most": amount(metric, allowance.included),
                }
            )
    return said


def months_compared() -> list[date]:
    """Return the running month, and the one before it where the workspace existed then."""
    this = database_now().date().replace(day=1)
    last = date(this.year - (this.month == 1), (this.month - 2) % 12 + 1, 1)
    return [this, last] if began_at() < month_bounds(this)[0] else [this]


def began_at() -> datetime:
    """Return when the entered workspace came: on its first plan."""
    found = PlanChange.objects.filter(tenant_id=current().id).aggregate(at=Min("at"))["at"]
    return found or database_now()
