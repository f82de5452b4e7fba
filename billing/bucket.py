"""The token bucket of each tenant: requests, tokens, guardrail units and streams at once, by plan.

One Lua script takes from all of them or from none, so 64 callers at once are never granted more
than there is. It protects the account's shared Bedrock quota and the neighbours; money is protected
by the reservation in PostgreSQL, which holds whatever happens here.

When Redis does not answer, each process goes on with a small bucket of its own, a tenth of the
plan's rates (`FALLBACK_SHARE`) and at least one stream: the product slows down instead of opening
its doors or closing altogether. Redis is tried again after `RETRY_AFTER` seconds.
"""

import math
import random
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final
from uuid import UUID

import redis
import structlog
from django.db import connection

from billing.catalog import Rates
from billing.shared import NOTHING_SHARED, Shared
from billing.units import Metric
from tenants.context import current
from tenants.errors import RateLimited
from tenants.redis import redis_client, region_key, tenant_key

log = structlog.get_logger(__name__)

RETRY_SHARE: Final = 0.2
"""Repetitions a minute, as a share of the plan's requests a minute; at least RETRIES_AT_LEAST."""
RETRIES_AT_LEAST: Final = 10
LEASE: Final = 180
"""Seconds after which the place of a stream whose process died is free again."""
FALLBACK_SHARE: Final = 0.1
RETRY_AFTER: Final = 5.0
REGION_UNITS: Final = "the Region's guardrail units"
NAMES: Final = (
    "requests", "model tokens", "embedding tokens", "guardrail units", "streams", REGION_UNITS
)  # fmt: skip
LOOK_AGAIN: Final = 0.25  # seconds, at the most, between two looks of a caller who waits in line
BUSY_STREAM_WAIT: Final = 2_000  # ms: streams usually end long before their lease


def take(
    rates: Rates,
    amounts: Mapping[Metric, Any],
    *,
    stream: UUID | None,
    shared: Shared = NOTHING_SHARED,
    patience: float = 0,
) -> None:
    """Take one request and its `amounts` from the entered tenant's buckets.

    `stream` also takes a place among the concurrent streams; `shared` takes from the Region's
    guardrail units, for which the caller waits in line for `patience` seconds. Raises RateLimited
    with the whole seconds after which the same request can pass.
    """
    costs = _costs(amounts)
    until = time.monotonic() + patience
    while True:
        which, wait = _through_redis(rates, costs, stream, shared)
        if which == 0:
            return
        if NAMES[which - 1] != REGION_UNITS or time.monotonic() + wait / 1000 > until:
            break
        if not connection.in_atomic_block:
            connection.close()  # whoever waits must not keep a pooled connection
        time.sleep(min(wait / 1000 * random.uniform(1, 1.2), LOOK_AGAIN))  # noqa: S311 - only jitter
    name = NAMES[which - 1]
    if name == REGION_UNITS:
        detail = (
            f"The guardrails of {shared.region} are busy: {shared.per_second:,} text units a second"
            " for everybody. Your share comes back in a moment; try again."
        )
        raise RateLimited(detail, retry_after=max(1, math.ceil(wait / 1000)), limit=name)
    if name == "streams":
        wait = min(wait, BUSY_STREAM_WAIT)
        detail = (
            f"Your plan runs {rates.streams} answers at once and all are busy;"
            " wait until one has finished."
        )
    else:
        limit = _capacities(rates)[which - 1]
        detail = f"Your plan allows {limit:,} {name} a minute; wait a moment and try again."
    raise RateLimited(detail, retry_after=max(1, math.ceil(wait / 1000)), limit=name)


def retry_take(rates: Rates) -> bool:
    """Take the repetition of a call from the entered tenant's own share; say whether it had one.

    A repetition is a request like any other, and there are few of them: while the service throttles
    everybody, who sends most runs out first, and the others still get through. While Redis is away
    nothing is repeated.
    """
    capacity = max(RETRIES_AT_LEAST, int(rates.requests * RETRY_SHARE))
    try:
        taken = _scripts()[0](
            keys=[tenant_key("retries"), tenant_key("streams")],
            args=[1, 1, capacity, "", 0, 0, 0, 0, 0, ""],  # no stream, nothing of the Region's
        )
        if int(taken[0]):
            return False
        take(rates, {}, stream=None)
    except redis.RedisError as error:
        log.warning("bucket.retry_lost", error=str(error))
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
) -> None:
    """Return what was taken and not used; free the stream's place. Never raises."""
    if stream is not None:
        _fallback.leave(stream)
    unused = (0.0, *_costs(amounts)[1:])
    if stream is None and not any(unused) and not shared.units:
        return
    try:
        _scripts()[1](
            keys=_keys(shared),
            args=[
                len(unused),
                *_pairs(unused, _capacities(rates)),
                str(stream or ""),
                shared.units,
                shared.capacity,
            ],
        )
    except redis.RedisError as error:
        log.warning("bucket.refund_lost", error=str(error))


