"""What the tables run against."""

from __future__ import annotations

from tests.support.services import Worker

_workers: list[Worker] = []


def use(worker: Worker) -> None:
    """Let the tables run against this process's servers."""
    _workers[:] = [worker]


def worker() -> Worker:
    """Return this process's servers."""
    return _workers[0]


def fill_buckets() -> None:
    """Give every tenant its full rate back: a table measures the work, not the plan's limit."""
    for worker in _workers:
        worker.empty_redis()
