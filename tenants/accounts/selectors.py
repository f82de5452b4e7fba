"""Who is asking."""

from typing import Any, Final

from django.db.models import F
from django.http import HttpRequest

from tenants.accounts.models import ApiKey, User
from tenants.context import Actor
from tenants.errors import NotAuthenticated
from tenants.keyset import Page, page_of
from tenants.registry.models import Impersonation

MEMBER_ROWS: Final = 50  # a row holds two forms: of more the page is not ready at once


def actor_of(request: HttpRequest | Any) -> Actor:
    """Return who acts in an HTTP request (Django's or DRF's). Raises NotAuthenticated."""
    user = request.user
    if not isinstance(user, User):
        raise NotAuthenticated
    key = getattr(request, "auth", None)
    if isinstance(key, ApiKey):
        return Actor(
            user_id=user.id,
            role=user.role,
            kind="api_key",
            api_key_id=key.id,
            allowance_usd=key.allowance_usd,
        )
    visit = getattr(request, "impersonation", None)
    if visit is not None:
        return impersonating_actor(user, visit)
    return Actor(user_id=user.id, role=user.role, kind="session")


def impersonating_actor(user: User, visit: Impersonation) -> Actor:
    """Return the member of staff who takes the user's place."""
    return Actor(
        user_id=user.id, role=user.role, kind="session", staff_id=visit.staff_id,
        writes=visit.writes,
    )  # fmt: skip


def staff_actor(request: HttpRequest) -> Actor:
    """Return who acts in the staff admin. Raises NotAuthenticated."""
    user = request.user
    if not isinstance(user, User) or not user.is_staff:
        raise NotAuthenticated
    return Actor(user_id=user.id, role="staff", kind="session")


def keys_of(actor: Actor) -> list[ApiKey]:
    """Return the user's keys that still work, newest first."""
    if actor.user_id is None:
        return []
    return list(ApiKey.objects.filter(user_id=actor.user_id, revoked_at=None))


def members_page_of(cursor: str) -> Page[User]:
    """Return a page of the workspace's people, by address."""
    found = User.objects.filter(is_service=False)
    return page_of(found, cursor, by=F("email"), falling=False, rows=MEMBER_ROWS)


def members() -> list[User]:
    """Return the workspace's people, by address; its service accounts are none."""
    return list(User.objects.filter(is_service=False))
