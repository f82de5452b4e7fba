"""One run in several processes: each with a database, a Redis number and a local AWS of its own.

A process of Python does one thing at a time; the machine's other cores would wait. Each part draws
from a seed of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from config.stack.options import REPOSITORY
from tests.support.services import Served, Worker

if TYPE_CHECKING:
    from tests.isolation.stateful.drive import Outcome

LEAST: Final = 1000  # operations that are worth a process


def spread(worker: Worker, seed: int, operations: int, processes: int) -> Outcome:
    """Run `operations` random steps in as many processes, and return what all of them found."""
    from tests.isolation.stateful.drive import drawn, driven

    parts = max(1, min(processes, operations // LEAST))
    share, rest = divmod(operations, parts)
    others = [_begun(worker, number, seed + number, share) for number in range(1, parts)]
    try:
        outcome = driven(worker, seed, drawn(seed, share + rest))
        for child, told in others:
            if child.wait():
                raise RuntimeError(f"a part of the run broke off: {told.with_suffix('.log')}")
            outcome.add(_read(told))
    finally:
        for child, _ in others:
            child.kill()
    return outcome


def _begun(
    worker: Worker, number: int, seed: int, operations: int
) -> tuple[subprocess.Popen[bytes], Path]:
    told = worker.options.var / f"part-{number}.json"
    with told.with_suffix(".log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.isolation.stateful.spread", worker.served.to_json(),
             str(number), str(seed), str(operations), str(told)],
            cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    return child, told


def _read(told: Path) -> Outcome:
    from tests.isolation.stateful.drive import Outcome, drawn

    found = json.loads(told.read_text())
    for name in ("done", "took", "statuses"):
        found[name] = Counter(found[name])
    outcome = Outcome(**found)
    outcome.steps = drawn(outcome.seed, outcome.operations)
    return outcome


def _main(served: str, number: str, seed: str, operations: str, told: str) -> None:
    worker = Worker(Served.from_json(served), f"gw{number}")
    try:
        worker.start()
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
        }
        import django

        django.setup()
        worker.wait()
        from tests.isolation.stateful.drive import drawn, driven

        outcome = driven(worker, int(seed), drawn(int(seed), int(operations)))
        kept = ("seed", "operations", "seconds", "sightings", "failures", "last", "done", "took",
                "statuses", "looks")  # fmt: skip
        Path(told).write_text(json.dumps({name: getattr(outcome, name) for name in kept}))
    finally:
        worker.stop()


if __name__ == "__main__":
    _main(*sys.argv[1:])
