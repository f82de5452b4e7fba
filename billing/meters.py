"""Meters: what is used, reserved and included of each metric, now.

They come from the counters, a few rows whatever the ledger's size.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from billing.catalog import PlanTerms, plan_terms
from billing.refusals import number, quantity
from billing.storage import STANDING
from billing.units import METRIC_LABEL, METRIC_UNIT, Metric
from tenants.context import current

NEAR: Final = 80
"""Percent of a quota from which a meter says that it is close to the limit."""

TENTH: Final = Decimal("0.1")

NOW: Final = "SELECT now() AT TIME ZONE 'UTC'"
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
        return METRIC_LABEL[self.metric]

    @property
    def used_text(self) -> str:
        return quantity(self.metric, self.used)

    @property
    def reserved_text(self) -> str:
        return quantity(self.metric, self.reserved) if self.reserved > 0 else ""

    @property
    def included_text(self) -> str:
        return "no limit" if self.included is None else quantity(self.metric, self.included)

    @property
    def resets_text(self) -> str:
        return f"{self.resets_on:%-d %B}" if self.resets_on else ""

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
        return float(
            max(Decimal(0), min(Decimal(100), value * 100 / self.included)).quantize(TENTH)
        )

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


def database_now() -> datetime:
    """Return the database's time: hosts' clocks decide no period."""
    with connection.cursor() as cursor:
        cursor.execute(NOW)
        return cursor.fetchone()[0].replace(tzinfo=UTC)  # type: ignore[no-any-return]


def next_month(self) -> date:
    return next_month(self.month)


class RequestCost(NamedTuple):
    """What a request has cost so far: quantities by unit, dollars, and the ledger's rows."""

    units: dict[str, int]
    usd: Decimal
    rows: list[dict[str, Any]]


def plan_name(code: str) -> str:
    """Return a plan's name; the code itself where the plan is gone, since pages must render."""
    try:
        return plan_terms(code).name
    except PlanMissing:
        return code.capitalize()


def plans_on_offer() -> list[dict[str, Any]]:
    """Return the plans for the landing page: name, price, what they are for, what they include."""
    return [
        {
            "name": plan.name,
            "price": "Free" if not plan.monthly_price else f"${plan.monthly_price:,.0f}",
            "period": "" if not plan.monthly_price else "a month",
            "summary": plan.description,
            "features": plan_features(plan),
        }
        for plan in plans_offered()
    ]


def plan_features(plan: PlanTerms) -> list[str]:
    """Return what a plan includes, in a few lines."""
    lines = []
    for metric, word in ((Metric.MODEL_TOKENS, "model"), (Metric.EMBEDDING_TOKENS, "embedding")):
        included = plan.included[metric]
        amount = "Unlimited" if included is None else _short(included)
        lines.append(f"{amount} {word} tokens a month")
    storage = plan.included[Metric.STORAGE]
    amount = "Unlimited" if storage is None else quantity(Metric.STORAGE, storage)
    lines.append(f"{amount} of documents")
    lines.append(f"{plan.rates.requests:,} requests a minute, {plan.rates.streams} answers at once")
    spend = plan.included[Metric.SPEND]
    lines.append(
        f"AI usage at cost plus {plan.markup_percent.normalize():f} %"
        if plan.pricing_model == "metered"
        else "AI usage without a cap"
        if spend is None
        else f"Up to {quantity(Metric.SPEND, spend)} of AI usage included"
    )
    return lines


def _short(value: Decimal) -> str:
    for size, word in ((10**9, "billion"), (10**6, "million")):
        if value >= size:
            return f"{(value / size).normalize():f} {word}"
    return f"{value:,.0f}"


def month_usage() -> MonthUsage:
    """Return the running month of the entered tenant: five statements, however much was used."""
    plan = plan_terms(current().plan)
    now = database_now()
    month = now.date().replace(day=1)
    sets = _breakdown(month)
    _, _, spend = total = _total(sets["all"])
    users = {user.pk: user for user in User.objects.all()}
    return MonthUsage(
        month=month,
        now=now,
        plan=plan,
        meters=meters_of(plan, month),
        spend=spend,
        forecast=forecast(sets["day"], spend, now),
        requests=total[0],
        tokens=total[1],
        by_feature=_parts(sets["feature"], "feature", spend),
        by_user=_user_parts(sets["user"], users, spend),
        by_model=_parts(sets["model"], "model", spend),
        by_unit=_units(sets["unit"]),
        days=_days(sets["day"], month, now.date()),
    )


def _breakdown(month: date) -> dict[str, list[dict[str, Any]]]:
    names = ("set", "feature", "user", "model", "day", "unit", "price_usd", "price_per",
             "quantity", "usd", "tokens", "requests", "estimated", "least_price")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            BREAKDOWN,
            {
                "tenant": current().id,
                "month": month,
                "tokens": [unit.value for unit in TOKENS],
            },
        )
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {name: [row for row in rows if row["set"] == bits] for bits, name in SETS.items()}


def _total(rows: list[dict[str, Any]]) -> tuple[int, int, Decimal]:
    row = rows[0] if rows else {}
    return row.get("requests") or 0, int(row.get("tokens") or 0), row.get("usd") or Decimal(0)


