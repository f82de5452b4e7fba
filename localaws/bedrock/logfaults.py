"""What can go wrong with the delivery of invocation logs, switched on at `/_localaws/logs`."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from localaws.calls import Call
from localaws.errors import invalid
from localaws.wire import Json


@dataclass
class LogFaults:
    """The switches; `due`, `arranged` and `cut` apply them to a delivery."""

    lag_seconds: float = 0
    hold: bool = False
    shuffle: bool = False
    truncate: int = 0
    duplicate: int = 0
    drop: int = 0
    _cut: list[tuple[str, str, bytes]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, document: Any) -> None:
        """Take switches; an unknown one is refused, so that a typo is seen."""
        kinds = {
            "lag_seconds": (int, float),
            "hold": bool,
            "shuffle": bool,
            "truncate": int,
            "duplicate": int,
            "drop": int,
        }
        if not isinstance(document, dict) or set(document) - set(kinds):
            raise invalid(f"The switches of the invocation log are {sorted(kinds)}")
        for name, value in document.items():
            if not isinstance(value, kinds[name]):  # type: ignore[arg-type]
                raise invalid(f"{name} is of another type")
        with self._lock:
            for name, value in document.items():
                setattr(self, name, value)

    def reset(self) -> None:
        """Switch everything off."""
        with self._lock:
            self.lag_seconds = 0
            self.hold = self.shuffle = False
            self.truncate = self.duplicate = self.drop = 0

    def due(self, calls: list[Call], now: float, everything: bool) -> tuple[list[Call], list[Call]]:
        """Part what is to be delivered now from what is held back."""
        if everything:
            return calls, []
        if self.hold:
            return [], calls
        cut = now - self.lag_seconds
        due = [call for call in calls if call.ended <= cut]
        return due, [call for call in calls if call.ended > cut]

    def arranged(self, records: list[Json]) -> list[list[Json]]:
        """Return the files to write: records dropped, out of order, or there twice.

        A repeated record comes once more in its own file, and once in a second one.
        """
        with self._lock:
            dropped = min(self.drop, len(records))
            self.drop -= dropped
            records = records[dropped:]
            twice = records[: self.duplicate]
            self.duplicate -= len(twice)
        files = [records + twice, twice]
        if self.shuffle:
            for part in files:
                random.shuffle(part)
        return [part for part in files if part]

    def cut(self, bucket: str, name: str, whole: bytes) -> bytes:
        """Return a file as it is delivered: whole, or its first half."""
        with self._lock:
            if self.truncate <= 0:
                return whole
            self.truncate -= 1
            self._cut.append((bucket, name, whole))
        return whole[: len(whole) // 2]

    def taken(self) -> list[tuple[str, str, bytes]]:
        """Return the files that were cut, once."""
        with self._lock:
            found, self._cut = self._cut, []
            return found
