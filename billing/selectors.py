"""What the usage pages, the API, the sidebar and other apps read of billing."""

from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.catalog import PlanTerms, PriceTerms, plan_terms, plans_offered, prices_on
from billing.errors import PlanMissing
from billing.meters import Meter, database_now, meter_summary, meters
from billing.money import all_digits, whole_dollars
from billing.monthly import MonthUsage, Part, month_usage
from billing.refusals import quantity
from billing.settlement import settlement_write
from billing.units import Metric
from tenants.accounts.models import role_reaches
from tenants.context import Actor, current
from tenants.numbers import written
from tenants.wording import grouped

__all__ = [
    "Meter", "MonthUsage", "Part", "RequestCost", "meter_summary", "meters", "month_usage",
    "plan_features", "plan_name", "plans_on_offer", "rate_card", "request_cost", "usage_summary",
]  # fmt: skip

COST: Final = """
    SELECT unit, quantity, model, usd, price_usd, price_per, attempt, kind, estimated, feature, id
      FROM billing_ledgerentry WHERE tenant_id = %s AND request_id = %s
     ORDER BY attempt, unit
"""

USED: Final = "billing_used(%s, %s)"
"""What a request of a tenant has used, for a statement of others': units by name, `cost_usd`."""


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


# Of the plans in billing/data, which say them in English; what staff write is told as it stands.
DESCRIPTIONS: Final = (
    gettext_noop("Everything the product does, for a small team that tries it out."),
    gettext_noop("A price for each member, with usage for everyone included."),
    gettext_noop("For teams that work with their documents every day."),
    gettext_noop("Usage that may go beyond what is included, at a price for each million."),
    gettext_noop(
        "For whole organisations, with usage passed through at cost plus a markup. "
        "Search reranks its best passages."
    ),
)


def _described(text: str) -> str:
    return _(text) if text in DESCRIPTIONS else text


def plans_on_offer() -> list[dict[str, Any]]:
    """Return the plans for the landing page: name, price, what they are for, what they include."""
    return [
        {
            "name": plan.name,
            "price": _("Free") if not plan.monthly_price else whole_dollars(plan.monthly_price),
            "period": "" if not plan.monthly_price else _("a month"),
            "summary": _described(plan.description),
            "features": plan_features(plan),
        }
        for plan in plans_offered()
    ]


def plan_features(plan: PlanTerms) -> list[str]:
    """Return what a plan includes, in a few lines."""
    lines = []
    for metric, line in (
        (Metric.MODEL_TOKENS, _("%(amount)s model tokens a month")),
        (Metric.EMBEDDING_TOKENS, _("%(amount)s embedding tokens a month")),
    ):
        included = plan.included[metric]
        amount = _("Unlimited") if included is None else _short(included)
        lines.append(line % {"amount": amount})
    storage = plan.included[Metric.STORAGE]
    amount = _("Unlimited") if storage is None else quantity(Metric.STORAGE, storage)
    lines.append(_("%(amount)s of documents") % {"amount": amount})
    lines.append(
        _("%(requests)s requests a minute, %(streams)s answers at once")
        % {"requests": grouped(plan.rates.requests), "streams": plan.rates.streams}
    )
    spend = plan.included[Metric.SPEND]
    lines.append(
        _("AI usage at cost plus %(markup)s%%")
        % {"markup": written(f"{plan.markup_percent.normalize():f}")}
        if plan.pricing_model == "metered"
        else _("AI usage without a cap")
        if spend is None
        else _("Up to %(spend)s of AI usage included") % {"spend": quantity(Metric.SPEND, spend)}
    )
    if plan.seat_price:
        price = all_digits(plan.seat_price)
        lines.append(_("%(price)s a month for each member above those included") % {"price": price})
    return lines


def _short(value: Decimal) -> str:
    for size, word in ((10**9, _("billion")), (10**6, _("million"))):
        if value >= size:
            return f"{written(f'{(value / size).normalize():f}')} {word}"
    return written(f"{value:,.0f}")


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
    settlement_write()
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
