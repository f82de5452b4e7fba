"""Pages of the limits that a workspace sets itself, of single requests, and the CSV of usage."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.allowanceform import amount, rows_save, rows_shown
from billing.clock import moment_of
from billing.exports import usage_csv
from billing.limits import own_limits
from billing.requests import SHOWN, request_entries, requests_latest
from billing.selectors import month_usage
from billing.services import budget_set, cap_set
from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.context import Actor
from tenants.errors import Forbidden, Invalid, TenantryError
from tenants.seen import seen_turn


@role_required("viewer")
def limits_page(request: HttpRequest) -> HttpResponse:
    """Show cap, budget and allowances; the owner sets the sums, admins the allowances."""
    actor, error = actor_of(request), ""
    if request.method == "POST":
        try:
            _set(actor, request.POST)
        except Forbidden:
            raise
        except TenantryError as refused:
            error = refused.detail
        else:
            return redirect("usage_limits")
    own = own_limits(actor.user_id)
    admin = role_reaches(actor.role, "admin")
    refused_rows = request.POST if error and request.POST.get("part") == "allowance" else None
    context: dict[str, Any] = {
        "own": own,
        "is_admin": admin,
        "is_owner": actor.role == Role.OWNER,
        "rows": rows_shown(own.month, refused_rows) if admin else [],
        "owners": User.objects.filter(role=Role.OWNER, is_active=True),
        "error": error,
        "typed": request.POST if error else {},
    }
    return render(request, "billing/limits.html", context, status=422 if error else 200)


def _set(actor: Actor, form: QueryDict) -> None:
    part = form.get("part", "")
    needed = {"cap": "owner", "budget": "owner", "allowance": "admin"}.get(part)
    if needed is None and role_reaches(actor.role, "admin"):
        raise Invalid(_("Say which limit: cap, budget or allowance."))
    if needed is None or not role_reaches(actor.role, needed):
        raise Forbidden
    if part == "allowance":
        rows_save(actor, form)
        return
    usd = None if form.get("remove") else amount(form.get("usd"))
    if usd is None and not form.get("remove"):
        raise Invalid(_("Give a sum in dollars."))

    def held() -> list[Any]:
        own = own_limits(actor.user_id)
        return [own.cap_usd if part == "cap" else own.budget_usd]

    with seen_turn(form, part, held):
        (cap_set if part == "cap" else budget_set)(actor=actor, usd=usd)


@role_required("viewer")
def requests_page(request: HttpRequest) -> HttpResponse:
    """List the latest requests, each with what it cost."""
    before = moment_of(request.GET.get("before", ""))
    found = requests_latest(actor_of(request), before)
    older = found[-1].at.isoformat() if len(found) == SHOWN else ""
    context = {"requests": found, "older": older, "before": before}
    return render(request, "billing/requests.html", context)


@role_required("viewer")
def request_page(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Show one request down to its ledger rows, and each row's price row."""
    entries = request_entries(actor_of(request), request_id)
    total = sum((entry.row.usd or Decimal(0) for entry in entries), Decimal(0))
    context = {"request_id": request_id, "entries": entries, "total": total}
    return render(request, "billing/request.html", context)


@role_required("viewer")
def usage_export(request: HttpRequest) -> HttpResponse:
    """Answer one table of the usage page as CSV."""
    table = request.GET.get("table", "")
    members = role_reaches(actor_of(request).role, "admin")
    with override("en"):  # programs read it: the same in every language
        usage = month_usage()
        text = usage_csv(usage, table, sees_members=members)
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f"usage-{usage.month:%Y-%m}-{table}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
