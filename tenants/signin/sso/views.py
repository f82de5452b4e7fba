"""Signing in by the workspace's provider: out, back, and what the provider itself sends."""

from typing import Any

import structlog
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tenants.accounts.audit import audit_write
from tenants.accounts.limits import LOGOUT, SSO, attempt_count
from tenants.accounts.models import User
from tenants.accounts.targets import next_of
from tenants.context import SYSTEM
from tenants.errors import Forbidden
from tenants.signin.models import Provider
from tenants.signin.sessions import sessions_end_there
from tenants.signin.sso.concluding import concluded, failed_page
from tenants.signin.sso.errors import SsoRefused
from tenants.signin.sso.flow import (
    address,
    answer_read,
    answer_waiting,
    flow_begin,
    flow_take,
)
from tenants.signin.sso.loggingout import LONGEST, logout_read
from tenants.signin.sso.provider import provider_of, provider_open
from tenants.signin.sso.samlflow import response_take
from tenants.signin.sso.samllogout import answer_url, logout_do, logout_take
from tenants.signin.sso.samlxml import service_metadata

log = structlog.get_logger(__name__)


@require_GET
@never_cache
def sso_page(request: HttpRequest) -> HttpResponse:
    """Lead to the provider; `again` asks one who is signed in for a fresh proof."""
    provider, target = provider_open(), next_of(request)
    if provider is None:
        return redirect("sign-in")
    signed_in = isinstance(request.user, User)
    again = signed_in and "again" in request.GET
    if signed_in and not again:
        return redirect(target)
    attempt_count(SSO, request, "")
    try:
        return redirect(
            flow_begin(
                request,
                provider,
                purpose="again" if again else "sign_in",
                target=target,
                again=again,
                hint=request.GET.get("email", "")[:254],
            )
        )
    except SsoRefused as refused:
        return failed_page(request, provider, refused)


@require_GET
@never_cache
def oidc_page(request: HttpRequest) -> HttpResponse:
    """Take what the browser brings back from an OpenID Connect provider."""
    provider = provider_of()
    if provider is None or provider.kind != Provider.Kind.OIDC:
        return redirect("sign-in")
    attempt_count(SSO, request, "")
    try:
        kept = flow_take(request, request.GET.get("state", ""))
    except SsoRefused as refused:
        log.warning("sso.refused", code=refused.code)
        return failed_page(request, provider, refused)
    return concluded(request, provider, answer_read(provider, kept, request.GET.dict()))


@csrf_exempt
@require_POST
@sensitive_post_parameters()
@never_cache
def saml_page(request: HttpRequest) -> HttpResponse:
    """Take a SAML response, which the provider's page posts: without the session's cookie.

    What it says waits under a ticket for the browser that had asked, which comes by the redirect.
    """
    provider = provider_of()
    attempt_count(SSO, request, "")
    try:
        if provider is None or provider.kind != Provider.Kind.SAML:
            raise SsoRefused("sso_off", _("This workspace has no such provider."))
        ticket = response_take(
            provider,
            request.POST.get("SAMLResponse", ""),
            service=address("sign-in-sso-saml-metadata"),
            acs=address("sign-in-sso-saml"),
        )
    except SsoRefused as refused:
        log.warning("sso.refused", code=refused.code)
        return failed_page(request, provider, refused, alone=True)
    response = redirect(f"{reverse('sign-in-sso-saml-finish')}?ticket={ticket}")
    response.status_code = 303
    return response


@require_GET
@never_cache
def saml_finish_page(request: HttpRequest) -> HttpResponse:
    """Go on with what a SAML response said, in the browser that had asked."""
    provider = provider_of()
    if provider is None or provider.kind != Provider.Kind.SAML:
        return redirect("sign-in")
    attempt_count(SSO, request, "")
    try:
        outcome = answer_waiting(request, request.GET.get("ticket", ""))
    except SsoRefused as refused:
        log.warning("sso.refused", code=refused.code)
        return failed_page(request, provider, refused)
    return concluded(request, provider, outcome)


@require_GET
def saml_metadata_page(request: HttpRequest) -> HttpResponse:
    """Describe this workspace to a SAML provider; the same for everybody who asks."""
    told = service_metadata(
        entity=address("sign-in-sso-saml-metadata"),
        acs=address("sign-in-sso-saml"),
        logout=address("sign-in-sso-saml-logout"),
    )
    return HttpResponse(told, content_type="application/samlmetadata+xml")


@csrf_exempt
@require_http_methods(["GET", "POST"])
@sensitive_post_parameters()
@never_cache
def saml_logout_page(request: HttpRequest) -> HttpResponse:
    """End the sessions that a SAML provider's signed request names, and go back there.

    The signature is the proof: whose browser brings it does not matter.
    """
    provider = provider_of()
    attempt_count(LOGOUT, request, "")
    by_form = request.method == "POST"
    relay = (request.POST if by_form else request.GET).get("RelayState", "")
    try:
        if provider is None or provider.kind != Provider.Kind.SAML:
            raise SsoRefused("sso_off", _("This workspace has no such provider."))
        asked = logout_take(
            provider,
            posted=request.POST.get("SAMLRequest", "") if by_form else None,
            query=request.META.get("QUERY_STRING", ""),
            here=address("sign-in-sso-saml-logout"),
        )
    except SsoRefused as refused:
        log.warning("sso.logout_refused", code=refused.code)
        status = 503 if refused.status == 503 else 400
        told = f"{refused.code}: {refused.detail}"
        return HttpResponse(told, status=status, content_type="text/plain; charset=utf-8")
    user_id, ended = logout_do(provider, asked)
    audit_write(
        SYSTEM, action="sso.logout", object_type="user", object_id=user_id or "", ended=ended
    )
    service = address("sign-in-sso-saml-metadata")
    back = answer_url(provider, asked, service=service, relay=relay)
    return redirect(back or "sign-in")


@csrf_exempt
@require_POST
@sensitive_post_parameters()
@never_cache
def oidc_logout(request: HttpRequest) -> HttpResponse:
    """End the sessions that the provider says have ended: OpenID Connect Back-Channel Logout.

    Called by the provider's server, which has no cookie: its signed token is the proof.
    https://openid.net/specs/openid-connect-backchannel-1_0.html
    """
    provider = provider_of()
    attempt_count(LOGOUT, request, "")
    try:
        if provider is None or provider.kind != Provider.Kind.OIDC:
            raise SsoRefused("sso_off", _("This workspace has no such provider."))
        told = logout_read(provider, request.POST.get("logout_token", ""))
        if not cache.add(f"sso:logout:{told.id}", "taken", LONGEST):
            raise SsoRefused("sso_replayed", _("This token was used already."))
    except (SsoRefused, Forbidden) as refused:
        log.warning("sso.logout_refused", code=refused.code)
        body: dict[str, Any] = {"error": "invalid_request", "error_description": refused.detail}
        return JsonResponse(body, status=503 if refused.status == 503 else 400)
    ended = sessions_end_there(user_id=told.user_id, session=told.session) if told.known else 0
    audit_write(
        SYSTEM, action="sso.logout", object_type="user", object_id=told.user_id or "", ended=ended
    )
    return HttpResponse(status=200)
