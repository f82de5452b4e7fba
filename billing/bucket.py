"""The token buckets of a tenant and of each member: requests, tokens, guardrail units, streams.

One Lua script takes from all of them or from none, so 64 callers at once are never granted more
than there is. A member has a share of the plan's rates, so that one person's program cannot take
them from the colleagues. The buckets protect the account's shared Bedrock quota and the neighbours;
money is protected by the reservation in PostgreSQL, which holds whatever happens here.

A burst waits in line for half a second at most before it is refused, a few callers of a tenant at
a time.

When Redis does not answer, each process goes on with a small bucket of its own
(`billing/fallback.py`): the product slows down instead of opening its doors or closing altogether.
Redis is tried again after `RETRY_AFTER` seconds; until it has answered, `degraded` says why not,
and `/readyz` shows it. A Redis that answers with an error (out of memory, read-only) is a fault to
mend: that is logged as an error, with its code.
"""

import json
import math
import random
import time
from collections import Counter
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.catalog import Rates
from billing.fallback import BUSY_STREAM_WAIT, LEASE, Fallback, capacities
from billing.shared import NOTHING_SHARED, Shared
from billing.units import Metric
from tenants.context import current
from tenants.errors import RateLimited
from tenants.redis import redis_client, region_key, tenant_key
from tenants.wording import grouped

log = structlog.get_logger(__name__)

RETRY_SHARE: Final = 0.2
"""Repetitions a minute, as a share of the plan's requests a minute; at least RETRIES_AT_LEAST."""
RETRIES_AT_LEAST: Final = 10
REGION_UNITS: Final = "the Region's guardrail units"
REQUESTS: Final = gettext_noop("requests")
NAMES: Final = (
    REQUESTS, gettext_noop("model tokens"), gettext_noop("embedding tokens"),
    gettext_noop("guardrail units"), "streams", REGION_UNITS
)  # fmt: skip
NOTHING_ELSE: Final[dict[str, Any]] = {
    "percent": 0, "own_streams": 0, "stream": "", "streams": 0, "lease": LEASE * 1000,
    "units": 0, "rate": 1, "room": 1, "tenant": "",
}  # fmt: skip
"""What the script is told where there is no member, no stream and nothing of the Region's."""
OWN: Final = 100  # added by the script to what refuses, where it is the member's own
LOOK_AGAIN: Final = 0.25  # seconds, at the most, between two looks of a caller who waits in line
LINE: Final = 4
"""Callers of a tenant who wait in a process at once; more are refused without waiting."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is left in the buckets, in the order of `NAMES`; `own` is the member's, if any."""

    tenant: tuple[int, ...]
    own: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refund:
    """What goes back to the buckets of the tenant that was entered when it was reckoned."""

    keys: list[str]
    told: str


levels_seen: ContextVar[list[Levels] | None] = ContextVar("levels_seen", default=None)
"""Where a request collects what its calls found, so that its answer need not ask again."""


def take(
    rates: Rates,
    amounts: Mapping[Metric, Any],
    *,
    stream: UUID | None,
    shared: Shared = NOTHING_SHARED,
    patience: float = 0,
    member: UUID | None = None,
    burst: float = 0,
    refund: Refund | None = None,
) -> None:
    """Take one request and its `amounts` from the buckets of the entered tenant and the member.

    `stream` also takes a place among the concurrent streams; `shared` takes from the Region's
    guardrail units, for which the caller waits in line for `patience` seconds; for the plan's own
    rates it waits for `burst` seconds. `refund` is put back before, by the same message. Raises
    RateLimited with the whole seconds after which the same request can pass.
    """
    costs = _costs(amounts)
    began, queued = time.monotonic(), False
    try:
        while True:
            asked = time.monotonic()
            which, wait = _through_redis(rates, costs, stream, shared, member, refund)
            refund = None
            if which == 0:
                return
            name = NAMES[which % OWN - 1]
            if name != REGION_UNITS and burst and not queued:
                queued = _line_join(current().id)
            most = patience if name == REGION_UNITS else burst if queued else 0
            # When a stream's place comes free nobody knows: one looks again while patience lasts.
            needed = 0 if name == "streams" else wait / 1000
            if time.monotonic() + needed >= began + most:
                break
            if not connection.in_atomic_block:
                connection.close()  # whoever waits must not keep a pooled connection
            pause = min(wait / 1000 * random.uniform(1, 1.2), LOOK_AGAIN)  # noqa: S311 - only jitter
            time.sleep(pause)
    finally:
        if queued:
            _line_leave(current().id)
    refusal = _refusal(rates, which, wait, shared)
    if name == REQUESTS and not degraded():
        # Each call takes a whole request and none is ever given back: nobody is granted one sooner.
        refusal.until = asked + wait / 1000
    raise refusal


