"""Wait for what other processes do: look often, give up at a deadline, never sleep blindly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")
LOOK_EVERY = 0.05  # seconds
PATIENCE = 40.0  # seconds, on a machine that does other things; who waits in vain waits so long


def eventually(look: Callable[[], R], within: float = PATIENCE, saying: str = "") -> R:
    """Return the first true thing that `look` returns. Fails after `within` seconds.

    An assertion that fails inside `look` counts as not yet, and is raised when time is up.
    """
    give_up = time.monotonic() + within
    tick = threading.Event()
    while True:
        failure = None
        try:
            if found := look():
                return found
        except AssertionError as error:
            failure = error
        if time.monotonic() > give_up:
            raise failure or AssertionError(f"not within {within} s: {saying or look}")
        tick.wait(LOOK_EVERY)
