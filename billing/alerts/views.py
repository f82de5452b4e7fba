"""The page of alerts: what was said, and for admins, when and to whom it is said."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing.alertmodels import Alert, AlertSettings
from billing.alerts.selectors import alert_settings, alerts_latest, choices
from billing.alerts.services import alerts_choose, alerts_read
from billing.clock import moment_of
from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.errors import Forbidden, Invalid, TenantryError
from tenants.seen import seen_turn


@role_required("viewer")
def alerts_page(request: HttpRequest) -> HttpResponse:
    """List what was said; admins choose thresholds and recipients."""
    actor, error = actor_of(request), ""
    admin = role_reaches(actor.role, "admin")
    if request.method == "POST":
        if not admin:
            raise Forbidden
        try:
            with seen_turn(request.POST, "alerts", lambda: [_shown(alert_settings())]):
                alerts_choose(
                    actor=actor,
                    thresholds={
                        kind.value: _percents(request.POST.get(kind.value, ""))
                        for kind in Alert.Kind
                    },
                    to_admins="to_admins" in request.POST,
                    members=_members(request.POST.getlist("members")),
                )
        except TenantryError as refused:
            error = refused.detail
        else:
            return redirect("usage_alerts")
    chosen = alert_settings()
    members = request.POST.getlist("members") if error else chosen.members
    found = alerts_latest(actor)
    context: dict[str, Any] = {
        "alerts": found,
        "unread": sum(said.unread for said in found),
        "is_admin": admin,
        "error": error,
        "choices": [
            (choice, request.POST.get(choice.kind, "") if error else choice.text)
            for choice in choices(chosen)
        ],
        "shown": _shown(chosen),
        "to_admins": "to_admins" in request.POST if error else chosen.to_admins,
        "others": [
            (user, str(user.pk) in members)
            for user in User.objects.filter(
                is_active=True, is_service=False, role__in=(Role.VIEWER, Role.MEMBER)
            )
        ]
        if admin
        else [],
    }
    return render(request, "billing/alerts.html", context, status=422 if error else 200)


def _shown(chosen: AlertSettings) -> list[Any]:
    """Return what the form is filled in from."""
    return [chosen.thresholds, chosen.to_admins, chosen.members]


@require_POST
@role_required("viewer")
def alerts_read_action(request: HttpRequest) -> HttpResponse:
    """Mark what the page showed as read; what came since stays unread."""
    until = moment(request.POST.get("until", ""))
    alerts_read(actor=actor_of(request), until=until)
    return redirect("usage_alerts")


def moment(text: str) -> datetime:
    """Return a time with its zone. Raises Invalid."""
    found = moment_of(text)
    if found is None:
        raise Invalid(
            _("Give the time of the latest alert that was read."), errors={"until": ["?"]}
        )
    return found


def _percents(text: str) -> list[int]:
    try:
        return [int(part.strip().removesuffix("%")) for part in text.split(",") if part.strip()]
    except ValueError:
        raise Invalid(
            _("“%(text)s” is no list of percents; write 50, 80, 100.") % {"text": text[:40]}
        ) from None


def _members(given: list[str]) -> list[UUID]:
    try:
        return [UUID(one) for one in given]
    except ValueError:
        raise Invalid(_("There is no such member; reload the page.")) from None
