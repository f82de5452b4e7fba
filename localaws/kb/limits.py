"""The services' own limits: calls a second, calls at once, and how many Knowledge Bases there are.

https://docs.aws.amazon.com/bedrock/latest/userguide/quotas.html
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from localaws.errors import AwsError, invalid

CLASSIC_BASES = 100  # an account and Region; not adjustable
MANAGED_BASES = 10_000
DOCUMENTS_A_CALL = 10
DOCUMENT_CALLS_AT_ONCE = 10  # ingesting and deleting together

# (calls, seconds); the burst is what a window may hold
RATES = {
    "IngestKnowledgeBaseDocuments": (5, 1.0),
    "DeleteKnowledgeBaseDocuments": (5, 1.0),
    "Rerank": (10, 1.0),
    "Retrieve": (20, 1.0),
}
MANAGED_RETRIEVALS = (600, 60.0)
MANAGED_BURST = (25, 1.0)


def at_most(limit: int, name: str, given: int) -> None:
    """Refuse more than a member may have: botocore's validator checks minima alone."""
    if given > limit:
        raise invalid(
            f"1 validation error detected: Value at '{name}' failed to satisfy constraint: "
            f"Member must have at most {limit}, has {given}"
        )


class Limits:
    """Counts calls by account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[tuple[str, ...], deque[float]] = {}
        self._running: dict[str, int] = {}

    def pass_or_throttle(self, key: tuple[str, ...], *rates: tuple[int, float]) -> None:
        """Count a call; ThrottlingException where one of the windows is full."""
        now = time.monotonic()
        with self._lock:
            windows = [
                (calls, seconds, self._windows.setdefault((*key, str(seconds)), deque()))
                for calls, seconds in rates
            ]
            for calls, seconds, window in windows:
                while window and window[0] <= now - seconds:
                    window.popleft()
                if len(window) >= calls:
                    raise AwsError(
                        "ThrottlingException",
                        "Your request rate is too high. Reduce the frequency of requests.",
                    )
            for _, _, window in windows:
                window.append(now)

    def forget(self) -> None:
        """Let the windows be empty again; calls that are running keep their places."""
        with self._lock:
            self._windows.clear()

    @contextmanager
    def document_call(self, account: str) -> Iterator[None]:
        """Hold one of the account's ten places for ingesting and deleting."""
        with self._lock:
            running = self._running.get(account, 0)
            if running >= DOCUMENT_CALLS_AT_ONCE:
                raise invalid(
                    "The number of concurrent IngestKnowledgeBaseDocuments and "
                    "DeleteKnowledgeBaseDocuments requests exceeds the limit of "
                    f"{DOCUMENT_CALLS_AT_ONCE} for the account."
                )
            self._running[account] = running + 1
        try:
            yield
        finally:
            with self._lock:
                self._running[account] -= 1
