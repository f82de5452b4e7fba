"""Sign in, sign out, reset a password and manage keys."""

from typing import Any
from urllib.parse import urlencode

import structlog
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import PasswordResetForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from tenants.accounts.forms import SignInForm
from tenants.accounts.handover import confirm_take, handover_take
from tenants.accounts.limits import (
    AGAIN,
    CONFIRM,
    RESET,
    SIGN_IN,
    attempt_count,
    attempt_forgive,
)
from tenants.accounts.models import User
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.accounts.services import (
    email_confirm,
    language_choose,
    password_changed,
    sign_out,
)
from tenants.accounts.settingspages import settings_page
from tenants.accounts.targets import next_of
from tenants.accounts.tasks import confirm_mail, password_mail
from tenants.context import current
from tenants.errors import Invalid, TenantryError
from tenants.lifecycle.renaming import NAME_CHARACTERS, workspace_rename
from tenants.lifecycle.setup import setup_again, setup_of
from tenants.middleware import host_of
from tenants.seen import ChangedMeanwhile, seen_check
from tenants.signin.models import Provider
from tenants.signin.policy import password_lets_in
from tenants.signin.second import sign_in_begin
from tenants.signin.sso.domains import domain_proved
from tenants.signin.sso.oidc import origin_of_provider
from tenants.signin.sso.provider import provider_open

log = structlog.get_logger(__name__)


@sensitive_post_parameters("password")
@never_cache
def sign_in_page(request: HttpRequest) -> HttpResponse:
    """Show the form; sign in and go where the user was headed. Who is in already is led on there.

    With an identity provider, an address of a verified domain leads there; whether somebody here
    has it is neither asked nor told.
    """
    if request.method != "POST" and isinstance(request.user, User):
        return redirect(next_of(request))
    form = SignInForm(request.POST or None)
    provider = provider_open()
    form.fields["password"].required = provider is None
    status = 200
    if request.method == "POST" and form.is_valid():
        email, password = form.cleaned_data["email"].lower(), form.cleaned_data["password"]
        attempt_count(SIGN_IN, request, email)
        if provider and not password and domain_proved(email) is not None:
            asked = urlencode({"next": next_of(request), "email": email})
            return redirect(f"{reverse('sign-in-sso')}?{asked}")
        user = authenticate(request, username=email, password=password) if password else None
        if isinstance(user, User) and password_lets_in(user):
            attempt_forgive(SIGN_IN, request, email)
            return sign_in_begin(request, user, next_of(request))
        log.warning("sign_in.refused", client=request.META.get("REMOTE_ADDR", ""))
        form.add_error(None, _refusal(provider, password))
    if request.method == "POST":
        status = 422
    context = {
        "form": form,
        "next": next_of(request),
        "provider": provider,
        "by_password": not provider or provider.state != "required" or "password" in request.GET,
    }
    if provider:
        request.forms_lead_to = origin_of_provider(provider.metadata)  # type: ignore[attr-defined]
    return render(request, "auth/sign_in.html", context, status=status)


def _refusal(provider: Provider | None, password: str) -> str:
    """Return what is said of every password that lets nobody in, a right one too."""
    if provider and not password:
        return _("Type your password: addresses of this domain do not sign in with %(name)s.") % {
            "name": provider.name
        }
    if provider and provider.state == Provider.State.REQUIRED:
        return _(
            "That did not sign you in. This workspace requires %(name)s; only its break-glass"
            " owner may use a password."
        ) % {"name": provider.name}
    return _("That email address and password do not match a user here.")


@require_POST
@role_required("viewer")
def language_action(request: HttpRequest) -> HttpResponse:
    """Keep the language that the user chooses, and go on where they were."""
    assert isinstance(request.user, User)
    language_choose(user=request.user, language=request.POST.get("language", ""))
    return redirect(next_of(request))


@require_POST
def sign_out_action(request: HttpRequest) -> HttpResponse:
    sign_out(request)
    return redirect("sign-in")


def password_reset_page(request: HttpRequest) -> HttpResponse:
    """Send a link to the address if a user here has it; the answer is the same either way."""
    form = PasswordResetForm(request.POST or None)
    form.fields["email"].widget.attrs["autofocus"] = True
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"].lower()
        attempt_count(RESET, request, email)
        password_mail.dispatch(email, host_of(request.get_host()))
        return redirect("password-reset-sent")
    status = 422 if request.method == "POST" else 200
    return render(request, "auth/password_reset_request.html", {"form": form}, status=status)


class PasswordResetSentView(auth_views.PasswordResetDoneView):
    template_name = "auth/password_reset_sent.html"


class PasswordResetConfirmView(auth_views.PasswordResetConfirmView):
    """Set the new password; the token is signed over the user's row, so it fits no other tenant."""

    template_name = "auth/password_reset_confirm.html"
    success_url = reverse_lazy("password-reset-done")

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        password_changed(form.user)
        return answer


def welcome_action(request: HttpRequest, token: str) -> HttpResponse:
    """Let the owner of a workspace just made in; anybody else signs in as usual.

    A session that is open already stays: a link must not put another user in its place.
    """
    if not isinstance(request.user, User):
        user = handover_take(token)
        if user is None:
            return redirect("sign-in")
        return sign_in_begin(request, user, "/")
    return redirect("home")


@never_cache
def confirm_page(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm an address; by a button, since programs that check mail follow links too."""
    user = confirm_take(token)
    if user is not None and request.method == "POST":
        email_confirm(user=user)
    context = {"reader": user, "confirmed": user and user.email_confirmed_at}
    return render(request, "auth/confirm.html", context, status=200 if user else 410)


class PasswordResetDoneView(auth_views.PasswordResetCompleteView):
    template_name = "auth/password_reset_done.html"


@role_required("viewer")
def workspace_page(request: HttpRequest) -> HttpResponse:
    """Show the workspace's plan, posture, Region and retrieval target."""
    return _workspace(request)


def _workspace(
    request: HttpRequest, refused: TenantryError | None = None, status: int = 200
) -> HttpResponse:
    assert isinstance(request.user, User)
    context = {
        "setup": setup_of(),
        "unconfirmed": request.user.email_confirmed_at is None,
        "error": refused,
        "typed": request.POST if refused else {},
        "name_characters": NAME_CHARACTERS,
    }
    return settings_page(request, "settings/workspace.html", context, status)


@require_POST
@role_required("owner")
def rename_action(request: HttpRequest) -> HttpResponse:
    """Give the workspace another name."""
    try:
        seen_check(request.POST, current().name)
        workspace_rename(actor=actor_of(request), name=request.POST.get("name", ""))
    except (Invalid, ChangedMeanwhile) as error:
        return _workspace(request, error, 422 if isinstance(error, Invalid) else error.status)
    messages.success(request, _("Saved"))
    return redirect("settings-workspace")


@require_POST
@role_required("admin")
def setup_action(request: HttpRequest) -> HttpResponse:
    """Have the rest of the workspace's making tried again."""
    actor = actor_of(request)
    attempt_count(AGAIN, request, str(actor.user_id))
    setup_again(actor=actor)
    messages.success(request, _("The set-up is being tried again."))
    return redirect("settings-workspace")


@require_POST
@role_required("viewer")
def confirm_again_action(request: HttpRequest) -> HttpResponse:
    """Send the mail that asks the user to confirm the address once more."""
    assert isinstance(request.user, User)
    attempt_count(CONFIRM, request, request.user.email)
    confirm_mail.dispatch(str(request.user.id))
    messages.success(
        request, _("The mail is on its way to %(email)s.") % {"email": request.user.email}
    )
    return redirect("settings-workspace")