def _parts(rows: list[dict[str, Any]], name: str, spend: Decimal) -> list[Part]:
    label = FEATURES.get if name == "feature" else lambda key, _default: key
    found = [
        Part(
            key=str(row[name]),
            label=str(label(row[name], str(row[name]).capitalize())),
            requests=row["requests"],
            tokens=int(row["tokens"] or 0),
            usd=row["usd"],
            share=_share(row["usd"], spend),
        )
        for row in rows
    ]
    return sorted(found, key=lambda part: (-part.usd, -part.tokens, part.key))


FEATURES: Final[Mapping[str, str]] = {
    "assistant": "Assistant",
    "ask": "Ask",
    "write": "Write",
    "search": "Search",
    "ingest": "Reading documents",
    "title": "Naming conversations",
}


def _user_parts(
    rows: list[dict[str, Any]], users: Mapping[UUID, User], spend: Decimal
) -> list[Part]:
    found = []
    for row in rows:
        user = users.get(row["user"])
        label = "The workspace itself" if row["user"] is None else "Former member"
        found.append(
            Part(
                key=user.email if user else "",
                label=str(user) if user else label,
                requests=row["requests"],
                tokens=int(row["tokens"] or 0),
                usd=row["usd"],
                share=_share(row["usd"], spend),
                id=row["user"],
            )
        )
    return sorted(found, key=lambda part: (-part.usd, -part.tokens, part.label))


def _units(rows: list[dict[str, Any]]) -> list[UnitUse]:
    found = [
        UnitUse(
            row["model"],
            row["unit"],
            int(row["quantity"]),
            row["price_usd"],
            row["price_per"],
            row["usd"],
            row["estimated"],
            row["price_usd"] != row["least_price"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda use: (use.model, use.unit))


def _days(rows: list[dict[str, Any]], month: date, today: date) -> list[Part]:
    """Return every day of the month so far, also those without usage."""
    by_day = {row["day"]: row for row in rows}
    found = []
    for offset in range((today - month).days + 1):
        day = month + timedelta(days=offset)
        row = by_day.get(day, {})
        found.append(
            Part(
                key=day.isoformat(),
                label=f"{day:%-d %B}",
                requests=row.get("requests", 0),
                tokens=int(row.get("tokens") or 0),
                usd=row.get("usd", Decimal(0)),
            )
        )
    return found


def _share(usd: Decimal, spend: Decimal) -> float:
    return float((usd * 100 / spend).quantize(TENTH)) if spend > 0 else 0.0


def forecast(days: list[dict[str, Any]], spend: Decimal, now: datetime) -> Decimal:
    """Return the spend expected at the month's end: so far, plus the rest at the recent rate.

    The rate is that of the last seven days, or of the month where it is younger; a month's first
    hours count as a whole day, lest one early question become a forecast of thousands.
    """
    month = now.date().replace(day=1)
    start = datetime.combine(month, time(), UTC)
    end = datetime.combine(next_month(month), time(), UTC)
    since = max(month, now.date() - timedelta(days=6))
    recent = sum((row["usd"] for row in days if row["day"] >= since), Decimal(0))
    passed = max(now - max(start, datetime.combine(since, time(), UTC)), timedelta(days=1))
    rest = Decimal((end - now).total_seconds()) / Decimal(passed.total_seconds())
    return (spend + recent * rest).quantize(Decimal("0.000001"))


def usage_summary(actor: Actor) -> dict[str, Any]:
    """Return `GET usage/`. Who is not an admin sees of the members only themselves."""
    usage = month_usage()
    everyone = role_reaches(actor.role, "admin")
    return {
        "period": f"{usage.month:%Y-%m}",
        "resets_on": usage.next_month.isoformat(),
        "plan": usage.plan.code,
        "plan_name": usage.plan.name,
        "meters": [meter.as_json() for meter in usage.meters],
        "by_feature": [_part_json("feature", part) for part in usage.by_feature],
        "by_user": [
            _part_json("email", part) | {"user_id": part.id, "name": part.label}
            for part in usage.by_user
            if everyone or part.id == actor.user_id
        ],
        "by_model": [_part_json("model", part) for part in usage.by_model],
        "spend_usd": float(usage.spend),
        "forecast_usd": float(usage.forecast),
    }


def _part_json(name: str, part: Part) -> dict[str, Any]:
    return {
        name: part.key,
        "requests": part.requests,
        "tokens": part.tokens,
        "spend_usd": float(part.usd),
    }


def request_cost(request_id: UUID) -> RequestCost:
    """Return what a request has cost so far, over all its calls and attempts."""
    names = ("unit", "quantity", "model", "usd", "price_usd", "price_per", "attempt", "kind",
             "estimated", "feature", "id")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(COST, [current().id, request_id])
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    units: dict[str, int] = {}
    for row in rows:
        units[row["unit"]] = units.get(row["unit"], 0) + row["quantity"]
    return RequestCost(units, sum((row["usd"] or Decimal(0) for row in rows), Decimal(0)), rows)


def rate_card() -> list[PriceTerms]:
    """Return the prices in force today, by the database's clock."""
    return prices_on(database_now().date())


def next_month(month: date) -> date:
    """Return the first day of the month after `month`."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
