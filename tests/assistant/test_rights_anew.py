"""A socket's right is judged anew with every message, also where nobody ordered it to be closed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from tenants.accounts.models import ApiKey, User
from tenants.context import entered, public_scope
from tenants.middleware import SESSION_TENANT
from tenants.registry.models import Status, Tenant
from tests.assistant.talking import Server, Talk, conversation_for, said_in, session_of, talking
from tests.assistant.test_doors import refused
from tests.support.cast import ADA, BOB, CHARLIE
from tests.support.clients import tenant_of, user_of


def session_edited(cookie: str, name: str, value: Any) -> None:
    store = SessionStore(cookie)
    store[name] = value
    store.save()


def late(cookie: str) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Session.objects.filter(session_key=cookie).update(expire_date=past)


def disabled() -> None:
    User.objects.filter(email=BOB.email).update(is_active=False)


def suspended() -> None:
    with public_scope("staff"):
        Tenant.objects.filter(slug=BOB.workspace).update(status=Status.SUSPENDED)


SESSIONS: dict[str, Callable[[str], object]] = {
    "made for another workspace": lambda cookie: session_edited(
        cookie, SESSION_TENANT, str(tenant_of(CHARLIE).id)
    ),
    "another user's": lambda cookie: session_edited(cookie, SESSION_KEY, str(user_of(ADA).pk)),
    "of another password": lambda cookie: session_edited(cookie, HASH_SESSION_KEY, "0" * 64),
    "begun in no way that there is": lambda cookie: session_edited(
        cookie, BACKEND_SESSION_KEY, "django.contrib.auth.backends.RemoteUserBackend"
    ),
    "over": late,
    "of a user who is disabled": lambda cookie: disabled(),
    "of a workspace that is suspended": lambda cookie: suspended(),
}
KEYS: dict[str, Callable[[], object]] = {
    "without the scope": lambda: key_edited(scopes=["search"]),
    "over": lambda: key_edited(expires_at=timezone.now() - timedelta(seconds=1)),
    "of a user who is disabled": disabled,
    "of a workspace that is suspended": suspended,
}


def key_edited(**fields: Any) -> None:
    ApiKey.objects.filter(user=user_of(BOB)).update(**fields)


def refuses(talk: Talk) -> None:
    """Ask, and see the socket closed instead."""
    with pytest.raises(ConnectionClosed) as caught:
        talk.ask("Who are you?")
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 4401


@pytest.mark.parametrize("spoiled", SESSIONS)
def test_a_session_that_is_spoiled_says_no_more_and_opens_no_other(
    server: Server, spoiled: str
) -> None:
    conversation, cookie = conversation_for(BOB), session_of(BOB)
    with talking(server, BOB, conversation, cookie=cookie) as talk:
        assert talk.ask("Who are you?")[-1]["status"] == "complete"
        with entered(tenant_of(BOB)):
            SESSIONS[spoiled](cookie)
        refuses(talk)
    assert refused(server, BOB, conversation, cookie=cookie) == 403


@pytest.mark.parametrize("spoiled", KEYS)
def test_a_key_that_is_spoiled_says_no_more_and_opens_no_other(
    server: Server, spoiled: str
) -> None:
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation, key=BOB.key) as talk:
        assert talk.ask("Who are you?")[-1]["status"] == "complete"
        with entered(tenant_of(BOB)):
            KEYS[spoiled]()
        refuses(talk)
    assert refused(server, BOB, conversation, key=BOB.key) == 403


def test_a_key_that_has_become_another_members_ends_the_first_ones_socket(server: Server) -> None:
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation, key=BOB.key) as talk:
        with entered(tenant_of(BOB)):
            key_edited(user=user_of(ADA))
        refuses(talk)
    assert said_in(BOB, conversation) == []


def test_a_cookie_with_a_nul_is_refused_as_any_that_is_none(server: Server) -> None:
    assert refused(server, BOB, conversation_for(BOB), cookie='"abcdefgh\\000ijkl"') == 403
