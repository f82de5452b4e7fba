"""The rows of the plan comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.catalog import PlanTerms
from billing.refusals import quantity
from billing.units import METRIC_LABEL, Metric

BILLING = {
    "bundled": "One price, usage included",
    "quota": "Monthly price with included usage",
    "metered": "Monthly price, AI usage at cost plus markup",
    "seat": "Price per seat",
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
        row("Price", [price_text(plan) for plan in plans]),
        row("How it is charged", [_charged(plan) for plan in plans]),
        *(row(_monthly(metric), [_included(plan, metric) for plan in plans]) for metric in Metric),
        row("Requests a minute", [f"{plan.rates.requests:,}" for plan in plans]),
        row("Model tokens a minute", [f"{plan.rates.model_tokens:,}" for plan in plans]),
        row("Embedding tokens a minute", [f"{plan.rates.embedding_tokens:,}" for plan in plans]),
        row("Answers at once", [f"{plan.rates.streams:,}" for plan in plans]),
    ]


def price_text(plan: PlanTerms) -> str:
    """Return a plan's price as people say it."""
    if plan.seat_price:
        seat = f"${plan.seat_price:,.0f} a seat beyond those included"
        return f"${plan.monthly_price:,.0f} a month and {seat}"
    return f"${plan.monthly_price:,.0f} a month" if plan.monthly_price else "Free"


def _charged(plan: PlanTerms) -> str:
    text = BILLING[plan.pricing_model]
    if plan.pricing_model == "metered":
        return f"{text} of {plan.markup_percent.normalize():f} %"
    return f"{text}; more is charged" if plan.charged_beyond else text


def _monthly(metric: Metric) -> str:
    label = METRIC_LABEL[metric]
    return label if metric is Metric.STORAGE else f"{label} a month"


def _included(plan: PlanTerms, metric: Metric) -> str:
    included = plan.included[metric]
    if included is None:
        return "No limit"
    text = quantity(metric, included)
    if metric in plan.charged_beyond:
        return f"{text.split(' ')[0]}, then charged"
    return text.split(" ")[0] if metric not in (Metric.SPEND, Metric.STORAGE) else text
