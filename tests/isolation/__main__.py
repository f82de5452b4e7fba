"""Measure isolation: `make isolation N=20000`, or `python -m tests.isolation --operations 20000`.

Starts PostgreSQL, Redis and local AWS as the tests do, runs random operations of five workspaces
and prints what was done and found (docs/isolation.md says how to read it). The exit code is 1 for
anything that should not be.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

from tests.isolation.cases import CASES
from tests.support.services import Servers, Worker

PARTS = ("random", "ways", "layers", "faults")
_SIZED = [number for number, case in CASES.items() if case.size]


def main() -> int:
    """Run what was asked for and return the exit code."""
    asked = _asked()
    if asked.case:
        return _case(asked)
    with _running() as worker:
        from tests.isolation import report

        return report.main(worker, asked)


def _asked() -> argparse.Namespace:
    given = argparse.ArgumentParser(prog="python -m tests.isolation", description=__doc__)
    say = given.add_argument
    say("--operations", type=int, default=20_000, metavar="N", help="random operations")
    cores = os.cpu_count() or 1
    say("--processes", type=int, default=cores, help="that share them; as many as cores")
    say("--seed", type=int, default=1, help="the same seed draws the same operations")
    say("--steps", metavar="FILE", help="do the steps of this file, one after another, instead")
    say("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts alone")
    say("--case", type=int, choices=CASES, help="one hostile case of docs/isolation.md instead")
    say("--size", type=int, metavar="N", help="of it: reads, queries or turns; the full size else")
    say("--sockets", type=int, metavar="N", help="of case 4")
    asked = given.parse_args()
    if asked.size and (asked.case is None or CASES[asked.case].size is None):
        given.error("--size goes with a --case that has one: " + ", ".join(map(str, _SIZED)))
    if asked.sockets and asked.case != 4:
        given.error("--sockets goes with --case 4")
    return asked


def _case(asked: argparse.Namespace) -> int:
    """Run a hostile case at its full size, or at the one asked for, and return the exit code."""
    case = CASES[asked.case]
    os.environ |= case.whole
    if case.size:
        variable, full = case.size
        os.environ[variable] = str(asked.size or full)
    if asked.sockets:
        os.environ["ISOLATION_SOCKETS"] = str(asked.sockets)
    import pytest

    class Unhurried:
        """The suite's time limits are those of small sizes."""

        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            for item in items:
                item.add_marker(pytest.mark.timeout(0), append=False)

    plain = ["-q", "-n", "0", "-p", "no:cacheprovider", "--show-capture=no"]
    return int(pytest.main([*plain, *case.tests], plugins=[Unhurried()]))


@contextmanager
def _running() -> Iterator[Worker]:
    """Start the servers and load Django against them; its log goes to a file."""
    print("Starting PostgreSQL, Redis and the local AWS …", flush=True)
    servers = Servers()
    worker: Worker | None = None
    try:
        worker = Worker(servers.start(), "main")
        worker.start()
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        log = open(worker.options.var / "isolation.log", "w", buffering=1)  # noqa: SIM115, PTH123 - as long as the run
        with redirect_stderr(log):
            import django

            django.setup()
            worker.wait()
            yield worker
    finally:
        if worker is not None:
            worker.stop()
        servers.stop()


if __name__ == "__main__":
    raise SystemExit(main())
