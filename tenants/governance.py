"""How new is what staff and admins have decided: one number, moved by any edit of those rows.

Plans, prices, models, profiles, guardrails, routes, rules and settings change seldom and are needed
for every call, so each process keeps what it read. Triggers on their tables move the number when an
edit commits, whoever makes it; a process looks at it at least every `LOOK_EVERY` seconds, with
whoever asks to act on a socket, or by a statement of its own.
"""

import time
from threading import Lock
from typing import Final

from django.db import connection

LOOK_EVERY: Final = 5.0
VERSION: Final = "SELECT version FROM registry_governance"

_lock = Lock()
_seen: tuple[int, float] | None = None  # the number, until when it holds


def version() -> int:
    """Return the number, at most `LOOK_EVERY` seconds old. What is read after it is as new."""
    seen = _seen
    if seen is not None and seen[1] > time.monotonic():
        return seen[0]
    with _lock:
        if _seen is not None and _seen[1] > time.monotonic():
            return _seen[0]
        asked = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(VERSION)
            [number] = cursor.fetchone()
        return told(number, asked)


def told(number: int, asked: float) -> int:
    """Take the number from a statement that was sent at `asked` (monotonic seconds)."""
    global _seen
    _seen = (number, asked + LOOK_EVERY)
    return number


def look_again() -> None:
    """Let the next use look: after an edit of this process's own."""
    global _seen
    _seen = None
