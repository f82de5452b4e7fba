"""Settings, Sign-in, single sign-on: the provider, the domains, the test, the switch."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from tenants.accounts.limits import SSO, attempt_count
from tenants.accounts.models import Role, User
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.accounts.settingspages import settings_page
from tenants.errors import Conflict, Invalid
from tenants.outbound import Unreachable
from tenants.seen import seen_check, seen_turn
from tenants.signin.models import EmailDomain, Provider, ProviderLink
from tenants.signin.settingsviews import proved_lately
from tenants.signin.sso.concluding import failed_page
from tenants.signin.sso.domains import domain_add, domain_remove, domain_verify, record_of
from tenants.signin.sso.errors import SsoRefused
from tenants.signin.sso.flow import address, flow_begin
from tenants.signin.sso.oidc import origin_of_provider
from tenants.signin.sso.people import person_unlink
from tenants.signin.sso.provider import (
    Wanted,
    metadata_refresh,
    provider_of,
    provider_remove,
    provider_require,
    provider_set,
    state_set,
)

SHOWN: Final = 100  # linked members
REFUSALS: Final = (Conflict, Invalid, SsoRefused, Unreachable)
SAMPLES: Final = {
    "name": "Okta", "issuer": "https://login.example.com", "domain": "example.com",
    "email_claim": "email", "name_claim": "name", "email_attribute": "mail",
    "name_attribute": "displayName", "metadata": "https://login.example.com/metadata",
}  # fmt: skip
TEXTS: Final = (
    "kind", "name", "issuer", "client_id", "metadata_url", "metadata_xml", "email_claim",
    "name_claim", "role", "hours",
)  # fmt: skip
FILLED: Final = (
    "kind", "name", "issuer", "client_id", "secret", "metadata_url", "email_claim", "name_claim",
    "joins", "role", "second_there", "hours",
)  # fmt: skip


@sensitive_post_parameters("secret")
@never_cache
@role_required("admin")
def sso_settings_page(request: HttpRequest) -> HttpResponse:
    """Show the provider, what to paste into it, and the domains; set it up."""
    if request.method != "POST":
        return _page(request, {})
    attempt_count(SSO, request, "")  # what the provider says of itself is fetched
    try:
        seen_check(request.POST, provider_shown(provider_of()))  # before anybody is asked
        provider_set(
            actor=actor_of(request),
            wanted=_wanted(request),
            held=lambda: seen_turn(
                request.POST, "provider", lambda: [provider_shown(provider_of())]
            ),
        )
    except REFUSALS as refused:
        typed: dict[str, Any] = {name: request.POST.get(name, "") for name in TEXTS}
        typed |= {name: name in request.POST for name in ("joins", "second_there")}
        return _page(request, {"refused": refused, "typed": typed}, status=422)
    messages.success(request, _("The provider is saved."))
    return redirect("settings-sso")


def _wanted(request: HttpRequest) -> Wanted:
    given = {name: request.POST.get(name, "").strip() for name in TEXTS}
    try:
        hours = int(given.pop("hours") or "12")
    except ValueError:
        raise Invalid(_("Give the hours as a whole number.")) from None
    return Wanted(
        **given,
        hours=hours,
        secret=request.POST.get("secret", ""),
        joins="joins" in request.POST,
        second_there="second_there" in request.POST,
    )


def _page(request: HttpRequest, more: dict[str, Any], status: int = 200) -> HttpResponse:
    provider = provider_of()
    kind = request.POST.get("kind") or request.GET.get("kind", "")
    if provider is not None and "kind" not in request.GET:
        kind = kind or provider.kind
    if provider:
        request.forms_lead_to = origin_of_provider(provider.metadata)  # type: ignore[attr-defined]
    domains = [{"domain": each, "record": record_of(each)} for each in EmailDomain.objects.all()]
    context: dict[str, Any] = {
        "provider": provider,
        "kind": kind if kind in Provider.Kind.values else Provider.Kind.OIDC.value,
        "kinds": Provider.Kind.choices,
        "roles": Provider.Role.choices,
        "states": Provider.State.choices,
        "redirect_uri": address("sign-in-sso-oidc"),
        "logout_uri": address("sign-in-sso-oidc-logout"),
        "acs": address("sign-in-sso-saml"),
        "entity": address("sign-in-sso-saml-metadata"),
        "saml_logout": address("sign-in-sso-saml-logout"),
        "domains": domains,
        "owners": User.objects.filter(role=Role.OWNER, is_active=True),
        "links": ProviderLink.objects.select_related("user").order_by("user__email")[:SHOWN],
        "typed": None,
        "shown": provider_shown(provider),
        "shown_state": state_shown(provider),
        "samples": SAMPLES,
        **more,
    }
    return settings_page(request, "settings/sso.html", context, status=status)


def provider_shown(provider: Provider | None) -> list[Any]:
    """Return what the form of the provider is filled in from."""
    if provider is None:
        return []
    return [getattr(provider, name) for name in FILLED]


def state_shown(provider: Provider | None) -> list[Any]:
    """Return what the form of who signs in with it is filled in from."""
    return [] if provider is None else [provider.state, provider.break_glass_id]


def _done(request: HttpRequest, said: str) -> HttpResponse:
    messages.success(request, said)
    return redirect("settings-sso")


def _refused(request: HttpRequest, refused: Any) -> HttpResponse:
    return _page(request, {"refused": refused}, status=422)


@require_POST
@role_required("admin")
def sso_state_action(request: HttpRequest) -> HttpResponse:
    """Switch single sign-on off or on, or require it."""
    try:
        chosen = UUID(request.POST.get("break_glass", ""))
    except ValueError:
        chosen = None
    try:
        state = request.POST.get("state", "")
        with seen_turn(request.POST, "provider", lambda: [state_shown(provider_of())]):
            state_set(actor=actor_of(request), state=state, break_glass=chosen)
    except REFUSALS as refused:
        return _refused(request, refused)
    return _done(request, _("Single sign-on is set."))


@require_POST
@role_required("admin")
def sso_test_action(request: HttpRequest) -> HttpResponse:
    """Go to the provider and back, to see each check; nobody is signed in by it."""
    provider = provider_require()
    attempt_count(SSO, request, "")
    try:
        return redirect(flow_begin(request, provider, purpose="test"))
    except SsoRefused as refused:
        return _refused(request, refused)


@require_POST
@role_required("admin")
def sso_refresh_action(request: HttpRequest) -> HttpResponse:
    """Read the provider's keys or certificates anew."""
    provider_require()
    attempt_count(SSO, request, "")
    try:
        metadata_refresh(actor=actor_of(request))
    except REFUSALS as refused:
        return _refused(request, refused)
    return _done(request, _("What the provider says of itself is read anew."))


