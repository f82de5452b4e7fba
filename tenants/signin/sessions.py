"""The sessions that a user has open: listed with device, address and last use, and ended.

What ends is gone from the next request on; the user's sockets close at once, and those of sessions
that stay open again by themselves.
"""

from collections.abc import Collection
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from tenants.accounts.audit import audit_write
from tenants.accounts.models import User
from tenants.accounts.services import PROVED as PROVED
from tenants.context import Actor
from tenants.errors import NotFound
from tenants.logging import client_address
from tenants.signin.devices import device_told
from tenants.signin.models import OpenSession, Provider
from tenants.sockets import sockets_close

SEEN: Final = "seen_at"
SEEN_EVERY: Final = timedelta(minutes=1)


def session_note(request: HttpRequest, user: User, *, how: str) -> None:
    """Remember a session that begins."""
    now = timezone.now()
    if request.session.session_key is None:
        request.session.create()
    request.session[SEEN] = request.session[PROVED] = now.isoformat()
    OpenSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "device": device_told(request.headers.get("User-Agent", "")),
            "address": client_address(),
            "how": how,
            "seen_at": now,
        },
    )


def session_seen(request: HttpRequest) -> None:
    """Note that a session is used, and from where, at most once a minute."""
    now = timezone.now()
    seen = parse_datetime(request.session.get(SEEN, ""))
    if seen is not None and now - seen < SEEN_EVERY:
        return
    request.session[SEEN] = now.isoformat()
    OpenSession.objects.filter(session_key=request.session.session_key).update(
        seen_at=now, address=client_address()
    )


def sessions_open(user: User) -> QuerySet[OpenSession]:
    """Return the user's sessions that still work, the latest used first."""
    open_keys = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return OpenSession.objects.filter(user=user, session_key__in=open_keys)


def session_end(*, actor: Actor, user: User, session_id: UUID) -> None:
    """End one of the user's own sessions. Raises NotFound."""
    with transaction.atomic():
        found = OpenSession.objects.filter(user=user, id=session_id).first()
        if found is None:
            raise NotFound
        _end([found], user.id)
        audit_write(actor, action="session.revoke", object_type="session", object_id=session_id)


def sessions_end_others(*, actor: Actor, user: User, session_key: str) -> int:
    """End all of the user's sessions but the one that asks; return how many."""
    with transaction.atomic():
        ended = sessions_end(user_id=user.id, but=session_key)
        audit_write(
            actor, action="session.revoke", object_type="user", object_id=user.id, ended=ended
        )
    return ended


def sessions_end(*, user_id: UUID, but: str = "") -> int:
    """End a user's sessions, all `but` one; return how many."""
    with transaction.atomic():
        found = list(OpenSession.objects.filter(user_id=user_id).exclude(session_key=but))
        _end(found, user_id)
    return len(found)


def sessions_end_of(user_ids: Collection[UUID], *, by_password: bool = False) -> None:
    """End all sessions of these users, or only those a password began: three statements."""
    with transaction.atomic():
        found = list(OpenSession.objects.filter(user_id__in=user_ids))
        if by_password:
            found = [each for each in found if not by_provider(each)]
        _end(found, *{each.user_id for each in found})


def by_provider(session: OpenSession) -> bool:
    """Return whether the workspace's identity provider was the first proof."""
    return session.how.partition("+")[0] in Provider.Kind.values


def sessions_end_there(*, user_id: UUID | None, session: str) -> int:
    """End what the provider says has ended: one of its sessions, or all of a user's by it."""
    rows = OpenSession.objects.all()
    if user_id is not None:
        rows = rows.filter(user_id=user_id)
    if session:
        rows = rows.filter(provider_session=session)
    with transaction.atomic():
        found = [each for each in rows if by_provider(each)]
        for each in found:
            _end([each], each.user_id)
    return len(found)


def _end(sessions: list[OpenSession], *user_ids: UUID) -> None:
    Session.objects.filter(session_key__in=[each.session_key for each in sessions]).delete()
    OpenSession.objects.filter(id__in=[each.id for each in sessions]).delete()
    for user_id in user_ids:
        transaction.on_commit(partial(sockets_close, user_id))


def sessions_tidy() -> int:
    """Forget the sessions that have ended by themselves; return how many."""
    Session.objects.filter(expire_date__lte=timezone.now()).delete()
    kept = Session.objects.values("session_key")
    removed, _ = OpenSession.objects.exclude(session_key__in=kept).delete()
    return removed
