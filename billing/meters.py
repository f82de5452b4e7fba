"""Meters: what is used, reserved and included of each metric, now.

They come from the counters, a few rows whatever the ledger's size.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.utils.translation import gettext as _

from billing.catalog import PlanTerms, plan_terms
from billing.clock import database_now as database_now
from billing.refusals import UPGRADE_URL, amount, compact, number, quantity
from billing.storage import STANDING
from billing.units import METRIC_LABEL, METRIC_UNIT, Metric
from tenants.context import current
from tenants.wording import day_month

NEAR: Final = 80
"""Percent of a quota from which a meter says that it is close to the limit."""

TENTH: Final = Decimal("0.1")

COUNTERS: Final = """
    SELECT metric, used, reserved FROM billing_quotacounter
     WHERE tenant_id = %s AND period IN (%s, %s)
"""


@dataclass(frozen=True, slots=True)
class Meter:
    """One bar: amounts as they are, and as texts and percentages for pages."""

    metric: Metric
    used: Decimal
    reserved: Decimal
    included: Decimal | None
    resets_on: date | None

    @property
    def label(self) -> str:
        return str(METRIC_LABEL[self.metric])

    @property
    def used_text(self) -> str:
        return amount(self.metric, self.used)

    @property
    def reserved_text(self) -> str:
        return amount(self.metric, self.reserved) if self.reserved > 0 else ""

    @property
    def endless(self) -> bool:
        return self.included is None

    @property
    def included_text(self) -> str:
        if self.included is None:
            return _("no limit")
        if self.metric in (Metric.SPEND, Metric.STORAGE):
            return quantity(self.metric, self.included)
        return compact(self.included)

    @property
    def resets_text(self) -> str:
        return day_month(self.resets_on) if self.resets_on else ""

    @property
    def over_text(self) -> str:
        """What a meter that is used up means, and until when."""
        if self.metric is Metric.STORAGE:
            return _("New documents are refused until you delete some or move to a larger plan.")
        return _("Requests that need more are refused until %(until)s, midnight UTC.") % {
            "until": self.resets_text
        }

    @property
    def more_href(self) -> str:
        """Where a meter that is used up leads to more."""
        return UPGRADE_URL

    @property
    def more_label(self) -> str:
        return _("Compare plans")

    @property
    def used_percent(self) -> float:
        return self._percent(self.used)

    @property
    def reserved_percent(self) -> float:
        return min(self._percent(self.reserved), 100 - self.used_percent)

    @property
    def state(self) -> str:
        percent = self._percent(self.used + self.reserved)
        return "over" if self.used_percent >= 100 else "near" if percent >= NEAR else "ok"

    def _percent(self, value: Decimal) -> float:
        if self.included is None:
            return 0.0
        if not self.included:
            return 100.0 if self.used > 0 else 0.0
        percent = max(Decimal(0), min(Decimal(100), value * 100 / self.included))
        return float(percent.quantize(TENTH))

    def as_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric.value,
            "label": self.label,
            "used": number(self.used),
            "reserved": number(self.reserved),
            "included": None if self.included is None else number(self.included),
            "unit": METRIC_UNIT[self.metric],
            "resets_on": self.resets_on.isoformat() if self.resets_on else None,
        }


def meters() -> list[Meter]:
    """Return the entered tenant's meters of the running month: two statements."""
    now = database_now()
    return meters_of(plan_terms(current().plan), now.date().replace(day=1))


def meters_of(plan: PlanTerms, month: date) -> list[Meter]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTERS, [current().id, month, STANDING])
        counted = {metric: (used, reserved) for metric, used, reserved in cursor.fetchall()}
    found = []
    for metric in Metric:
        used, reserved = counted.get(metric.value, (Decimal(0), Decimal(0)))
        resets = None if metric is Metric.STORAGE else next_month(month)
        found.append(Meter(metric, used, reserved, plan.included[metric], resets))
    return found


def meter_summary() -> Meter:
    """Return the meter for the sidebar: the one that is closest to its limit."""
    limited = [meter for meter in meters() if meter.included is not None]
    tightest = max(limited, key=lambda meter: meter.used_percent + meter.reserved_percent)
    # While nothing is near, tokens say more than which other bar happens to be a little longer.
    return limited[0] if tightest.state == "ok" else tightest


def next_month(month: date) -> date:
    """Return the first day of the month after `month`."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
