"""The running month of the entered tenant, from the ledger's roll-ups of days.

One pass over them, grouped every way at once, whatever the number of the ledger's rows. What is
kept by day (stored bytes, seats) is no use of AI: it stands apart, with its units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.db import connection
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_lazy

from billing.catalog import PlanTerms, plan_terms
from billing.limitmodels import EVERYONE
from billing.meters import TENTH, Meter, database_now, meters_of, next_month
from billing.units import Unit
from tenants.accounts.models import ApiKey, User
from tenants.context import current

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

BREAKDOWN: Final = """
    SELECT grouping(feature, user_id, api_key_id, model, day, unit) AS set,
           feature, nullif(user_id, %(nobody)s), nullif(api_key_id, %(nobody)s), model, day, unit,
           max(nullif(price_usd, -1)), max(nullif(price_per, 0)), sum(quantity), sum(usd),
           sum(quantity) FILTER (WHERE unit LIKE '%%\\_tokens'), sum(requests),
           sum(model_requests), sum(estimated) <> 0, min(nullif(price_usd, -1))
      FROM billing_usageday
     WHERE tenant_id = %(tenant)s AND month = %(month)s AND (unit = ANY(%(kept)s)) = %(keeps)s
     GROUP BY GROUPING SETS ((feature), (user_id), (api_key_id), (model), (day), (model, unit))
