"""What looks after open sockets and running turns goes on, whatever happens to one of them."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from psycopg import sql
from structlog.testing import capture_logs

from assistant import runner, watchkeeper
from assistant.frames import TurnFrames
from assistant.models import Turn
from assistant.runner import STOP_KEPT, RunningTurn
from assistant.services import turn_begin
from tenants.accounts.models import ApiKey
from tenants.context import entered
from tenants.lifecycle import standing
from tenants.redis import redis_client, tenant_key
from tenants.sockets import sockets_close
from tests.assistant.talking import (
    Server,
    actor_for,
    aside,
    conversation_for,
    eventually,
    session_of,
    talking,
)
from tests.assistant.test_doors import closed_with
from tests.bench.idle import Handshake
from tests.isolation.sqlattempts import superuser
from tests.isolation.stateful.app import socket as line
from tests.support.cast import ADA, BOB, CHARLIE, Person
from tests.support.clients import tenant_of, user_of

if TYPE_CHECKING:
    from tests.support.services import Worker

BLOCKED = "SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND NOT granted"


@pytest.fixture(autouse=True)
def _looked_at_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchkeeper, "LOOK_EVERY", 0.05)


def revoke(person: Person) -> None:
    """Revoke the person's key in the row alone, as another process whose order got lost."""
    with entered(tenant_of(person)):
        ApiKey.objects.filter(user=user_of(person)).update(revoked_at="2026-01-01T00:00Z")


def test_a_reader_who_goes_away_while_judged_ends_nobodys_watch(
    server: Server, worker: Worker
) -> None:
    keys = sql.Identifier(tenant_of(BOB).schema, ApiKey._meta.db_table)
    revoked = sql.SQL("UPDATE {} SET revoked_at = now() WHERE user_id = %s").format(keys)
    bob = user_of(BOB).id
    with (
        talking(server, ADA, conversation_for(ADA), key=ADA.key) as stays,
        talking(server, BOB, conversation_for(BOB), key=BOB.key) as goes,
        superuser(worker) as admin,
    ):
        admin.execute(sql.SQL("LOCK TABLE {}").format(keys))
        admin.execute(revoked, [bob])
        name = keys.as_string()
        eventually(lambda: admin.execute(BLOCKED, [name]).fetchone() != (0,))  # a look waits
        goes.connection.socket.shutdown(2)
        eventually(lambda: sum(map(len, watchkeeper._open.values())) == 1)
        admin.commit()  # the look finds a right that ended, of a socket that is gone
        revoke(ADA)
        assert closed_with(stays) == 4401


def test_a_workspace_that_cannot_be_asked_keeps_no_other_from_being_looked_at(
    server: Server, worker: Worker
) -> None:
    schema = tenant_of(CHARLIE).schema
    record = sql.Identifier(schema, "django_migrations")
    behind = sql.SQL("UPDATE {} SET name = name || '-' WHERE app = 'search'").format(record)
    at_head = sql.SQL("UPDATE {} SET name = rtrim(name, '-') WHERE app = 'search'").format(record)
    with (
        talking(server, CHARLIE, conversation_for(CHARLIE), key=CHARLIE.key) as updated,
        talking(server, BOB, conversation_for(BOB), key=BOB.key) as goes,
        superuser(worker) as admin,
        capture_logs() as said,
    ):
        admin.execute(behind)
        admin.commit()
        standing._at_head.discard(schema)
        eventually(lambda: any(each["event"] == "sockets.not_looked_at" for each in said))
        revoke(BOB)
        assert closed_with(goes) == 4401
        admin.execute(at_head)
        admin.commit()
        assert updated.ask("Who are you?")[-1]["status"] == "complete"


def test_who_takes_nothing_off_the_line_is_cut_off_when_their_right_ends(server: Server) -> None:
    conversation, tenant, host = conversation_for(BOB), tenant_of(BOB), server.host(BOB)
    with entered(tenant):
        turn = turn_begin(actor=actor_for(BOB), conversation_id=conversation, text="Hello")
    frames = TurnFrames(tenant, conversation, turn.number)
    for _ in range(20):
        frames.send("delta", text="x" * 100_000)
    headers = {"Host": host, "Origin": f"http://{host}", "Cookie": f"session={session_of(BOB)}"}
    resume = b'{"type": "resume", "after": 0}'
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(Handshake(f"/ws/assistant/{conversation}/", headers).request())
        eventually(lambda: any(watchkeeper._open.values()))
        [consumer] = next(iter(watchkeeper._open.values()))
        writable = consumer.put.__self__.writable  # type: ignore[attr-defined]

        def full() -> bool:
            deaf.sendall(bytes([0x81, 0x80 | len(resume)]) + bytes(4) + resume)
            return not writable.is_set()

        eventually(full)
        aside(lambda: sockets_close_of(BOB))
        eventually(lambda: not any(watchkeeper._open.values()), within=5)


@pytest.mark.django_db(transaction=True)
def test_a_socket_that_was_closed_is_in_no_group_before_its_server_says_that_it_is_gone() -> None:
    conversation, who = conversation_for(BOB), {"Cookie": f"session={session_of(BOB)}"}

    def groups() -> bool:
        return any(redis_client().scan_iter(match=f"*{conversation.hex}*"))

    async def closed() -> None:
        talk = line(str(conversation), "acme.localhost", who)
        assert await talk.opened() is True
        assert groups()
        await asyncio.to_thread(sockets_close_of, BOB)
        assert await talk.next() == {"type": "websocket.close"}
        async with asyncio.timeout(15):
            while groups():
                await asyncio.sleep(0.01)
        await talk.close()

    aside(lambda: asyncio.run(closed()))


def sockets_close_of(person: Person) -> None:
    with entered(tenant_of(person)):
        sockets_close(user_of(person).id)


def test_what_goes_wrong_with_one_workspaces_turns_ends_nobodys_keeping(server: Server) -> None:
    conversation, tenant = conversation_for(BOB), tenant_of(BOB)
    with talking(server, BOB, conversation) as talk:
        talk.ask("Who are you?")  # from the first turn on, the keeper runs
    nothing: Any = None
    broken = RunningTurn(tenant_of(CHARLIE), actor_for(CHARLIE), nothing, nothing)
    turn = Turn(id=uuid4(), conversation_id=conversation)
    kept = RunningTurn(tenant, actor_for(BOB), turn, TurnFrames(tenant, conversation, 9))
    added = {uuid4(): broken, uuid4(): kept}
    runner._running.update(added)
    try:
        with entered(tenant):
            redis_client().set(tenant_key("stop", turn.id.hex), b"1", ex=STOP_KEPT)
        eventually(kept.cancelled.is_set)
    finally:
        for key in added:
            del runner._running[key]
