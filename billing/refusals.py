"""What a refusal at a quota says: what is used up, when it comes back, and the way to more."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from django.db import connection

from billing.catalog import PlanTerms
from billing.units import METRIC_LABEL, METRIC_UNIT, Metric
from tenants.context import current
from tenants.errors import QuotaExhausted

UPGRADE_URL: Final = "/usage/plans/"

STANDING_AT: Final = """
    SELECT used, reserved,
           (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month')::date
      FROM (SELECT 1) AS one LEFT JOIN billing_quotacounter
        ON tenant_id = %s AND metric = %s
       AND period = date_trunc('month', now() AT TIME ZONE 'UTC')::date
"""


def exhausted(
    metrics: Sequence[Metric], plan: PlanTerms, *, needed: dict[Metric, Decimal]
) -> QuotaExhausted:
    """Return the refusal for the first of `metrics`, with what is used and reserved just now."""
    metric = metrics[0]
    with connection.cursor() as cursor:
        cursor.execute(STANDING_AT, [current().id, metric.value])
        used, reserved, resets = cursor.fetchone()
    used, reserved = used or Decimal(0), reserved or Decimal(0)
    included = plan.included[metric] or Decimal(0)
    return QuotaExhausted(
        f"Your workspace has used what the {plan.name} plan includes of"
        f" {METRIC_LABEL[metric].lower()}: {quantity(metric, used)} of {quantity(metric, included)}"
        f" this month, {quantity(metric, reserved)} reserved by running requests, and this request"
        f" may need {quantity(metric, needed[metric])}. It starts afresh on {resets:%-d %B}"
        " (UTC); a larger plan includes more.",
        upgrade_url=UPGRADE_URL,
        metric=metric.value,
        used=number(used),
        reserved=number(reserved),
        included=number(included),
        needed=number(needed[metric]),
        resets_on=resets.isoformat(),
    )


def number(value: Decimal) -> int | float:
    """Return a quantity as JSON shows it: whole where it is whole."""
    return int(value) if value == value.to_integral_value() else float(value)


def quantity(metric: Metric, value: Decimal) -> str:
    """Return an amount of a metric as people read it, with its unit."""
    if metric is Metric.SPEND:
        return money(value)
    if metric is Metric.STORAGE:
        return stored(value)
    return f"{value:,.0f} {METRIC_UNIT[metric]}"


def amount(metric: Metric, value: Decimal) -> str:
    """Return an amount without its unit, exact, for a meter whose label says the unit."""
    return quantity(metric, value) if metric in (Metric.SPEND, Metric.STORAGE) else f"{value:,.0f}"


def compact(value: Decimal) -> str:
    """Return a round number in few digits (100 M), any other one in full."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= size and value % (size // 100) == 0:
            return f"{(value / size).normalize():f} {letter}"
    return f"{value:,.0f}"


def money(value: Decimal) -> str:
    """Return dollars to the cent, and small sums with as many digits as say something."""
    size = abs(value)
    if size == 0 or size >= 1:
        return f"${value:,.2f}"
    for digits in (4, 6):
        if size >= Decimal(10) ** (1 - digits):
            return f"${value:.{digits}f}"
    return f"${value.normalize():f}"


def stored(value: Decimal | int) -> str:
    """Return bytes in the unit that people use for them (1 KB = 1,024 bytes)."""
    size = float(value)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{_short(size)} {unit}"
        size /= 1024
    return f"{_short(size)} TB"


def _short(size: float) -> str:
    return f"{size:,.1f}".removesuffix(".0")
