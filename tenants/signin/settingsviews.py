"""Settings, Sign-in: one's own factors and sessions; for admins, who must have a second factor."""

from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from tenants.accounts.limits import SIGN_IN, attempt_count, attempt_forgive
from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.permissions import View, role_required
from tenants.accounts.selectors import actor_of
from tenants.accounts.services import PROVED, name_choose
from tenants.accounts.settingspages import settings_page
from tenants.errors import Conflict, Invalid
from tenants.seen import seen_turn
from tenants.signin.factors import codes_renew, factor_remove, factors_of, factors_reset
from tenants.signin.models import ProviderLink, RecoveryCode, SignInPolicy
from tenants.signin.policy import FRESH, policy, policy_set
from tenants.signin.sessions import session_end, sessions_end_others, sessions_open
from tenants.signin.sso.oidc import origin_of_provider
from tenants.signin.sso.provider import provider_of, provider_open
from tenants.signin.views import factor_from, set_up_context


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def proved_lately(view: View) -> View:
    """Ask for the password again where it was not shown in the last fifteen minutes."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        at = parse_datetime(request.session.get(PROVED, ""))
        if at is None or (timezone.now() - at).total_seconds() > FRESH:
            return redirect("settings-security-confirm")
        return view(request, *args, **kwargs)

    return cast(View, checked)


@role_required("viewer")
def security_page(request: HttpRequest) -> HttpResponse:
    """Show one's factors and open sessions; admins also the policy and who has a factor."""
    return _page(request, {})


@require_POST
@role_required("viewer")
def name_action(request: HttpRequest) -> HttpResponse:
    """Keep what the user is called in the workspace."""
    name = request.POST.get("name", "")
    try:
        name_choose(user=_user(request), name=name)
    except Invalid as error:
        return _page(request, {"error": error.detail, "name_given": name}, status=422)
    messages.success(request, _("Saved"))
    return redirect("settings-security")


def _page(request: HttpRequest, more: dict[str, Any], status: int = 200) -> HttpResponse:
    user = _user(request)
    codes = RecoveryCode.objects.filter(user=user, used_at=None).count()
    provider = provider_of()
    if provider is not None:
        request.forms_lead_to = origin_of_provider(provider.metadata)  # type: ignore[attr-defined]
    context: dict[str, Any] = {
        "factors": factors_of(user),
        "codes_left": codes,
        "sessions": sessions_open(user),
        "session_key": request.session.session_key,
        "admin": role_reaches(user.role, Role.ADMIN),
        "policy": policy(),
        "policies": SignInPolicy.Second.choices,
        "provider": provider,
        "linked": ProviderLink.objects.filter(user=user).first(),
        **more,
    }
    if context["admin"]:
        with_factor = User.objects.filter(is_active=True, factors__isnull=False).distinct()
        context["people"] = with_factor.exclude(id=user.id)
        context["without"] = User.objects.filter(
            is_active=True, is_service=False, factors=None
        ).count()
    return settings_page(request, "settings/security.html", context, status=status)


@sensitive_post_parameters("password")
@never_cache
@role_required("viewer")
def confirm_password_page(request: HttpRequest) -> HttpResponse:
    """Ask for the password before factors are changed."""
    user, error = _user(request), ""
    if request.method == "POST":
        attempt_count(SIGN_IN, request, user.email)
        if user.check_password(request.POST.get("password", "")):
            attempt_forgive(SIGN_IN, request, user.email)
            request.session[PROVED] = timezone.now().isoformat()
            return redirect("settings-security")
        error = _("That is not your password.")
    return settings_page(
        request,
        "settings/security_confirm.html",
        {"error": error, "provider": provider_open()},
        status=422 if error else 200,
    )


@sensitive_post_parameters()
@never_cache
@role_required("viewer")
@proved_lately
def factor_add_page(request: HttpRequest) -> HttpResponse:
    """Add an authenticator app or a security key."""
    user, error = _user(request), ""
    if request.method == "POST":
        try:
            codes = factor_from(request, user)
        except (Invalid, Conflict) as refused:
            error = refused.detail
        else:
            if codes:
                return _page(request, {"codes": codes})
            messages.success(request, _("The factor is added."))
            return redirect("settings-security")
    context = {"error": error, **set_up_context(request, user)}
    return settings_page(
        request, "settings/security_add.html", context, status=422 if error else 200
    )


@require_POST
@role_required("viewer")
@proved_lately
def factor_remove_action(request: HttpRequest, factor_id: UUID) -> HttpResponse:
    """Remove one of one's own factors."""
    factor_remove(actor=actor_of(request), user=_user(request), factor_id=factor_id)
    messages.success(request, _("The factor is removed."))
    return redirect("settings-security")


@require_POST
@never_cache
@role_required("viewer")
@proved_lately
def codes_action(request: HttpRequest) -> HttpResponse:
    """Make new recovery codes, shown this once."""
    return _page(request, {"codes": codes_renew(actor=actor_of(request), user=_user(request))})


@require_POST
@role_required("viewer")
def session_end_action(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """End one of one's own sessions."""
    session_end(actor=actor_of(request), user=_user(request), session_id=session_id)
    messages.success(request, _("The session has ended."))
    return redirect("settings-security")


@require_POST
@role_required("viewer")
def sessions_end_action(request: HttpRequest) -> HttpResponse:
    """End all of one's sessions but this one."""
    ended = sessions_end_others(
        actor=actor_of(request),
        user=_user(request),
        session_key=request.session.session_key or "",
    )
    messages.success(
        request,
        ngettext("%(count)s other session ended.", "%(count)s other sessions ended.", ended)
        % {"count": ended},
    )
    return redirect("settings-security")


@require_POST
@role_required("admin")
def policy_action(request: HttpRequest) -> HttpResponse:
    """Set who must have a second factor."""
    try:
        with seen_turn(request.POST, "sign-in", lambda: [policy()]):
            policy_set(actor=actor_of(request), second=request.POST.get("second", ""))
    except (Conflict, Invalid) as refused:
        return _page(request, {"error": refused.detail}, status=422)
    messages.success(request, _("The policy is set."))
    return redirect("settings-security")


@require_POST
@role_required("admin")
def factors_reset_action(request: HttpRequest, user_id: UUID) -> HttpResponse:
    """Take a member's factors, who has lost them."""
    user = factors_reset(actor=actor_of(request), user_id=user_id)
    messages.success(request, _("The second factor of %(email)s is reset.") % {"email": user.email})
    return redirect("settings-security")
