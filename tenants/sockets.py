"""Sockets: who may open one, and closing them from elsewhere.

The handshake resolves host -> tenant -> session (or API key) in that tenant's schema, and demands
that Origin's host and port equal the Host header: a sibling tenant is the same *site* to a browser,
so cookies alone would let its pages open our sockets.
"""

import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from http.cookies import SimpleCookie
from importlib import import_module
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user,
)
from django.contrib.sessions.models import Session
from django.db.models import BigIntegerField, JSONField, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject, Now
from django.utils import translation
from django.utils.crypto import constant_time_compare

from tenants import governance
from tenants.accounts.models import ApiKey, User
from tenants.context import Actor, TenantContext, current, in_public, in_tenant
from tenants.ended import ended_elsewhere
from tenants.errors import TenantUnavailable, UnderMaintenance
from tenants.languages import language_accepted, language_of
from tenants.lifecycle.standing import schema_require
from tenants.listening import tell
from tenants.middleware import IMPERSONATION, SESSION_TENANT, host_of, is_public_host
from tenants.registry.models import Governance, OwnTenant
from tenants.registry.selectors import tenant_by_host
from tenants.statements import Written
from tenants.telemetry import SOCKETS

REFUSED: Final = 403
TOLD: Final = {
    "id": "id", "slug": "slug", "name": "name", "schema": "schema_name", "plan": "plan",
    "posture": "posture", "region": "region", "retrieval": "retrieval",
}  # fmt: skip
SIGNED_OUT: Final = 4401  # close code: the session, the role or the workspace has ended


@dataclass(frozen=True, slots=True)
class Admitted:
    """All that an open socket keeps of its handshake: who came where, and by which right."""

    tenant: TenantContext
    actor: Actor
    session_key: str
    api_key: str
    language: str


@lru_cache(1024)
def shared(tenant: TenantContext) -> TenantContext:
    """Return one object for all that are equal: a workspace's sockets need not hold one each."""
    return tenant


class _SessionRequest:
    """The little of a request that `django.contrib.auth.get_user` reads."""

    def __init__(self, session: Any) -> None:
        self.session = session


def group_of(tenant: TenantContext, user_id: UUID) -> str:
    """Return the channel group of a user's open sockets."""
    return f"user.{tenant.id.hex}.{user_id.hex}"


def sockets_close(user_id: UUID) -> None:
    """Close every socket that the user has open, in every process."""
    _close(group_of(current(), user_id))


def _close(group: str) -> None:
    """Tell a group to close; from a thread of its own, since the caller's may have a loop."""
    with ThreadPoolExecutor(1) as aside:
        aside.submit(tell, group, {"type": "force.close"}).result()


def workspace_group_of(tenant: TenantContext) -> str:
    """Return the channel group of every open socket of a workspace."""
    return f"workspace.{tenant.id.hex}"


def workspace_sockets_close(tenant: TenantContext) -> None:
    """Close every socket of a workspace, in every process: it was suspended or is leaving."""
    _close(workspace_group_of(tenant))


def session_actor(session_key: str) -> tuple[User, Actor] | None:
    """Return the active user of a session of the entered tenant, and who acts as them."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    if store.get(SESSION_TENANT) != str(current().id):
        return None
    user = get_user(_SessionRequest(store))  # type: ignore[arg-type]
    if not isinstance(user, User) or not user.is_active:
        return None
    return _acting(user, store.get(IMPERSONATION))


def _acting(user: User, visit_id: str | None) -> tuple[User, Actor] | None:
    """Return who acts in the user's session: they, or staff on a visit that goes on."""
    if visit_id is None:
        return user, Actor(user.id, user.role, "session")
    from tenants.accounts.selectors import impersonating_actor
    from tenants.signin.impersonating import capped, visit_of

    visit = visit_of(visit_id)
    return (user, impersonating_actor(capped(user), visit)) if visit else None


def _identify(session_key: str, secret: str) -> tuple[User, Actor] | None:
    schema_require()
    if secret:
        return _by_key(secret)
    return session_actor(session_key) if session_key else None


def _by_key(secret: str, statement: Written[ApiKey] | None = None) -> tuple[User, Actor] | None:
    from tenants.accounts.keys import api_key_check
    from tenants.accounts.scopes import key_allows

    key = api_key_check(secret, statement)
    if key is None or not key_allows(key, "chat"):
        return None
    if statement is not None:
        for name in _told():
            setattr(key.user, name, getattr(key, name))
    return key.user, Actor(key.user_id, key.user.role, "api_key", key.id, key.allowance_usd)


@cache
def _standing_by_key() -> Written[ApiKey]:
    from tenants.accounts.keys import key_statement

    return key_statement(**_told())


