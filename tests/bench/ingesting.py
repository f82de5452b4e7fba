"""What tables of ingestion share: when documents are ready, and the memory that it takes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import psutil
import psycopg
from psycopg import sql

from tests.support.live import LiveStack

GIVE_UP = 300.0  # seconds
LOOK_EVERY = 0.005
MEMORY_EVERY = 0.02
STATES = "SELECT status, chunks FROM {}.documents_document WHERE id = ANY(%s::uuid[])"

Processes = Callable[[], list[psutil.Process]]


@dataclass(slots=True)
class Memory:
    """Bytes of some processes together, before and at the most; what they share counts once."""

    before: int
    most: int


def family(process: psutil.Process) -> Processes:
    """Return what lists a process and all that come from it."""
    return lambda: [process, *process.children(recursive=True)]


@contextmanager
def memory_watched(processes: Processes) -> Iterator[Memory]:
    """Look at the processes' memory as long as the block runs."""
    over, seen = threading.Event(), Memory(before := memory_of(processes()), before)

    def watch() -> None:
        while not over.wait(MEMORY_EVERY):
            seen.most = max(seen.most, memory_of(processes()))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def memory_of(processes: Sequence[psutil.Process]) -> int:
    """Return what these processes have; what they share is divided among them."""
    whole = 0
    for process in processes:
        try:
            whole += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # a parsing child that has just ended
    return whole


def computed(processes: Sequence[psutil.Process]) -> float:
    """Return the seconds that processes have computed, with their children that have ended."""
    whole = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        whole += times.user + times.system + times.children_user + times.children_system
    return whole


def documents_ready(
    stack: LiveStack, connection: psycopg.Connection[Any], slug: str
) -> Callable[[Sequence[str]], int]:
    """Return what waits for documents of a workspace, and returns how many passages they have.

    It asks the database: the web process has better to do.
    """
    [(schema,)] = stack.sql("SELECT schema_name FROM registry_tenant WHERE slug = %s", slug)
    states = sql.SQL(STATES).format(sql.Identifier(schema))

    def wait(ids: Sequence[str]) -> int:
        give_up, tick = perf_counter() + GIVE_UP, threading.Event()
        while True:
            found = connection.execute(states, [list(ids)]).fetchall()
            if all(status == "ready" for status, _ in found):
                return sum(chunks for _, chunks in found)
            assert all(status != "failed" for status, _ in found), found
            assert perf_counter() < give_up, found
            tick.wait(LOOK_EVERY)

    return wait
