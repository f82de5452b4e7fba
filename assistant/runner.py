"""The turns that this process is making: one thread each, and one keeper of their leases.

A turn belongs to the process that accepted it, not to a socket: the reader may leave and come back,
on another device too. Stop ends delivery at once; the gateway then drains the model's stream, which
is billed anyway, so that the ledger is exact.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import redis
import structlog
from django.db import connection

from assistant.frames import TurnFrames
from assistant.models import Turn
from assistant.services import leases_renew
from tenants.aside import begin_aside
from tenants.context import Actor, TenantContext, entered
from tenants.ended import ended
from tenants.errors import TenantryError
from tenants.foreseen import AnswerFailed, error_members
from tenants.listening import tell_here, tell_others
from tenants.logging import bound
from tenants.redis import redis_client, tenant_key

KEEP_EVERY: Final = 1.0  # seconds between looks at stop requests
RENEW_EVERY: Final = 4.0  # seconds between renewals of a lease; most turns end before the first
STOP_KEPT: Final = 60  # seconds that a stop request waits for its turn's process
BEFORE_WAITS: Final = 5.0  # seconds that a turn lets the one before it tell its end

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RunningTurn:
    """A turn of this process; `error` is what ended it, `shown` whether words had come before."""

    tenant: TenantContext
    actor: Actor
    turn: Turn
    frames: TurnFrames
    thorough: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    renewed: float = field(default_factory=time.monotonic)
    error: TenantryError | None = None
    shown: bool = False

    @property
    def request_id(self) -> UUID:
        """The request that the answer's calls are metered under, given when the turn began."""
        request_id = self.turn.answer.request_id
        assert request_id is not None
        return request_id


Work = Callable[[RunningTurn], None]

_running: dict[UUID, RunningTurn] = {}  # by conversation
_lock = threading.Lock()
_keeper: threading.Thread | None = None


def turn_group(tenant: TenantContext, conversation_id: UUID) -> str:
    """Return the channel group of a conversation's open sockets."""
    return f"conversation.{tenant.id.hex}.{conversation_id.hex}"


def turn_run(
    tenant: TenantContext, actor: Actor, turn: Turn, work: Work, *, thorough: bool = False
) -> RunningTurn:
    """Make the answer in a thread of its own, tell the open sockets, and return at once."""
    global _keeper
    conversation_id = turn.conversation_id
    running = RunningTurn(tenant, actor, turn, TurnFrames(tenant, conversation_id, turn.number))
    running.thorough = thorough
    with _lock:
        before = _running.get(conversation_id)
        _running[conversation_id] = running
        if _keeper is None:
            _keeper = threading.Thread(target=_keep, name="turn-keeper", daemon=True)
            _keeper.start()
    begin_aside(_run, running, work, before)
    group = turn_group(tenant, conversation_id)
    tell_here(group, {"type": "turn.here", "running": running})
    tell_others(group, {"type": "turn.begun", "number": turn.number})
    return running


def running_in(conversation_id: UUID) -> RunningTurn | None:
    """Return the conversation's turn if this process is making it."""
    return _running.get(conversation_id)


def turn_stop(conversation_id: UUID) -> None:
    """Stop the conversation's turn, wherever it runs: here at once, elsewhere within a second.

    Call inside the tenant, for a conversation that the actor was found to own.
    """
    here = running_in(conversation_id)
    if here is not None:
        here.cancelled.set()
        return
    elsewhere = Turn.objects.filter(conversation_id=conversation_id, running=True).first()
    if elsewhere is not None:
        redis_client().set(tenant_key("stop", elsewhere.id.hex), b"1", ex=STOP_KEPT)


def turns_end(within: float) -> bool:
    """Stop the turns of this process and wait until they are stored; return whether all were.

    For a process that is about to end. What it leaves is found by the reaper.
    """
    until = time.monotonic() + within
    with _lock:
        turns = list(_running.values())
    for running in turns:
        running.cancelled.set()
    return all(running.frames.wait(max(0.0, until - time.monotonic())) for running in turns)


def _run(running: RunningTurn, work: Work, before: RunningTurn | None) -> None:
    request_id = str(running.turn.answer.request_id)
    if before is not None:  # frames of two turns must not mix
        before.frames.wait(BEFORE_WAITS)
    try:
        with entered(running.tenant), bound(request_id=request_id):
            work(running)
    except Exception as error:
        gone = ended(error, running.tenant)
        if gone is None:
            log.exception("turn.failed", turn=str(running.turn.id))
        if not running.frames.ended:
            running.error = gone or (error if isinstance(error, TenantryError) else AnswerFailed())
            running.frames.send(
                "error", message_id=str(running.turn.answer_id), **error_members(running.error)
            )
    finally:
        connection.close()
        with _lock:
            if _running.get(running.turn.conversation_id) is running:
                del _running[running.turn.conversation_id]
        running.frames.finish()


def _keep() -> None:
    """Renew leases and look for stop requests, for all turns of this process."""
    while True:
        time.sleep(KEEP_EVERY)
        with _lock:
            turns = list(_running.values())
        by_tenant: dict[UUID, list[RunningTurn]] = {}
        for running in turns:
            by_tenant.setdefault(running.tenant.id, []).append(running)
        for group in by_tenant.values():
            try:
                with entered(group[0].tenant):
                    _look_for_stops(group)
                    _renew(group)
            except Exception:  # the others' turns are kept, and these tried again
                log.exception("turns.not_kept", tenant=str(group[0].tenant.id))


def _renew(group: list[RunningTurn]) -> None:
    """Renew a tenant's leases, all together, once one of them is due."""
    now = time.monotonic()
    if all(now - running.renewed < RENEW_EVERY for running in group):
        return
    try:
        leases_renew([running.turn.id for running in group])
    except Exception as error:  # the lease lasts a while, and the next look tries again
        log.warning("turn.leases_not_renewed", error=type(error).__name__)
        return
    finally:
        connection.close()
    for running in group:
        running.renewed = now


def _look_for_stops(group: list[RunningTurn]) -> None:
    keys = [tenant_key("stop", running.turn.id.hex) for running in group]
    try:
        for running, key, found in zip(group, keys, redis_client().mget(keys), strict=True):
            if found is not None:
                running.cancelled.set()
                redis_client().delete(key)
    except redis.RedisError as error:
        log.warning("turn.stops_not_read", error=type(error).__name__)
