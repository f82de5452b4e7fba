"""What a month costs: usage and seats, priced under the plans a workspace was on. Pure arithmetic.

The rules, which the plan's page tells in words:

- A price for the month is charged by days; the day of a change belongs to the new plan.
- A seat is charged by days too, above those included.
- The meter counts the whole month, whichever plan. What is used while it stands above what the plan
  of that moment includes is overage of that plan; an allowance is never cut by a change.
- What is passed through costs what the ledger says, plus the markup of the plan that admitted it.

Nothing is rounded but the amount of a line: to the cent, half a cent up. Texts are in the language
that is active.
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any, Final

from django.utils.translation import gettext, ngettext

from billing.invoices.models import InvoiceLine
from billing.naming import model_name
from billing.plans.terms import Terms, charge_metric
from billing.units import METRIC_LABEL, METRIC_OF, Metric, Unit
from tenants.numbers import written

EXACT: Final = Context(prec=80)
"""More digits than any quantity times any price has, so that only the cent is ever rounded."""

CENT: Final = Decimal("0.01")
Kind = InvoiceLine.Kind


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a month on one plan: an instant to an instant, and the days it is charged for.

    `seats` holds the number of members on each of those days.
    """

    terms: Terms
    starts_at: datetime
    ends_at: datetime
    days: Sequence[date]
    seats: Mapping[date, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """A segment's usage of one unit of one model, as the ledger sums it up."""

    segment: int
    model: str
    unit: str
    quantity: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Charge:
    """A line before it has a place on an invoice. `usd` is rounded; `detail` tells how."""

    kind: str
    text: str
    segment: Segment
    usd: Decimal
    quantity: Decimal
    detail: Mapping[str, Any]
    metric: str = ""
    model: str = ""
    units: Sequence[str] = ()


def cents(amount: Decimal) -> Decimal:
    """Round to the cent, half a cent away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def month_price(segments: Sequence[Segment], uses: Sequence[Use], month: date) -> list[Charge]:
    """Return what a month costs, in the order of an invoice. A charge of nothing is left out."""
    with localcontext(EXACT):
        found = [
            charge
            for number, segment in enumerate(segments)
            for charge in _of_segment(number, segment, segments, uses, month)
        ]
    return [charge for charge in found if charge.usd]


def _of_segment(
    number: int, segment: Segment, segments: Sequence[Segment], uses: Sequence[Use], month: date
) -> Iterator[Charge]:
    length = monthrange(month.year, month.month)[1]
    yield _fee(segment, length)
    yield _seats(segment, length)
    for metric in Metric:
        yield from _overage(metric, number, segment, uses)
    yield from _passed_through(number, segment, uses)


def _fee(segment: Segment, length: int) -> Charge:
    terms, days = segment.terms, len(segment.days)
    text = (
        gettext("%(plan)s plan")
        if days == length
        else gettext("%(plan)s plan, %(days)s of %(length)s days")
    )
    return Charge(
        Kind.FEE,
        text % {"plan": terms.name, "days": days, "length": length},
        segment,
        cents(terms.monthly_price * days / length),
        Decimal(days),
        {"price": str(terms.monthly_price), "days": days, "of_days": length},
    )


def _seats(segment: Segment, length: int) -> Charge:
    terms = segment.terms
    beyond = [max(0, segment.seats.get(day, 0) - terms.seats_included) for day in segment.days]
    seat_days = sum(beyond) if terms.seat_price else 0
    told = {"plan": terms.name, "included": terms.seats_included}
    text = gettext("%(plan)s plan: members above the %(included)s included") % told
    if beyond and len(set(beyond)) == 1 and len(beyond) == length:
        text = ngettext(
            "%(plan)s plan: %(count)s member above the %(included)s included",
            "%(plan)s plan: %(count)s members above the %(included)s included",
            beyond[0],
        ) % {**told, "count": beyond[0]}
    return Charge(
        Kind.SEATS,
        text,
        segment,
        cents(terms.seat_price * seat_days / length),
        Decimal(seat_days),
        {
            "price": str(terms.seat_price),
            "included": terms.seats_included,
            "seat_days": seat_days,
            "of_days": length,
        },
        units=(Unit.SEAT.value,),
    )


def used(metric: Metric, uses: Sequence[Use]) -> Decimal:
    """Return how far the metric's meter moves by `uses`."""
    if metric is Metric.SPEND:
        return sum((use.usd for use in uses if charge_metric(use.unit)), Decimal(0))
    return Decimal(sum(use.quantity for use in uses if METRIC_OF.get(Unit(use.unit)) is metric))


def units_of(metric: Metric) -> tuple[str, ...]:
    """Return the units that move the metric's meter; none stands for all use of AI."""
    if metric is Metric.SPEND:
        return ()
    return tuple(unit.value for unit, of in METRIC_OF.items() if of is metric)


def _overage(
    metric: Metric, number: int, segment: Segment, uses: Sequence[Use]
) -> Iterator[Charge]:
    allowance = segment.terms.overage(metric)
    if allowance is None or allowance.included is None or allowance.overage_price is None:
        return
    before = used(metric, [use for use in uses if use.segment < number])
    after = used(metric, [use for use in uses if use.segment <= number])
    beyond = max(Decimal(0), after - max(allowance.included, before))
    yield Charge(
        Kind.OVERAGE,
        gettext("%(metric)s beyond what the %(plan)s plan includes")
        % {"metric": METRIC_LABEL[metric], "plan": segment.terms.name},
        segment,
        cents(beyond * allowance.overage_price / allowance.overage_per),
        beyond,
        {
            "included": f"{allowance.included.normalize():f}",
            "before": f"{before.normalize():f}",
            "after": f"{after.normalize():f}",
            "price": str(allowance.overage_price),
            "per": allowance.overage_per,
        },
        metric=metric.value,
        units=units_of(metric),
    )


def _passed_through(number: int, segment: Segment, uses: Sequence[Use]) -> Iterator[Charge]:
    terms = segment.terms
    own = [
        use for use in uses if use.segment == number and charge_metric(use.unit) in terms.metered
    ]
    for model in sorted({use.model for use in own}):
        of_model = [use for use in own if use.model == model]
        cost = sum((use.usd for use in of_model), Decimal(0))
        percent = written(f"{terms.markup_percent.normalize():,f}")
        text = gettext("%(model)s, at cost")
        if terms.markup_percent:
            text = gettext("%(model)s, at cost plus %(percent)s%%")
        yield Charge(
            Kind.USAGE,
            text % {"model": model_name(model), "percent": percent},
            segment,
            cents(cost * (100 + terms.markup_percent) / 100),
            Decimal(sum(use.quantity for use in of_model)),
            {"cost": f"{cost.normalize():f}", "markup_percent": str(terms.markup_percent)},
            model=model,
            units=tuple(sorted(use.unit for use in of_model)),
        )