def _costs(amounts: Mapping[Metric, Any]) -> tuple[float, ...]:
    counted = (Metric.MODEL_TOKENS, Metric.EMBEDDING_TOKENS, Metric.GUARDRAIL_UNITS)
    return (1.0, *(float(amounts.get(metric, 0)) for metric in counted))


def _capacities(rates: Rates) -> tuple[int, ...]:
    return (rates.requests, rates.model_tokens, rates.embedding_tokens, rates.guardrail_units)


def _keys(shared: Shared) -> list[str]:
    return [
        tenant_key("bucket"),
        tenant_key("streams"),
        region_key(shared.region, "guardrail-units"),
        region_key(shared.region, "guardrail-tenants"),
        tenant_key("guardrail-share"),
    ]


def _pairs(costs: tuple[float, ...], capacities: tuple[int, ...]) -> list[float]:
    return [value for pair in zip(costs, capacities, strict=True) for value in pair]


@cache
def _scripts() -> tuple[Any, Any]:
    folder = Path(__file__).parent
    client = redis_client()
    return (
        client.register_script((folder / "bucket.lua").read_text()),
        client.register_script((folder / "refund.lua").read_text()),
    )


def _through_redis(
    rates: Rates, costs: tuple[float, ...], stream: UUID | None, shared: Shared
) -> tuple[int, int]:
    """Return which bucket refused (0: none) and for how many milliseconds."""
    if not _fallback.active():
        try:
            answer = _scripts()[0](
                keys=_keys(shared),
                args=[
                    len(costs),
                    *_pairs(costs, _capacities(rates)),
                    str(stream or ""),
                    rates.streams,
                    LEASE * 1000,
                    shared.units,
                    shared.per_second,
                    shared.capacity,
                    current().id.hex,
                ],
            )
        except redis.RedisError as error:
            log.warning("bucket.redis_lost", error=str(error))
            _fallback.begin()
        else:
            return (int(answer[0]), int(answer[1])) if int(answer[0]) else (0, 0)
    return _fallback.take(current().id, rates, costs, stream)


class Fallback:
    """This process's own buckets while Redis is away."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._until = 0.0
        self._levels: dict[UUID, tuple[float, list[float]]] = {}
        self._streams: dict[UUID, tuple[UUID, float]] = {}  # stream -> tenant, when it expires

    def active(self) -> bool:
        return time.monotonic() < self._until

    def begin(self) -> None:
        self._until = time.monotonic() + RETRY_AFTER

    def leave(self, stream: UUID) -> None:
        with self._lock:
            self._streams.pop(stream, None)

    def take(
        self, tenant: UUID, rates: Rates, costs: tuple[float, ...], stream: UUID | None
    ) -> tuple[int, int]:
        """Take as the script does, from a tenth of the plan."""
        now = time.monotonic()
        capacities = [capacity * FALLBACK_SHARE for capacity in _capacities(rates)]
        with self._lock:
            at, levels = self._levels.get(tenant, (now, capacities))
            filled = [
                min(capacity, level + (now - at) * capacity / 60)
                for level, capacity in zip(levels, capacities, strict=True)
            ]
            for number, (cost, level, capacity) in enumerate(
                zip(costs, filled, capacities, strict=True), start=1
            ):
                if cost and level < min(cost, capacity):
                    missing = min(cost, capacity) - level
                    return number, math.ceil(missing * 60_000 / capacity) if capacity else 60_000
            if stream is not None:
                self._streams = {k: v for k, v in self._streams.items() if v[1] > now}
                busy = sum(owner == tenant for owner, _ in self._streams.values())
                if busy >= max(1, int(rates.streams * FALLBACK_SHARE)):
                    return len(costs) + 1, BUSY_STREAM_WAIT
                self._streams[stream] = (tenant, now + LEASE)
            self._levels[tenant] = (
                now,
                [level - cost for level, cost in zip(filled, costs, strict=True)],
            )
        return 0, 0


_fallback = Fallback()
