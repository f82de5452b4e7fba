"""A plan's commercial terms of a month, as data: the four pricing models and any mix of them.

- *bundled*: a monthly price; what is included stops where it ends.
- *quota*: the same, and what goes beyond has a price (`overage_price`), or stops where it has none.
- *metered*: metrics that are passed through at their cost plus `markup_percent`.
- *seat*: a price for each member above `seats_included`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from billing.errors import TermsMissing
from billing.invoices.models import PlanVersion
from billing.models import Plan
from billing.units import METRIC_OF, Metric, Unit
from tenants.errors import Invalid

OTHER: Final = "other"
"""What no metric counts and is passed through all the same: reranking, retrievals."""
METERABLE: Final = (
    *(metric.value for metric in Metric if metric not in (Metric.SPEND, Metric.STORAGE)),
    OTHER,
)
OVERAGE: Final = frozenset(Metric) - {Metric.STORAGE}
TRIAL_DAYS: Final = (1, 365)
MOST: Final = Decimal(10) ** 9


def charge_metric(unit: str) -> str:
    """Return the metric under which a unit is charged, nothing for what no usage price is for.

    Seats have a price of their own; stored bytes are limited by plans and charged by none.
    """
    if unit in (Unit.SEAT, Unit.STORAGE):
        return ""
    metric = METRIC_OF.get(Unit(unit))
    return metric.value if metric else OTHER


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is included of a metric (None: no limit) and what more of it costs (None: it stops)."""

    included: Decimal | None
    overage_price: Decimal | None = None
    overage_per: int = 1


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan charges in a month. Amounts are USD."""

    plan: str
    name: str
    monthly_price: Decimal
    seat_price: Decimal
    seats_included: int
    markup_percent: Decimal
    metered: frozenset[str]
    limits: Mapping[Metric, Allowance]
    trial_days: int | None = None
    trial_then: str = ""
    version: int | None = None

    def overage(self, metric: Metric) -> Allowance | None:
        """Return the allowance of a metric whose excess is charged, None where nothing is."""
        found = self.limits.get(metric)
        if found is None or found.included is None or found.overage_price is None:
            return None
        return None if metric.value in self.metered else found


def terms_read(plan: str, name: str, given: Any, version: int | None = None) -> Terms:
    """Return the terms of a document. Raises Invalid, whose `errors` name every fault."""
    faults: dict[str, str] = {}
    if not isinstance(given, dict):
        raise Invalid("The terms are no object.", errors={"terms": "must be an object"})
    known = {
        "monthly_price", "seat_price", "seats_included", "markup_percent", "metered", "limits",
        "trial_days", "trial_then",
    }  # fmt: skip
    for key in sorted(set(given) - known):
        faults[key] = "is no term that plans have"

    def money(key: str, places: int = 2) -> Decimal:
        try:
            return amount_of(given.get(key, "0"), places)
        except ValueError as error:
            faults[key] = str(error)
            return Decimal(0)

    def count(key: str, least: int, most: int) -> int:
        value = given.get(key, least)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            faults[key] = f"must be a whole number from {least} to {most}"
            return least
        return value

    metered = given.get("metered", [])
    if not isinstance(metered, list) or set(map(str, metered)) - set(METERABLE):
        faults["metered"] = f"must be some of {', '.join(METERABLE)}"
        metered = []
    limits = _limits(given.get("limits"), faults)
    days = count("trial_days", *TRIAL_DAYS) if given.get("trial_days") is not None else None
    then = str(given.get("trial_then", ""))
    if (days is None) != (then == ""):
        faults["trial_then"] = "a trial has both a length and a plan that comes after it"
    terms = Terms(
        plan=plan,
        name=name,
        monthly_price=money("monthly_price"),
        seat_price=money("seat_price"),
        seats_included=count("seats_included", 0, 1_000_000),
        markup_percent=money("markup_percent"),
        metered=frozenset(metered),
        limits=limits,
        trial_days=days,
        trial_then=then,
        version=version,
    )
    if faults:
        said = "; ".join(f"{key} {text}" for key, text in faults.items())
        raise Invalid(f"The terms of {plan} cannot be used: {said}.", errors=faults)
    return terms


def _limits(given: Any, faults: dict[str, str]) -> dict[Metric, Allowance]:
    if not isinstance(given, dict):
        faults["limits"] = "must say for every metric what is included"
        return {}
    found = {}
    for key in sorted(set(given) - {metric.value for metric in Metric}):
        faults[f"limits.{key}"] = "is no metric"
    for metric in Metric:
        one = given.get(metric.value)
        if not isinstance(one, dict) or "included" not in one:
            faults[f"limits.{metric}"] = "must say what is included; null is without limit"
            continue
        try:
            included = None if one["included"] is None else amount_of(one["included"], 15, big=True)
            price = one.get("overage_price")
            overage = None if price is None else amount_of(price, 9)
            per = one.get("overage_per", 1)
            if per not in (1, 1000, 1_000_000):
                raise ValueError("overage_per must be 1, 1000 or 1000000")
        except ValueError as error:
            faults[f"limits.{metric}"] = str(error)
            continue
        if overage is not None and metric not in OVERAGE:
            faults[f"limits.{metric}"] = "is a level: what goes beyond it cannot be charged"
        found[metric] = Allowance(included, overage, per)
    return found


def amount_of(value: Any, places: int, *, big: bool = False) -> Decimal:
    """Return an amount that is not negative and exact. Raises ValueError with the fault."""
    try:
        if isinstance(value, float | bool):
            raise InvalidOperation
        found = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{value!r} is no exact amount; write it as text") from None
    if not found.is_finite():
        raise ValueError(f"{value!r} is no amount")
    if found < 0:
        raise ValueError(f"{value} is negative")
    if found >= (MOST * MOST if big else MOST):
        raise ValueError(f"{value} is too large")
    if -int(found.as_tuple().exponent) > places and found != found.quantize(
        Decimal(1).scaleb(-places)
    ):
        raise ValueError(f"{value} has more than {places} decimals")
    return found


class Book:
    """The dated terms of every plan, read once: for one draft, one page, one import."""

    def __init__(self) -> None:
        self._names = dict(Plan.objects.values_list("code", "name"))
        self._rows: dict[str, list[tuple[date, int, Any]]] = {}
        for row in PlanVersion.objects.order_by("-effective_from"):
            self._rows.setdefault(row.plan_id, []).append((row.effective_from, row.pk, row.terms))
        self._read: dict[int, Terms] = {}

    def on(self, plan: str, day: date) -> Terms:
        """Return a plan's terms of a day. Raises TermsMissing."""
        for begins, version, given in self._rows.get(plan, ()):
            if begins <= day:
                if version not in self._read:
                    name = self._names.get(plan, plan)
                    self._read[version] = terms_read(plan, name, given, version)
                return self._read[version]
        raise TermsMissing(
            f"The plan {plan} has no terms that had begun on {day}; add a version.",
            plan=plan,
            day=day.isoformat(),
        )
