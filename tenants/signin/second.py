"""Signing in step by step: after the password the second factor, and only then a session.

Between the two, the session holds who has shown the password and when; it opens nothing.
"""

import time
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from tenants.accounts.models import User
from tenants.accounts.services import sign_in
from tenants.signin.models import Factor
from tenants.signin.policy import second_needed

PENDING: Final = "sign_in"
SECONDS: Final = 600  # for the second step


def sign_in_begin(request: HttpRequest, user: User, target: str) -> HttpResponse:
    """Go on after the first proof: to `target`, to the second step, or to setting one up."""
    if Factor.objects.filter(user=user).exists():
        return _wait(request, user, target, "sign-in-second")
    if second_needed(user):
        return _wait(request, user, target, "sign-in-set-up")
    sign_in(request, user)
    return redirect(target)


def _wait(request: HttpRequest, user: User, target: str, page: str) -> HttpResponse:
    request.session.flush()  # whatever was open here ends, and the key changes
    request.session[PENDING] = {"user": str(user.id), "next": target, "at": time.time()}
    request.session.set_expiry(SECONDS)
    return redirect(page)


def pending(request: HttpRequest) -> tuple[User, dict[str, Any]] | None:
    """Return who has shown the password in this session lately, and what is kept with it."""
    kept = request.session.get(PENDING)
    if not kept or time.time() - kept["at"] > SECONDS:
        return None
    user = User.objects.filter(id=UUID(kept["user"]), is_active=True).first()
    return (user, kept) if user else None


def sign_in_end(request: HttpRequest, user: User, kept: dict[str, Any], how: str) -> str:
    """Begin the session that both proofs have earned; return where to go."""
    target = str(kept["next"])
    request.session.flush()
    request.session.set_expiry(None)
    sign_in(request, user, how=how)
    return target
