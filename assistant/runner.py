"""The turns that this process is making: one thread each, and one keeper of their leases.

A turn belongs to the process that accepted it, not to a socket: the reader may leave and come back,
on another device too. Stop ends delivery at once; the gateway then drains the model's stream, which is
billed anyway, so that the ledger is exact.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import redis
import structlog
from django.db import DatabaseError, connection

from assistant.frames import TurnFrames
from assistant.models import Turn
from assistant.services import leases_renew
from tenants.context import Actor, TenantContext, entered
from tenants.logging import bound
from tenants.redis import redis_client, tenant_key

KEEP_EVERY: Final = 1.0  # seconds between looks at stop requests; leases are renewed every fifth
STOP_KEPT: Final = 60  # seconds that a stop request waits for its turn's process
MOST_TURNS: Final = 64  # at once in one process; a plan's concurrent streams bound each tenant

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class RunningTurn:
    """A turn of this process."""

    tenant: TenantContext
    actor: Actor
    turn: Turn
    frames: TurnFrames
    cancelled: threading.Event = field(default_factory=threading.Event)


Work = Callable[[RunningTurn], None]

_running: dict[UUID, RunningTurn] = {}  # by conversation
_lock = threading.Lock()
_threads = ThreadPoolExecutor(max_workers=MOST_TURNS, thread_name_prefix="turn")
_keeper: threading.Thread | None = None


def turn_run(tenant: TenantContext, actor: Actor, turn: Turn, work: Work) -> RunningTurn:
    """Make the answer in a thread of its own; return at once."""
    global _keeper
    frames = TurnFrames(tenant, turn.conversation_id, turn.number)
    running = RunningTurn(tenant, actor, turn, frames)
    with _lock:
        _running[turn.conversation_id] = running
        if _keeper is None:
            _keeper = threading.Thread(target=_keep, name="turn-keeper", daemon=True)
            _keeper.start()
    _threads.submit(_run, running, work)
    return running


def running_in(conversation_id: UUID) -> RunningTurn | None:
    """Return the conversation's turn if this process is making it."""
    return _running.get(conversation_id)


def turn_stop(conversation_id: UUID) -> None:
    """Stop the conversation's turn, wherever it runs: here at once, elsewhere within a second."""
    here = running_in(conversation_id)
    if here is not None:
        here.cancelled.set()
    else:
        redis_client().set(tenant_key("stop", conversation_id.hex), b"1", ex=STOP_KEPT)


def _run(running: RunningTurn, work: Work) -> None:
    request_id = str(running.turn.answer.request_id)
    try:
        with entered(running.tenant), bound(request_id=request_id):
            work(running)
    except Exception:
        log.exception("turn.failed", turn=str(running.turn.id))
    finally:
        connection.close()
        with _lock:
            if _running.get(running.turn.conversation_id) is running:
                del _running[running.turn.conversation_id]
        running.frames.finish()


def _keep() -> None:
    """Renew leases and look for stop requests, for all turns of this process."""
    beat = 0
    while True:
        time.sleep(KEEP_EVERY)
        beat += 1
        with _lock:
            turns = list(_running.values())
        by_tenant: dict[UUID, list[RunningTurn]] = {}
        for running in turns:
            by_tenant.setdefault(running.tenant.id, []).append(running)
        for group in by_tenant.values():
            try:
                with entered(group[0].tenant):
                    _look_for_stops(group)
                    if beat % 5 == 0:
                        leases_renew([running.turn.id for running in group])
            except (DatabaseError, redis.RedisError) as error:
                log.warning("turn.keeper", error=type(error).__name__)
            finally:
                connection.close()


def _look_for_stops(group: list[RunningTurn]) -> None:
    keys = [tenant_key("stop", running.turn.conversation_id.hex) for running in group]
    for running, found in zip(group, redis_client().mget(keys), strict=True):
        if found is not None:
            running.cancelled.set()
            redis_client().delete(tenant_key("stop", running.turn.conversation_id.hex))