def line_full(tenant: UUID) -> bool:
    """Return whether a call of the tenant that is refused now would be so without waiting."""
    return _waiting[tenant] >= LINE


def _refusal(rates: Rates, which: int, wait: int, shared: Shared) -> RateLimited:
    own, name = which > OWN, NAMES[which % OWN - 1]
    if name == REGION_UNITS:
        detail = _(
            "The guardrails of %(region)s are busy: %(units)s text units a second for everybody."
            " Your share comes back in a moment; try again."
        ) % {"region": shared.region, "units": grouped(shared.per_second)}
        return RateLimited(detail, retry_after=max(1, math.ceil(wait / 1000)), limit=name)
    if name == "streams":
        wait = min(wait, BUSY_STREAM_WAIT)
        detail = (
            _(
                "Your plan runs %(most)s of yours at once and all are busy; wait until one has"
                " finished."
            )
            if own
            else _(
                "Your plan runs %(most)s answers at once and all are busy; wait until one has"
                " finished."
            )
        ) % {"most": rates.member_streams if own else rates.streams}
    else:
        detail = (
            _(
                "Your plan allows %(limit)s %(name)s a minute, one member %(percent)s%% of that;"
                " wait a moment and try again. A larger plan allows more."
            )
            if own
            else _(
                "Your plan allows %(limit)s %(name)s a minute; wait a moment and try again. A"
                " larger plan allows more."
            )
        ) % {
            "limit": grouped(capacities(rates)[which % OWN - 1]),
            "name": _(name),
            "percent": rates.member_percent,
        }
    return RateLimited(
        detail,
        retry_after=max(1, math.ceil(wait / 1000)),
        limit=name,
        scope="member" if own else "workspace",
        upgrade_url="/usage/plans/",
    )


def levels(rates: Rates, *, member: UUID | None) -> Levels | None:
    """Return what is left in the buckets now, taking nothing; None while Redis is away."""
    seen: list[Levels] = []
    token = levels_seen.set(seen)
    try:
        if not _fallback.active():
            _ask(rates, (0.0, 0.0, 0.0, 0.0), None, NOTHING_SHARED, member)
    except redis.RedisError as error:
        _fallback.begin(_lost("bucket.redis_lost", error))
    finally:
        levels_seen.reset(token)
    return seen[-1] if seen else None


def degraded() -> str:
    """Return the code of what keeps this process from Redis' buckets; empty while nothing does."""
    return _fallback.reason


def _lost(event: str, error: redis.RedisError) -> str:
    """Log what Redis did not do, an answer that is an error as ours to mend; return its code."""
    code = error.status_code or type(error).__name__
    write = log.error if isinstance(error, redis.ResponseError) else log.warning
    write(event, code=code, error=str(error))
    return code


def retry_take(rates: Rates) -> bool:
    """Take the repetition of a call from the entered tenant's own share; say whether it had one.

    A repetition is a request like any other, and there are few of them: while the service throttles
    everybody, who sends most runs out first, and the others still get through. While Redis is away
    nothing is repeated.
    """
    capacity = max(RETRIES_AT_LEAST, int(rates.requests * RETRY_SHARE))
    try:
        taken = _scripts()[0](
            keys=[tenant_key("retries")],
            args=[json.dumps(NOTHING_ELSE | {"costs": [1], "capacities": [capacity]})],
        )
        if not taken.startswith(b"0 "):
            return False
        take(rates, {}, stream=None)
    except redis.RedisError as error:
        _lost("bucket.retry_lost", error)
        return False
    except RateLimited:
        return False
    return True


def give_back(
    rates: Rates,
    amounts: Mapping[Metric, Any],
    *,
    stream: UUID | None,
    shared: Shared = NOTHING_SHARED,
    member: UUID | None = None,
) -> None:
    """Return what was taken and not used; free the stream's place. Never raises."""
    refund = refund_of(rates, amounts, stream=stream, shared=shared, member=member)
    if refund is not None:
        refund_send(refund)


def refund_of(
    rates: Rates,
    amounts: Mapping[Metric, Any],
    *,
    stream: UUID | None = None,
    shared: Shared = NOTHING_SHARED,
    member: UUID | None = None,
) -> Refund | None:
    """Return what `give_back` sends, to go with the next taking; None where it is nothing.

    A place that this process gave while Redis was away is free at once.
    """
    if stream is not None:
        _fallback.leave(stream)
    unused = (0.0, *_costs(amounts)[1:])
    if stream is None and not any(unused) and not shared.units:
        return None
    told = {
        "unused": unused,
        "capacities": capacities(rates),
        "percent": rates.member_percent if member else 0,
        "stream": str(stream or ""),
        "units": shared.units,
        "room": shared.capacity,
    }
    return Refund(_keys(shared, member), json.dumps(told))


