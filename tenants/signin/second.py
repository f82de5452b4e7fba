"""Signing in step by step: after the first proof the second factor, and only then a session.

The first proof is a password, or the answer of the workspace's identity provider. Between the two,
the session holds who has shown it and when; it opens nothing.
"""

import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from tenants.accounts.models import User
from tenants.accounts.services import sign_in, staff_sign_in
from tenants.context import in_staff_scope
from tenants.signin.models import Factor, OpenSession
from tenants.signin.policy import password_lets_in, second_needed

PENDING: Final = "sign_in"
SECONDS: Final = 600  # for the second step


@dataclass(frozen=True, slots=True)
class First:
    """The first proof: `how` is empty for a password; otherwise the provider's kind.

    `session` is the provider's own id of its session, `hours` how long ours may last, `whole` that
    the provider asks for a second factor itself.
    """

    how: str = ""
    session: str = ""
    hours: int = 0
    whole: bool = False


PASSWORD: Final = First()


def sign_in_begin(
    request: HttpRequest, user: User, target: str, first: First = PASSWORD
) -> HttpResponse:
    """Go on after the first proof: to `target`, to the second step, or to setting one up.

    Where the workspace requires its provider, a password leads back to the page of signing in.
    """
    staff = in_staff_scope()
    if not staff and not first.how and not password_lets_in(user):
        return redirect("sign-in")
    if not first.whole and Factor.objects.filter(user=user).exists():
        return _wait(request, user, target, first, "sign-in-second")
    if not first.whole and second_needed(user):
        return _wait(request, user, target, first, "sign-in-set-up")
    if first.how:
        request.session.flush()
    _begin(request, user, first, first.how)
    return redirect(target)


def _begin(request: HttpRequest, user: User, first: First, how: str) -> None:
    if in_staff_scope():
        staff_sign_in(request, user, how=how)
        return
    sign_in(request, user, how=how)
    if first.how:
        request.session.set_expiry(timezone.now() + timedelta(hours=first.hours))
        OpenSession.objects.filter(session_key=request.session.session_key).update(
            provider_session=first.session
        )


def _wait(request: HttpRequest, user: User, target: str, first: First, page: str) -> HttpResponse:
    request.session.flush()  # whatever was open here ends, and the key changes
    request.session[PENDING] = {
        "user": str(user.id), "next": target, "at": time.time(), "first": asdict(first),
    }  # fmt: skip
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
    target, first = str(kept["next"]), First(**kept.get("first", {}))
    request.session.flush()
    request.session.set_expiry(None)
    _begin(request, user, first, f"{first.how}+{how}" if first.how else how)
    return target
