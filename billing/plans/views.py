"""The plans side by side, and a change of plan with its effect shown first."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from billing.catalog import plan_terms
from billing.comparison import Row, comparison
from billing.money import money
from billing.plans.changing import (
    plan_change,
    plan_change_cancel,
    plan_effect,
    plan_next,
    plan_now,
    trial_end,
)
from billing.plans.estimates import (
    began_at,
    months_compared,
    plan_estimates,
    plans_compared,
)
from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.context import current
from tenants.seen import ChangedMeanwhile, seen_turn
from tenants.wording import day_month


def members() -> int:
    """Return how many active members the workspace has now."""
    return User.objects.filter(is_active=True, is_service=False).count()


@role_required("viewer")
def plans_page(request: HttpRequest) -> HttpResponse:
    """Compare the plans; owners change it here. Refusals at a quota lead here."""
    plan = plan_terms(current().plan)
    plans = plans_compared()
    role = actor_of(request).role
    later = plan_next()
    return render(
        request,
        "billing/plans.html",
        {
            "plan": plan,
            "plans": plans,
            "rows": comparison(plans),
            "estimates": _estimates(plans) if role_reaches(role, "admin") else [],
            "is_owner": role == Role.OWNER,
            "owners": User.objects.filter(role=Role.OWNER, is_active=True),
            "later": (plan_terms(later[0]), later[1]) if later else None,
            "trial_ends": trial_end(),
        },
    )


def _cost(one: Any) -> str:
    if not one.stopped:
        return money(one.usd)
    return _("%(sum)s; stops %(stopped)s") % {
        "sum": money(one.usd),
        "stopped": ", ".join(one.stopped),
    }


def _estimates(plans: list[Any]) -> list[Row]:
    count, began = members(), began_at().date()
    rows: list[Row] = []
    for month in months_compared():
        label = _("%(month)s would have cost") if rows else _("%(month)s so far would cost")
        if month < began:
            label = (
                _("%(month)s would have cost, from %(day)s on")
                if rows
                else _("%(month)s so far would cost, from %(day)s on")
            )
        found = plan_estimates(month, members=count)
        cells = []
        for plan in plans:
            one = found.get(plan.code)
            cells.append(_cost(one) if one else "–")
        told = {"month": date_format(month, "F"), "day": day_month(began)}
        rows.append(Row(label % told, cells))
    return rows


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("owner")
def plan_page(request: HttpRequest, plan: str) -> HttpResponse:
    """Show what a change to the plan would do; POST does it."""
    known = current().plan, plan_next()
    if request.method == "POST":
        try:
            with seen_turn(request.POST, "plan", lambda: [plan_now(), plan_next()]):
                plan_change(actor=actor_of(request), code=plan, members=members())
        except ChangedMeanwhile:
            messages.warning(
                request, _("The plan was changed meanwhile; this is what a change would do now.")
            )
            return redirect("plan_change", plan)
        return redirect("usage_plans")
    context = {
        "effect": plan_effect(plan, members=members()),
        "plan": plan_terms(current().plan),
        "known": known,
    }
    return render(request, "billing/plan_change.html", context)


@require_POST
@role_required("owner")
def plan_keep_action(request: HttpRequest) -> HttpResponse:
    """Stay on the plan, although another was to begin."""
    plan_change_cancel(actor=actor_of(request))
    return redirect("usage_plans")