def refund_send(refund: Refund) -> None:
    """Put it back. Never raises."""
    try:
        _scripts()[1](keys=refund.keys, args=[refund.told])
    except redis.RedisError as error:
        _lost("bucket.refund_lost", error)


def _costs(amounts: Mapping[Metric, Any]) -> tuple[float, ...]:
    counted = (Metric.MODEL_TOKENS, Metric.EMBEDDING_TOKENS, Metric.GUARDRAIL_UNITS)
    return (1.0, *(float(amounts.get(metric, 0)) for metric in counted))


def _keys(shared: Shared, member: UUID | None) -> list[str]:
    """Return the scripts' keys; those of the Region only where something of it is taken."""
    own = ("member", member.hex) if member else ()
    found = [
        tenant_key("rates"),
        tenant_key(*own, "rates"),
        tenant_key("streams"),
        tenant_key(*own, "streams"),
    ]
    if shared.units:
        found += [
            region_key(shared.region, "guardrail-units"),
            region_key(shared.region, "guardrail-tenants"),
            tenant_key("guardrail-share"),
        ]
    return found


@cache
def _scripts() -> tuple[Any, Any]:
    folder = Path(__file__).parent
    client = redis_client()
    return (
        client.register_script((folder / "bucket.lua").read_text()),
        client.register_script((folder / "refund.lua").read_text()),
    )


def _through_redis(
    rates: Rates,
    costs: tuple[float, ...],
    stream: UUID | None,
    shared: Shared,
    member: UUID | None,
    refund: Refund | None = None,
) -> tuple[int, int]:
    """Return which bucket refused (0: none) and for how many milliseconds."""
    if not _fallback.active():
        try:
            return _ask(rates, costs, stream, shared, member, refund)
        except redis.RedisError as error:
            _fallback.begin(_lost("bucket.redis_lost", error))
    elif refund is not None:
        refund_send(refund)
    return _fallback.take(current().id, rates, costs, stream)


def _ask(
    rates: Rates,
    costs: tuple[float, ...],
    stream: UUID | None,
    shared: Shared,
    member: UUID | None,
    refund: Refund | None = None,
) -> tuple[int, int]:
    # One text each way: a client spends more on many small values than Redis on reading one.
    asked = NOTHING_ELSE | {
        "costs": costs,
        "capacities": capacities(rates),
        "stream": str(stream or ""),
        "streams": rates.streams,
    }
    if member:
        asked |= {"percent": rates.member_percent, "own_streams": rates.member_streams}
    if shared.units:
        asked |= {
            "units": shared.units,
            "rate": shared.per_second,
            "room": shared.capacity,
            "tenant": current().id.hex,
        }
    answer = _told(_keys(shared, member), json.dumps(asked), refund)
    _fallback.reason = ""
    which, wait, *left = map(int, answer.split())
    seen = levels_seen.get()
    if which == 0 and seen is not None:
        seen.append(Levels(tuple(left[: len(costs)]), tuple(left[len(costs) :])))
    return which, wait


def _told(keys: list[str], asked: str, refund: Refund | None) -> bytes:
    """Return what taking answers, after a refund that goes with it."""
    take, back = _scripts()
    if refund is None:
        return take(keys=keys, args=[asked])  # type: ignore[no-any-return]
    pipe = redis_client().pipeline(transaction=False)
    pipe.evalsha(back.sha, len(refund.keys), *refund.keys, refund.told)
    pipe.evalsha(take.sha, len(keys), *keys, asked)
    given, answer = pipe.execute(raise_on_error=False)
    # Redis has started anew, and may know one of the two again from another process.
    late = isinstance(given, redis.exceptions.NoScriptError)
    if late:
        refund_send(refund)
    elif isinstance(given, redis.RedisError):
        _lost("bucket.refund_lost", given)
    if isinstance(answer, redis.exceptions.NoScriptError) or (late and _refused(answer)):
        return take(keys=keys, args=[asked])  # type: ignore[no-any-return]
    if isinstance(answer, redis.RedisError):
        raise answer
    return answer  # type: ignore[no-any-return]


def _refused(answer: bytes | redis.RedisError) -> bool:
    """Return whether that is a refusal, which has taken nothing."""
    return isinstance(answer, bytes) and not answer.startswith(b"0 ")


_waiting: Counter[UUID] = Counter()
_waiting_lock = Lock()


def _line_join(tenant: UUID) -> bool:
    """Take a place in the tenant's line, if there is one."""
    with _waiting_lock:
        room = _waiting[tenant] < LINE
        _waiting[tenant] += room
        return room


def _line_leave(tenant: UUID) -> None:
    with _waiting_lock:
        _waiting[tenant] -= 1
        if not _waiting[tenant]:
            del _waiting[tenant]


_fallback = Fallback()
