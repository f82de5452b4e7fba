"""The usage pages: this month, the plans, the prices."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from billing.alerts.selectors import alerts_unread
from billing.chart import chart_of_days, chart_of_hours, tokens_text
from billing.levers import savings
from billing.limits import own_limits
from billing.money import money
from billing.monthly import hours
from billing.selectors import meter_summary, meters, month_usage, rate_card
from tenants.accounts.models import role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.context import current

SERIES = ("spend", "tokens")
STEPS = ("day", "hour")
QUERY_CHARACTERS = 100


@role_required("viewer")
def usage_page(request: HttpRequest) -> HttpResponse:
    """Show the running month. Members' names and sums are for admins."""
    usage = month_usage()
    by = request.GET.get("by", "spend")
    by = by if by in SERIES else "spend"
    step = request.GET.get("step", "day")
    step = step if step in STEPS else "day"
    points = hours() if step == "hour" else usage.days
    return render(
        request,
        "billing/usage.html",
        {
            "usage": usage,
            "meters": [*usage.meters, *own_limits(actor_of(request).user_id).meters],
            "by": by,
            "step": step,
            "points": points,
            "chart": chart_of_hours(points, by=by)
            if step == "hour"
            else chart_of_days(points, usage.month, by=by),
            "spend": money(usage.spend),
            "forecast": money(usage.forecast),
            "tokens": tokens_text(usage.tokens),
            "sees_members": role_reaches(actor_of(request).role, "admin"),
            "levers": savings(usage.month, current().id).get(current().id),
        },
    )


@role_required("viewer")
def usage_meters(request: HttpRequest) -> HttpResponse:
    """Answer the meters alone: the page asks for them again while it is looked at."""
    found = [*meters(), *own_limits(actor_of(request).user_id).meters]
    return render(request, "billing/usage.html#meters", {"meters": found})


@role_required("viewer")
def usage_meter(request: HttpRequest) -> HttpResponse:
    """Answer the sidebar's meter, and with it how many alerts are unread."""
    meter = meter_summary()
    return render(
        request,
        "billing/_shell.html",
        {
            "label": meter.label,
            "used": meter.used_text,
            "included": meter.included_text,
            "used_percent": meter.used_percent,
            "reserved_percent": meter.reserved_percent,
            "state": meter.state,
            "resets": meter.resets_text,
            "unread": alerts_unread(actor_of(request)),
        },
    )


@role_required("viewer")
def prices_page(request: HttpRequest) -> HttpResponse:
    """Show the price of every unit of every model, as in force today."""
    query = request.GET.get("q", "")[:QUERY_CHARACTERS]
    context = {"prices": rate_card(), "query": query, "query_characters": QUERY_CHARACTERS}
    return render(request, "billing/prices.html", context)