@require_POST
@role_required("admin")
def sso_remove_action(request: HttpRequest) -> HttpResponse:
    """Forget the provider."""
    provider_remove(actor=actor_of(request))
    return _done(request, _("The provider is removed."))


@require_POST
@role_required("viewer")
@proved_lately
def sso_link_action(request: HttpRequest) -> HttpResponse:
    """Go to the provider to link one's own account."""
    provider = provider_require()
    attempt_count(SSO, request, "")
    try:
        return redirect(flow_begin(request, provider, purpose="link"))
    except SsoRefused as refused:
        return failed_page(request, provider, refused)


@require_POST
@role_required("admin")
def sso_unlink_action(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Forget whom the provider calls a member."""
    user = person_unlink(actor=actor_of(request), user_id=user_id)
    return _done(request, _("%(email)s is unlinked.") % {"email": user.email})


@require_POST
@role_required("admin")
def domain_add_action(request: HttpRequest) -> HttpResponse:
    """Note a domain that is to be proved."""
    try:
        domain = domain_add(actor=actor_of(request), name=request.POST.get("domain", ""))
    except REFUSALS as refused:
        more = {"refused": refused, "typed_domain": request.POST.get("domain", "")}
        return _page(request, more, status=422)
    return _done(
        request, _("Add the TXT record for %(name)s, then press “Verify”.") % {"name": domain.name}
    )


@require_POST
@role_required("admin")
def domain_verify_action(request: HttpRequest, domain_id: UUID) -> HttpResponse:
    """Look for a domain's record."""
    attempt_count(SSO, request, "")
    try:
        domain = domain_verify(actor=actor_of(request), domain_id=domain_id)
    except REFUSALS as refused:
        return _refused(request, refused)
    return _done(request, _("%(name)s is verified.") % {"name": domain.name})


@require_POST
@role_required("admin")
def domain_remove_action(request: HttpRequest, domain_id: UUID) -> HttpResponse:
    """Forget a domain."""
    try:
        domain_remove(actor=actor_of(request), domain_id=domain_id)
    except Conflict as refused:
        return _refused(request, refused)
    return _done(request, _("The domain is removed."))
