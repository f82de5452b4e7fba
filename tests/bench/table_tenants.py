"""Many workspaces: made, migrated, one moved between the targets, one erased.

`TENANTS=600 python -m tests.bench tenants` for the published figure; 24 without the variable.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from time import perf_counter
from typing import Any

from config.stack.options import REPOSITORY
from tests.bench.spread import few
from tests.bench.table import Table
from tests.support.services import Servers, Worker

COUNT = int(os.environ.get("TENANTS", "24"))
PAIRS = int(os.environ.get("PAIRS", "5"))  # of what is compared
MIGRATORS = 2
MAKING, PASSING = 6, 20  # times as fast


def run() -> Table:
    """Measure on servers of their own, under the owner's login, each task in its own process."""
    servers = Servers()
    worker: Worker | None = None
    kept = dict(os.environ)
    try:
        worker = Worker(servers.start(), "main")
        worker.start()
        worker.wait()
        return _measured(worker)
    finally:
        if worker is not None:
            worker.stop()
        servers.stop()
        os.environ.clear()
        os.environ.update(kept)


def _measured(worker: Worker) -> Table:
    made = _task(worker, "make", COUNT)
    pairs = _task(worker, "pairs", PAIRS)
    moves = [(target, _manage(worker, "move_retrieval", "--tenant", "bench-1", "--to", target)[0])
             for target in ("kb_shared", "kb_dedicated", "schema")]  # fmt: skip
    passes = _task(worker, "passes", PAIRS)
    more = {"DJANGO_SETTINGS_MODULE": "tests.bench.more_settings"}
    one, said = _manage(worker, "migrate_tenants", "--processes", str(MIGRATORS), **more)
    migrated = said.count(" s\n")
    erased, _ = _manage(worker, "offboard_workspace", "bench-0", "--now")
    _, left = _manage(worker, "offboard_workspace", "bench-0", "--check")
    assert "Nothing of bench-0 is left." in left
    faster = median(pairs["theirs"]) / median(pairs["ours"])
    quicker = median(passes["theirs"]) / median(passes["ours"])
    return Table(
        title=f"{COUNT} workspaces (P8, P9)",
        includes=(
            f"Made by create_workspace's steps, with their AWS resources; times in seconds on"
            f" {os.cpu_count()} cores. Moves, passes and erasing include the start of their"
            " process; what is compared is done inside one, turn by turn."
        ),
        columns=("", "median s", "least–most", "times", "× as fast"),
        rows=[
            (f"make {COUNT}", *few([made["whole"]]), ""),
            ("make one usable", *few(pairs["ours"], 3), f"{faster:.1f}"),
            ("… as django-tenants: auto_create_schema", *few(pairs["theirs"], 2), ""),
            ("pass over all, nothing to do", *few(passes["ours"], 3),
             f"{quicker:.0f}"),
            ("… as django-tenants: migrate_schemas", *few(passes["theirs"]), ""),
            (f"one migration applied to {migrated} schemas", *few([one]), ""),
            *((f"move one to {target}", *few([took]), "") for target, took in moves),
            ("erase one, with its receipt", *few([erased]), ""),
        ],
        target=(
            f"a workspace {MAKING} times as fast as auto_create_schema, a pass with nothing to do"
            f" {PASSING} times as fast as migrate_schemas"
        ),
        reached=faster >= MAKING and quicker >= PASSING,
        notes=["That a replayed schema equals a migrated one is a test: test_schemas.py."],
    )  # fmt: skip


def _task(worker: Worker, name: str, count: int = 0) -> dict[str, Any]:
    done = _run(worker, [sys.executable, "-m", "tests.bench.many", name, str(count)])
    told: dict[str, Any] = json.loads(done.splitlines()[-1])
    return told


def _manage(worker: Worker, *arguments: str, **more: str) -> tuple[float, str]:
    began = perf_counter()
    said = _run(worker, [sys.executable, "manage.py", *arguments], **more)
    return perf_counter() - began, said


def _run(worker: Worker, argv: list[str], **more: str) -> str:
    began = perf_counter()
    done = subprocess.run(
        argv, env={**worker.environment("owner"), **more}, cwd=REPOSITORY, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    print(f"  {argv[-2:]} {perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