"""
# grouping() sets a bit for each column that a row is not grouped by.
SETS: Final = {31: "feature", 47: "user", 55: "key", 59: "model", 61: "day", 58: "unit"}


@dataclass(frozen=True, slots=True)
class Part:
    """One row of a breakdown. `share` is its percentage of the spend."""

    key: str
    label: str
    requests: int
    tokens: int
    usd: Decimal
    share: float = 0.0
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class UnitUse:
    """What was used of one unit of one model, and its price; `price_changed` within the month."""

    model: str
    unit: str
    quantity: int
    price_usd: Decimal | None
    price_per: int | None
    usd: Decimal
    estimated: bool
    price_changed: bool


@dataclass(frozen=True, slots=True)
class MonthUsage:
    """Everything the usage page shows of the running month."""

    month: date
    now: datetime
    plan: PlanTerms
    meters: list[Meter]
    spend: Decimal
    forecast: Decimal
    requests: int
    tokens: int
    by_feature: list[Part]
    by_user: list[Part]
    by_model: list[Part]
    by_key: list[Part]
    by_unit: list[UnitUse]
    kept: list[UnitUse]
    days: list[Part]

    @property
    def units_shown(self) -> list[UnitUse]:
        """Every unit with its price, also of what is kept by day."""
        return [*self.by_unit, *self.kept]

    @property
    def next_month(self) -> date:
        return next_month(self.month)


def month_usage() -> MonthUsage:
    """Return the running month of the entered tenant: six statements, however much was used."""
    plan = plan_terms(current().plan)
    now = database_now()
    month = now.date().replace(day=1)
    sets = _breakdown(month)
    _, _, spend = total = _total(sets["feature"])
    users = {user.pk: user for user in User.objects.all()}
    keys = {key.pk: key for key in ApiKey.objects.all()}
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
        by_key=_key_parts(sets["key"], keys, users, spend),
        by_unit=_units(sets["unit"]),
        kept=_units(_breakdown(month, kept=True)["unit"]),
        days=_days(sets["day"], month, now.date()),
    )


def _breakdown(month: date, *, kept: bool = False) -> dict[str, list[dict[str, Any]]]:
    names = ("set", "feature", "user", "key", "model", "day", "unit", "price_usd", "price_per",
             "quantity", "usd", "tokens", "requests", "model_requests", "estimated",
             "least_price")  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            BREAKDOWN,
            {
                "tenant": current().id,
                "month": month,
                "nobody": EVERYONE,
                "kept": [Unit.STORAGE.value, Unit.SEAT.value],
                "keeps": kept,
            },
        )
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {name: [row for row in rows if row["set"] == bits] for bits, name in SETS.items()}


def _total(rows: list[dict[str, Any]]) -> tuple[int, int, Decimal]:
    return (
        sum(int(row["requests"]) for row in rows),
        sum(int(row["tokens"] or 0) for row in rows),
        sum((row["usd"] for row in rows), Decimal(0)),
    )


def _parts(rows: list[dict[str, Any]], name: str, spend: Decimal) -> list[Part]:
    label = FEATURES.get if name == "feature" else lambda key, _default: key
    found = [
        Part(
            key=str(row[name]),
            label=str(label(row[name], str(row[name]).capitalize())),
            requests=int(row["model_requests" if name == "model" else "requests"]),
            tokens=int(row["tokens"] or 0),
            usd=row["usd"],
            share=_share(row["usd"], spend),
        )
        for row in rows
    ]
    return sorted(found, key=lambda part: (-part.usd, -part.tokens, part.key))


FEATURES: Final[Mapping[str, "StrOrPromise"]] = {
    "assistant": gettext_lazy("Assistant"),
    "ask": gettext_lazy("Ask"),
    "write": gettext_lazy("Write"),
    "search": gettext_lazy("Search"),
    "ingest": gettext_lazy("Reading documents"),
    "title": gettext_lazy("Naming conversations"),
    "standalone_question": gettext_lazy("Reading follow-up questions"),
    "summary": gettext_lazy("Summing up long conversations"),
    "bench": gettext_lazy("Safety bench"),
    "reconciliation": gettext_lazy("Corrections to AWS's bill"),
}


def _user_parts(
    rows: list[dict[str, Any]], users: Mapping[UUID, User], spend: Decimal
) -> list[Part]:
    found = []
    for row in rows:
        user = users.get(row["user"])
        label = gettext("The workspace itself") if row["user"] is None else gettext("Former member")
        found.append(
            Part(
                key=user.email if user else "",
                label=str(user) if user else label,
                requests=int(row["requests"]),
                tokens=int(row["tokens"] or 0),
                usd=row["usd"],
                share=_share(row["usd"], spend),
                id=row["user"],
            )
        )
    return sorted(found, key=lambda part: (-part.usd, -part.tokens, part.label))


def _key_parts(
    rows: list[dict[str, Any]],
    keys: Mapping[UUID, ApiKey],
    users: Mapping[UUID, User],
    spend: Decimal,
) -> list[Part]:
    """Return the parts of programs; what people did in the browser has no key."""
    found = []
    for row in rows:
        if row["key"] is None:
            continue
        key = keys.get(row["key"])
        label = (
            gettext("%(name)s (%(prefix)s…) of %(owner)s")
            % {"name": key.name, "prefix": key.prefix, "owner": users[key.user_id]}
            if key
            else gettext("Deleted key")
        )
        found.append(
            Part(
                key=key.name if key else "",
                label=label,
                requests=int(row["requests"]),
                tokens=int(row["tokens"] or 0),
                usd=row["usd"],
                share=_share(row["usd"], spend),
                id=row["key"],
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
        if row["quantity"]
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
                label=date_format(day, gettext("j F")),
                requests=int(row.get("requests", 0)),
                tokens=int(row.get("tokens") or 0),
                usd=row.get("usd", Decimal(0)),
            )
        )
    return found


HOURS_SHOWN: Final = 48
HOURS: Final = """
    SELECT hour, requests, tokens, usd FROM billing_usagehour
     WHERE tenant_id = %s AND hour > now() - %s * interval '1 hour' ORDER BY hour
"""


def hours(shown: int = HOURS_SHOWN) -> list[Part]:
    """Return the AI usage of the last hours, also those without any: two statements."""
    now = database_now().replace(minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(HOURS, [current().id, shown])
        found: dict[datetime, tuple[int, int, Decimal]] = {}
        for hour, requests, tokens, usd in cursor.fetchall():
            before = found.get(hour, (0, 0, Decimal(0)))  # two months meet in no hour but skewed
            found[hour] = (before[0] + requests, before[1] + tokens, before[2] + usd)
    parts = []
    for back in range(shown - 1, -1, -1):
        hour = now - timedelta(hours=back)
        requests, tokens, usd = found.get(hour, (0, 0, Decimal(0)))
        label = date_format(hour, gettext("j F, H:i"))
        parts.append(Part(hour.isoformat(), label, requests, tokens, usd))
    return parts


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
