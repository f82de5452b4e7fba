"""The second step of signing in, and setting a factor up where the workspace asks for one."""

import json
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from tenants.accounts.limits import SECOND, attempts_count_user, attempts_forgive_user
from tenants.accounts.models import User
from tenants.context import Actor
from tenants.errors import Conflict, Invalid
from tenants.signin.factors import app_add, code_use, factors_of, key_add, key_use, keys_among
from tenants.signin.policy import asked_by
from tenants.signin.qr import qr_path
from tenants.signin.second import pending, sign_in_end
from tenants.signin.totp import totp_address, totp_secret
from tenants.signin.webauthn import assert_options, origin_of, register_options

log = structlog.get_logger(__name__)
KEY_STATE = "webauthn"
APP_SECRET = "totp"  # noqa: S105 - the name of a session's entry


@sensitive_post_parameters()
@never_cache
def second_page(request: HttpRequest) -> HttpResponse:
    """Ask for a code of an app, a recovery code or a security key."""
    found = pending(request)
    if found is None:
        return redirect("sign-in")
    user, kept = found
    factors = factors_of(user)
    keys = keys_among(factors)
    context: dict[str, Any] = {"error": "", "apps": len(factors) > len(keys), "keys": bool(keys)}
    if request.method == "POST":
        attempts_count_user(SECOND, user.id)
        try:
            if request.POST.get("answer"):
                state = request.session.pop(KEY_STATE, {})
                how = key_use(
                    user=user,
                    origin=origin_of(request),
                    state=state,
                    answer=answer_of(request),
                )
            else:
                how = code_use(user=user, code=request.POST.get("code", ""))
        except Invalid as refused:
            log.warning("sign_in.second_refused", user_id=str(user.id))
            context["error"] = refused.detail
        else:
            attempts_forgive_user(SECOND, user.id)
            return redirect(sign_in_end(request, user, kept, how))
    if keys:
        context["options"], request.session[KEY_STATE] = assert_options(origin_of(request), keys)
    status = 422 if context["error"] else 200
    return render(request, "auth/second.html", context, status=status)


@sensitive_post_parameters()
@never_cache
def set_up_page(request: HttpRequest) -> HttpResponse:
    """Have a factor set up before the first session: the workspace's policy asks for one."""
    found = pending(request)
    if found is None or factors_of(found[0]):
        return redirect("sign-in")
    user, kept = found
    context: dict[str, Any] = {"error": ""}
    if request.method == "POST":
        attempts_count_user(SECOND, user.id)
        try:
            codes = factor_from(request, user)
        except (Invalid, Conflict) as refused:
            context["error"] = refused.detail
        else:
            attempts_forgive_user(SECOND, user.id)
            target = sign_in_end(request, user, kept, "set up")
            return render(request, "auth/codes.html", {"codes": codes, "target": target})
    context |= set_up_context(request, user)
    return render(request, "auth/set_up.html", context, status=422 if context["error"] else 200)


def factor_from(request: HttpRequest, user: User) -> list[str]:
    """Add the factor that the form shows; return new recovery codes. Raises Invalid, Conflict."""
    actor = Actor(user_id=user.id, role=user.role, kind="session")
    name = request.POST.get("name", "")
    if request.POST.get("answer"):
        state = request.session.pop(KEY_STATE, {})
        return key_add(
            actor=actor,
            user=user,
            name=name,
            origin=origin_of(request),
            state=state,
            answer=answer_of(request),
        )
    secret = request.session.get(APP_SECRET, "")
    if not secret:
        raise Invalid(_("The page is too old; scan the new code and try again."))
    code = request.POST.get("code", "")
    codes = app_add(actor=actor, user=user, name=name, secret=secret, code=code)
    request.session.pop(APP_SECRET, None)
    return codes


def set_up_context(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return what a page shows to add a factor; the session keeps the other half."""
    secret = request.session.setdefault(APP_SECRET, totp_secret())
    address = totp_address(secret, issuer=asked_by(), account=user.email)
    options, request.session[KEY_STATE] = register_options(
        origin_of(request), user, keys_among(factors_of(user))
    )
    size, path = qr_path(address)
    grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return {"options": options, "secret": grouped, "qr_size": size, "qr_path": path}


def answer_of(request: HttpRequest) -> Any:
    """Return the browser's WebAuthn answer. Raises Invalid."""
    try:
        answer = json.loads(request.POST.get("answer", ""))
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Invalid(_("The security key's answer does not fit; try again."))
    return answer
