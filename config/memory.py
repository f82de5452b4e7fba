"""The memory of a worker: what its processes share, and what they give back when they have done.

A worker's processes are forks of one. What that one has loaded they have in common, page by page,
until one of them writes there; what each loads by itself, each has.
"""

import ctypes
import gc
import os
from typing import Final

ARENAS: Final = 2
KEPT: Final = 256 * 1024  # bytes; larger blocks go back to the system at once
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def memory_return() -> None:
    """Have glibc give back what is free: a heap for each thread keeps all that it ever had."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, KEPT)
        mallopt(_M_TRIM_THRESHOLD, KEPT)


def memory_share() -> None:
    """Load what each process of the worker needs, and leave it alone in their collections.

    To be called once, right before they are forked.
    """
    from tenants.aws import clients_build
    from tenants.lifecycle.standing import wanted

    wanted()
    clients_build(os.environ.get("AWS_REGION", "us-east-1"))
    garbage_settle()


def garbage_settle() -> None:
    """Let the collector look at the garbage of work alone, not again and again at what stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
