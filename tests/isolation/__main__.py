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

from tests.support.services import Servers, Worker

PARTS = ("random", "ways", "layers", "faults")
# Hostile cases of a size to choose: number -> what runs it, and which variables say how large.
CASES = {
    4: ("interleaved_sockets", {"ISOLATION_SOCKETS": 200, "ISOLATION_READS": 1_000_000}),
    17: ("another_workspaces_exact_text", {"ISOLATION_QUERIES": 10_000}),
    18: ("deleted_document", {"ISOLATION_QUERIES": 10_000}),
    22: ("multi_turn_request", {"ISOLATION_EXTRACTIONS": 1_000}),
    45: ("canaries_stay_out_of_logs", {"ISOLATION_CANARIES": 1_000}),
}


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
    return given.parse_args()


def _case(asked: argparse.Namespace) -> int:
    """Run a hostile case at its full size, or at the one asked for, and return the exit code."""
    name, sizes = CASES[asked.case]
    given = {variable: str(asked.size or size) for variable, size in sizes.items()}
    if asked.case == 4:
        given["ISOLATION_SOCKETS"] = str(asked.sockets or sizes["ISOLATION_SOCKETS"])
    os.environ |= {**given, "ISOLATION_TIMEOUT": "0"}
    import pytest

    return int(pytest.main(["-q", "-n", "0", "tests/isolation/test_cases.py", "-k", name]))


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
