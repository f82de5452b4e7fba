"""What becomes of a provider's answer: a session, a fresh proof, a link, a report, a refusal."""

import json
from typing import Any

import structlog
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.selectors import actor_of
from tenants.accounts.settingspages import settings_page
from tenants.errors import Forbidden
from tenants.signin.models import Provider
from tenants.signin.second import First, sign_in_begin
from tenants.signin.sessions import PROVED
from tenants.signin.sso.errors import Claimed, SsoRefused
from tenants.signin.sso.flow import Outcome
from tenants.signin.sso.oidc import origin_of_provider
from tenants.signin.sso.people import person_admit, person_judge, person_link, refusal_told
from tenants.signin.sso.provider import provider_tested

log = structlog.get_logger(__name__)


def concluded(request: HttpRequest, provider: Provider, outcome: Outcome) -> HttpResponse:
    """Do what the browser went out for. What is refused is on record, by its code alone."""
    purpose = outcome.kept["purpose"]
    if purpose == "test":
        return _tested(request, provider, outcome)
    try:
        if outcome.refused is not None:
            raise outcome.refused
        assert outcome.claimed is not None
        if purpose == "link":
            return _linked(request, outcome, outcome.claimed)
        if provider.state == Provider.State.OFF:
            raise SsoRefused("sso_off", _("Single sign-on is switched off in this workspace."))
        if purpose == "again":
            return _proved(request, provider, outcome, outcome.claimed)
        return _signed_in(request, provider, outcome, outcome.claimed)
    except SsoRefused as refused:
        log.warning("sso.refused", code=refused.code)
        refusal_told(refused, provider.kind, purpose)
        return failed_page(request, provider, refused)


def failed_page(
    request: HttpRequest, provider: Provider | None, refused: SsoRefused, *, alone: bool = False
) -> HttpResponse:
    """Say why, what to do, and how the workspace's owner comes in all the same.

    `alone`: whoever is signed in here does not matter.
    """
    again = not alone and request.user.is_authenticated
    context = {"refused": refused, "provider": provider, "again": again}
    return render(request, "auth/sso_failed.html", context, status=refused.status)


def _signed_in(
    request: HttpRequest, provider: Provider, outcome: Outcome, claimed: Claimed
) -> HttpResponse:
    user = person_admit(provider, claimed, outcome.checks)
    first = First(
        how=provider.kind,
        session=claimed.session,
        hours=provider.hours,
        whole=provider.second_there,
    )
    return sign_in_begin(request, user, str(outcome.kept["next"]), first)


def _proved(
    request: HttpRequest, provider: Provider, outcome: Outcome, claimed: Claimed
) -> HttpResponse:
    user = _signed_in_user(request)
    if person_judge(provider, claimed, outcome.checks) != user:
        raise SsoRefused(
            "sso_subject", _("The provider proved somebody else than who is signed in here.")
        )
    request.session[PROVED] = timezone.now().isoformat()
    return redirect(str(outcome.kept["next"]))


def _linked(request: HttpRequest, outcome: Outcome, claimed: Claimed) -> HttpResponse:
    person_link(_signed_in_user(request), claimed, outcome.checks)
    messages.success(request, _("Your account is linked."))
    return redirect("settings-security")


def _signed_in_user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise SsoRefused("sso_state", _("Your session has ended meanwhile; sign in first."))
    return request.user


def _tested(request: HttpRequest, provider: Provider, outcome: Outcome) -> HttpResponse:
    """Show an admin each check, the claims, and who this would be; nobody is signed in."""
    actor = actor_of(request)
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden
    refused, note = outcome.refused, ""
    if outcome.claimed is not None:
        try:
            person_judge(provider, outcome.claimed, outcome.checks)
        except SsoRefused as error:
            if error.code == "sso_owner":  # an owner who tests has not linked themselves yet
                note = error.detail
            else:
                refused = error
    provider_tested(actor=actor, provider=provider, code=refused.code if refused else "")
    request.forms_lead_to = origin_of_provider(provider.metadata)  # type: ignore[attr-defined]
    claims = outcome.claimed.claims if outcome.claimed else {}
    context: dict[str, Any] = {
        "provider": provider,
        "checks": outcome.checks.passed,
        "refused": refused,
        "note": note,
        "claimed": outcome.claimed,
        "claims": [(name, _told(value)) for name, value in sorted(claims.items())],
    }
    return settings_page(request, "settings/sso_result.html", context)


def _told(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else text[:300] + "…"
