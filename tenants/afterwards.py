"""What may be done once a request's answer is on its way to its reader.

Only what nobody would miss where the process dies in between, and what a following request finds
done, or does without: it may come first.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident

import structlog

log = structlog.get_logger(__name__)

_left: ContextVar[tuple[int, list[Callable[[], None]]] | None] = ContextVar(
    "left_for_afterwards", default=None
)


def afterwards(work: Callable[[], None]) -> None:
    """Do it when the answer of this thread's request is told; at once where there is none.

    What a thread beside the request does, it does at once: the request may be over by then.
    """
    left = _left.get()
    if left is not None and left[0] == get_ident():
        left[1].append(work)
    else:
        work()


def left_do() -> None:
    """Do at once what this request has left so far: it goes on, and would miss it."""
    left = _left.get()
    if left is not None and left[0] == get_ident():
        _all_done(left[1])


@contextmanager
def afterwards_done() -> Iterator[None]:
    """Do at the block's end what was left for it, whatever else fails."""
    works: list[Callable[[], None]] = []
    token = _left.set((get_ident(), works))
    try:
        yield
    finally:
        _left.reset(token)
        _all_done(works)


def _all_done(works: list[Callable[[], None]]) -> None:
    while works:
        try:
            works.pop(0)()
        except Exception:
            log.exception("afterwards.failed")