@cache
def _standing_by_session() -> Written[User]:
    session_key, user_id = "a session's key", UUID(int=0)
    kept = Session.objects.filter(session_key=session_key, expire_date__gt=Now())
    users = User.objects.filter(id=user_id, is_active=True).order_by()
    read = users.annotate(kept=Subquery(kept.values("session_data")[:1]), **_told())
    return Written(read, session_key, user_id)


def _by_session(session_key: str, user_id: UUID) -> tuple[User, Actor] | None:
    """Return the user whom an open socket belongs to, while the session is theirs and goes on."""
    user: Any = _standing_by_session().first(session_key, user_id)
    if user is None or user.kept is None:
        return None
    session = import_module(settings.SESSION_ENGINE).SessionStore().decode(user.kept)
    if session.get(SESSION_TENANT) != str(current().id):
        return None
    if session.get(SESSION_KEY) != str(user.id) or not _hash_stands(session, user):
        return None
    return _acting(user, session.get(IMPERSONATION))


def _hash_stands(session: Any, user: User) -> bool:
    """Say whether the session was made with the password of now, as `get_user` judges it."""
    told = session.get(HASH_SESSION_KEY, "")
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS and any(
        constant_time_compare(told, each) for each in hashes
    )


class Standing(NamedTuple):
    """Who acts on an open socket, and the workspace as it is by now."""

    actor: Actor
    tenant: TenantContext


def still_valid(admitted: Admitted) -> Standing | None:
    """Return who acts on an open socket now and where, or None when its right has ended.

    Call inside the socket's tenant, for each message and on a timer: sign-out, a disabled user, a
    changed role, a revoked key and a suspended workspace all count from the next message on, and so
    do another posture and plan. One statement.
    """
    schema_require()
    asked = time.monotonic()
    user_id = admitted.actor.user_id
    if admitted.api_key:
        found = _by_key(admitted.api_key, _standing_by_key())
    else:
        assert user_id is not None  # sockets belong to people
        found = _by_session(admitted.session_key, user_id)
    if found is None or found[0].id != user_id:
        return None
    standing, governed = found[0].standing, found[0].governed  # type: ignore[attr-defined]
    if standing is None:
        return None
    governance.told(governed, asked)
    tenant = TenantContext(**{**standing, "id": UUID(standing["id"])})
    return Standing(found[1], shared(tenant))


@cache
def _told() -> dict[str, Any]:
    """Return what `still_valid` reads beside the right: alike for all, so written once."""
    standing = OwnTenant.objects.values(told=JSONObject(**TOLD))[:1]
    governed = Governance.objects.values("version")[:1]
    return {
        name: RawSQL(*found.query.sql_with_params(), output_field=kind)  # noqa: S611 - the ORM's own
        for name, found, kind in (
            ("standing", standing, JSONField()),
            ("governed", governed, BigIntegerField()),
        )
    }


async def _admitted(scope: dict[str, Any]) -> Admitted | None:
    """Return who comes with this handshake, or None where it is refused."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host", "")
    try:
        origin = urlsplit(headers.get(b"origin", ""))
    except ValueError:
        return None
    same = (origin.scheme, origin.netloc.lower()) == (settings.PUBLIC_SCHEME, host.lower())
    if not host or not same or is_public_host(host_of(host)):
        return None
    try:
        tenant = await in_public("app_public", tenant_by_host, host_of(host))
    except TenantUnavailable:
        return None
    cookies = SimpleCookie(headers.get(b"cookie", ""))
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    # Keys are letters and digits; a quoted cookie may hold anything, NUL included.
    session_key = morsel.value if morsel and morsel.value.isalnum() else ""
    kind, _, secret = headers.get(b"authorization", "").partition(" ")
    secret = secret.strip() if kind.lower() == "bearer" else ""
    try:
        found = await in_tenant(tenant, _identify, session_key, secret)
    except UnderMaintenance:
        return None
    except Exception as error:
        if await ended_elsewhere(error, tenant):
            return None
        raise
    if found is None:
        return None
    user, actor = found
    language = language_of(user, language_accepted(headers.get(b"accept-language", "")))
    return Admitted(shared(tenant), actor, session_key, secret, language)


class TenantSocketMiddleware:
    """Admit a handshake into its tenant, or refuse it with 403 before it is accepted.

    What is inside gets a scope of its own, without the headers: it lives as long as the socket.
    """

    def __init__(self, inner: Callable[..., Awaitable[Any]]) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        admitted = await _admitted(scope)
        if admitted is None:
            await refuse(send)
            return
        SOCKETS.inc()
        try:
            with translation.override(admitted.language):
                path = {name: scope.get(name, "") for name in ("type", "path", "root_path")}
                await self.inner({**path, "admitted": admitted}, receive, send)
        finally:
            SOCKETS.dec()


async def refuse(send: Any) -> None:
    """Refuse a handshake: closing before accepting is answered by the server with 403."""
    await send({"type": "websocket.close", "code": 4403})
