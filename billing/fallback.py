"""Buckets of this process while Redis is away: a tenth of the plan's rates, at least one stream.

Members' shares are not kept apart here: what is left is too little to divide.
"""

import math
import time
from threading import Lock
from typing import Final
from uuid import UUID

from billing.catalog import Rates

LEASE: Final = 180
"""Seconds after which the place of a stream whose process died is free again."""
FALLBACK_SHARE: Final = 0.1
RETRY_AFTER: Final = 5.0
BUSY_STREAM_WAIT: Final = 2_000  # ms: streams usually end long before their lease


def capacities(rates: Rates) -> tuple[int, ...]:
    """Return what each bucket of a plan holds, a minute's worth, in the scripts' order."""
    return (rates.requests, rates.model_tokens, rates.embedding_tokens, rates.guardrail_units)


class Fallback:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._until = 0.0
        self.reason = ""  # why Redis' buckets were left, until they answer again
        self._levels: dict[UUID, tuple[float, list[float]]] = {}
        self._streams: dict[UUID, tuple[UUID, float]] = {}  # stream -> tenant, when it expires

    def active(self) -> bool:
        return time.monotonic() < self._until

    def begin(self, reason: str) -> None:
        self.reason = reason
        self._until = time.monotonic() + RETRY_AFTER

    def leave(self, stream: UUID) -> None:
        with self._lock:
            self._streams.pop(stream, None)

    def take(
        self, tenant: UUID, rates: Rates, costs: tuple[float, ...], stream: UUID | None
    ) -> tuple[int, int]:
        """Take as the script does, from a tenth of the plan."""
        now = time.monotonic()
        held = [capacity * FALLBACK_SHARE for capacity in capacities(rates)]
        with self._lock:
            at, levels = self._levels.get(tenant, (now, held))
            filled = [
                min(capacity, level + (now - at) * capacity / 60)
                for level, capacity in zip(levels, held, strict=True)
            ]
            for number, (cost, level, capacity) in enumerate(
                zip(costs, filled, held, strict=True), start=1
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
