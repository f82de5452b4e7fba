"""Slow down guessing: passwords and reset mails, per address and per client.

Counts failures in windows, in Redis, keyed by tenant (or `public`, for the staff). Both counts must
pass: the address together with the client, so that a stranger elsewhere cannot lock its owner out,
and the client alone, so that one password is not tried on many addresses.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.errors import RateLimited

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """How many attempts within `window` seconds; `advice` says what else the user can do."""

    kind: str
    per_address: int
    per_client: int
    window: int
    advice: "StrOrPromise"


SIGN_IN: Final = AttemptLimit(
    "sign-in", 10, 50, 300, gettext_lazy("wait five minutes, or reset the password")
)
RESET: Final = AttemptLimit(
    "reset", 5, 30, 3600, gettext_lazy("look for the mail already sent, or wait an hour")
)
FIND: Final = AttemptLimit(
    "find", 5, 30, 3600, gettext_lazy("look for the mail already sent, or wait an hour")
)
SIGN_UP: Final = AttemptLimit(
    "sign-up", 5, 20, 3600, gettext_lazy("wait an hour before making another")
)
LOOK: Final = AttemptLimit(
    "look", 120, 120, 60, gettext_lazy("wait a minute, or just send the form")
)
AGAIN: Final = AttemptLimit(
    "again", 5, 30, 600, gettext_lazy("it is tried by itself too; wait ten minutes")
)
CONFIRM: Final = AttemptLimit(
    "confirm", 5, 30, 3600, gettext_lazy("look for the mail already sent")
)

SSO: Final = AttemptLimit(
    "sso", 600, 600, 300, gettext_lazy("wait five minutes, then start signing in again")
)
LOGOUT: Final = AttemptLimit("logout", 600, 600, 60, gettext_lazy("wait a minute"))
HOOK: Final = AttemptLimit("hook", 30, 60, 60, gettext_lazy("wait a minute before sending another"))
TYPING: Final = AttemptLimit(
    "typing", 600, 600, 60, gettext_lazy("wait a minute, or press Enter to search")
)
SECOND: Final = AttemptLimit(
    "second", 10, 10, 900, gettext_lazy("wait a quarter of an hour, or ask an admin")
)


def attempts_count_user(limit: AttemptLimit, user_id: UUID) -> None:
    """Count an attempt on one user, from wherever it comes. Raises RateLimited.

    For what follows the password: who gets this far can keep nobody out without knowing it.
    """
    key = f"{limit.kind}:user:{user_id}"
    cache.add(key, 0, limit.window)
    try:
        count = cache.incr(key)
    except ValueError:  # the window ended between the two
        return
    if count > limit.per_address:
        raise RateLimited(
            _("Too many attempts; %(advice)s.") % {"advice": limit.advice}, retry_after=limit.window
        )


def attempts_forgive_user(limit: AttemptLimit, user_id: UUID) -> None:
    """Forget the attempts of a user who has succeeded."""
    cache.delete(f"{limit.kind}:user:{user_id}")


def _keys(limit: AttemptLimit, request: HttpRequest, address: str) -> dict[str, int]:
    client = request.META.get("REMOTE_ADDR", "")
    return {
        f"{limit.kind}:{client}:{address.lower()}": limit.per_address,
        f"{limit.kind}:{client}": limit.per_client,
    }


def attempt_count(limit: AttemptLimit, request: HttpRequest, address: str) -> None:
    """Count an attempt before it is carried out. Raises RateLimited."""
    for key, most in _keys(limit, request, address).items():
        cache.add(key, 0, limit.window)
        try:
            count = cache.incr(key)
        except ValueError:  # the window ended between the two
            continue
        if count > most:
            raise RateLimited(
                _("Too many attempts; %(advice)s.") % {"advice": limit.advice},
                retry_after=limit.window,
            )


def attempt_forgive(limit: AttemptLimit, request: HttpRequest, address: str) -> None:
    """Take back the attempt that succeeded, and those before it for the address."""
    own, client = _keys(limit, request, address)
    cache.delete(own)
    try:
        cache.decr(client)
    except ValueError:
        return
