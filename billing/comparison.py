"""The rows of the plan comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.catalog import PlanTerms
from billing.money import whole_dollars
from billing.refusals import quantity
from billing.units import METRIC_LABEL, Metric
from tenants.numbers import written
from tenants.wording import grouped

BILLING = {
    "bundled": gettext_lazy("One price, usage included"),
    "quota": gettext_lazy("Monthly price with included usage"),
    "metered": gettext_lazy("Monthly price, AI usage at cost plus markup"),
    "seat": gettext_lazy("Price per seat"),
}


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    cells: Sequence[str]


def comparison(plans: Sequence[PlanTerms]) -> list[Row]:
    """Return what the plans differ in, a cell a plan."""

    def row(label: str, cells: Sequence[str]) -> Row:
        return Row(label, cells)

    return [
        row(_("Price"), [price_text(plan) for plan in plans]),
        row(_("How it is charged"), [_charged(plan) for plan in plans]),
        *(row(_monthly(metric), [_included(plan, metric) for plan in plans]) for metric in Metric),
        row(
            _("Requests a minute"),
            [grouped(plan.rates.requests) for plan in plans],
        ),
        row(
            _("Model tokens a minute"),
            [grouped(plan.rates.model_tokens) for plan in plans],
        ),
        row(
            _("Embedding tokens a minute"),
            [grouped(plan.rates.embedding_tokens) for plan in plans],
        ),
        row(
            _("Answers at once"),
            [grouped(plan.rates.streams) for plan in plans],
        ),
    ]


def price_text(plan: PlanTerms) -> str:
    """Return a plan's price as people say it."""
    if plan.seat_price:
        return _("%(price)s a month and %(seat)s a seat beyond those included") % {
            "price": whole_dollars(plan.monthly_price),
            "seat": whole_dollars(plan.seat_price),
        }
    if not plan.monthly_price:
        return _("Free")
    return _("%(price)s a month") % {"price": whole_dollars(plan.monthly_price)}


def _charged(plan: PlanTerms) -> str:
    text = str(BILLING[plan.pricing_model])
    if plan.pricing_model == "metered":
        return _("%(charged)s of %(percent)s%%") % {
            "charged": text,
            "percent": written(f"{plan.markup_percent.normalize():f}"),
        }
    return _("%(charged)s; more is charged") % {"charged": text} if plan.charged_beyond else text


def _monthly(metric: Metric) -> str:
    label = str(METRIC_LABEL[metric])
    return label if metric is Metric.STORAGE else _("%(label)s a month") % {"label": label}


def _included(plan: PlanTerms, metric: Metric) -> str:
    included = plan.included[metric]
    if included is None:
        return _("No limit")
    text = quantity(metric, included)
    if metric in plan.charged_beyond:
        return _("%(included)s, then charged") % {"included": text.split(" ")[0]}
    return text.split(" ")[0] if metric not in (Metric.SPEND, Metric.STORAGE) else text
