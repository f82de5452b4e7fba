"""Settings, API keys: one's own, and, for admins, those of the workspace's service accounts."""

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from tenants.accounts.keys import KeyTerms, api_key_create, api_key_revoke, key_found
from tenants.accounts.models import ApiKey, Role, User, role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.programs import program_create, program_delete, program_of, programs
from tenants.accounts.scopes import SCOPES
from tenants.accounts.selectors import actor_of, keys_of
from tenants.accounts.settingspages import settings_page
from tenants.errors import Conflict, Forbidden, Invalid
from tenants.numbers import typed

LASTING: Final = {
    "30": gettext_lazy("30 days"),
    "90": gettext_lazy("90 days"),
    "365": gettext_lazy("A year"),
    "": gettext_lazy("It does not expire"),
}
# What a new key is tried with, by the scope that it needs.
FIRST_CALLS: Final = {
    "documents:read": "documents",
    "chat": "conversations",
    "usage:read": "usage",
    "workspace:read": "members",
    "write": "write/texts",
}


@role_required("viewer")
def keys_page(request: HttpRequest) -> HttpResponse:
    """List the user's own keys; make one, whose secret is shown this once."""
    context: dict[str, Any] = {"error": "", "typed": {}}
    if request.method == "POST":
        try:
            made, secret = context["made"], context["secret"] = _made(request)
            context["first_call"] = _first_call(request, made, secret)
        except (Invalid, Conflict) as refused:
            context |= {"error": refused.detail, "typed": request.POST}
            context["chosen"] = request.POST.getlist("scopes")
    return _page(request, context)


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    actor = actor_of(request)
    context |= {"keys": keys_of(actor), "scopes": SCOPES, "lasting": LASTING}
    if role_reaches(actor.role, Role.ADMIN):
        found = programs(actor)
        keys: dict[UUID, list[ApiKey]] = {}
        for key in ApiKey.objects.filter(user__in=found, revoked_at=None):
            keys.setdefault(key.user_id, []).append(key)
        context["programs"] = [(program, keys.get(program.id, [])) for program in found]
        context["program_roles"] = [role for role in Role.choices if role[0] != Role.OWNER]
        context["admin"] = True
    status = 422 if context.get("error") else 200
    return settings_page(request, "settings/keys.html", context, status=status)


def _first_call(request: HttpRequest, key: ApiKey, secret: str) -> str:
    """Return a command that shows the key at work; empty where it may read none of these."""
    for scope, path in FIRST_CALLS.items():
        if key.scopes is None or scope in key.scopes:
            address = request.build_absolute_uri(f"/api/v1/{path}/")
            return f'curl {address} \\\n  -H "Authorization: Bearer {secret}"'
    return ""


def _made(request: HttpRequest) -> tuple[ApiKey, str]:
    """Make the key that the form describes. Raises Invalid, Conflict, NotFound, Forbidden."""
    actor = actor_of(request)
    assert isinstance(request.user, User)
    user, program = request.user, request.POST.get("program", "")
    if program:
        try:
            user = program_of(actor, UUID(program))
        except ValueError:
            raise Invalid(_("Choose one of the service accounts.")) from None
    days = request.POST.get("days", "")
    if days not in LASTING:
        raise Invalid(_("Choose one of the times after which the key expires."))
    return api_key_create(
        actor=actor,
        user=user,
        name=request.POST.get("name", ""),
        terms=KeyTerms(
            scopes=_scopes(request),
            expires_at=timezone.now() + timedelta(days=int(days)) if days else None,
            allowance_usd=_dollars(request.POST.get("allowance_usd", "")),
        ),
    )


def _scopes(request: HttpRequest) -> list[str] | None:
    """Return what was ticked; None for everything, which is ticked too."""
    if request.POST.get("everything"):
        return None
    if not (ticked := request.POST.getlist("scopes")):
        raise Invalid(_("Tick what the key may be used for, or everything that the role allows."))
    return ticked


def _dollars(text: str) -> Decimal | None:
    try:
        amount = typed(text) if text.strip() else None
        whole_cents = amount is None or amount == round(amount, 2)
    except InvalidOperation:  # no number, or one of more digits than are reckoned with
        whole_cents = False
    if not whole_cents:
        raise Invalid(_("An allowance is an amount of dollars like 25 or 12.50."))
    return amount


@require_POST
@role_required("viewer")
def key_revoke_action(request: HttpRequest, key_id: Any) -> HttpResponse:
    """Revoke a key of one's own, or of a service account."""
    actor = actor_of(request)
    api_key_revoke(actor=actor, key=key_found(actor, key_id))
    return redirect("settings-keys")


@require_POST
@role_required("admin")
def program_create_action(request: HttpRequest) -> HttpResponse:
    """Make a service account."""
    try:
        made = program_create(
            actor=actor_of(request),
            name=request.POST.get("name", ""),
            role=request.POST.get("role", ""),
        )
    except (Invalid, Conflict, Forbidden) as refused:
        return _page(request, {"error": refused.detail, "typed": {}})
    messages.success(request, _("%(name)s is made; make a key for it.") % {"name": made.name})
    return redirect("settings-keys")


@require_POST
@role_required("admin")
def program_delete_action(request: HttpRequest, program_id: UUID) -> HttpResponse:
    """Delete a service account with its keys."""
    program_delete(actor=actor_of(request), user_id=program_id)
    messages.success(request, _("The service account is deleted; its keys are refused."))
    return redirect("settings-keys")
