"""Print every table, or those named: `python -m tests.bench [quality …]`.

Each `tests/bench/table_<name>.py` has `run() -> Table`. Most measure from outside the product that
`manage.py up` runs (`live.py`), all of a run the same one. Those of IN_PROCESS run inside a process
of the product: real PostgreSQL, Redis and local AWS, the cast's workspaces, Django loaded under the
app's login; the servers are the tests' (no fsync), the same for both sides of every comparison.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.bench import live, stack
from tests.bench.table import DataMissing, Table
from tests.support.services import Servers, Worker

IN_PROCESS: Final = frozenset(
    {
        "table_cost",
        "table_invoices",
        "table_ledger",
        "table_quality",
        "table_reconcile",
        "table_search_peers",
    }
)
FIRST: Final = ("table_start", "table_size")  # the stack that was started serves the others


def main(wanted: list[str]) -> int:
    """Run the tables and return the exit status: 1 if one could not be measured.

    A target that is not reached is a figure like any other: it is printed, and no failure.
    """
    there = sorted(path.stem for path in Path(__file__).parent.glob("table_*.py"))
    unknown = [name for name in wanted if f"table_{name}" not in there]
    if unknown:
        names = ", ".join(name.removeprefix("table_") for name in there)
        print(f"There is no table {', '.join(unknown)}; there are: {names}.", file=sys.stderr)
        return 2
    chosen = [name for name in there if not wanted or name.removeprefix("table_") in wanted]
    outside = [name for name in chosen if name not in IN_PROCESS]
    outside.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    inside = [name for name in chosen if name in IN_PROCESS]
    try:
        fine = [_shown(name) for name in outside]
    finally:
        live.close()
    if inside:
        with _running():
            fine += [_shown(name) for name in inside]
    return 0 if all(fine) else 1


@contextmanager
def _running() -> Iterator[None]:
    """Start the servers and load Django against them."""
    print("Starting PostgreSQL, Redis and the local AWS …", flush=True)
    servers = Servers()
    worker: Worker | None = None
    try:
        worker = Worker(servers.start(), "main")
        worker.start()
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
        import django

        django.setup()
        worker.wait()
        stack.use(worker)
        yield
    finally:
        if worker is not None:
            worker.stop()
        servers.stop()


def _shown(name: str) -> bool:
    """Run and print one table; say whether it could be measured."""
    print(f"Measuring {name.removeprefix('table_')} …", file=sys.stderr, flush=True)
    try:
        table: Table = importlib.import_module(f"tests.bench.{name}").run()
    except DataMissing as missing:
        print(f"\n{name.removeprefix('table_')}: {missing}", flush=True)
        return True
    except Exception:
        print(f"\n{name.removeprefix('table_')} failed:", flush=True)
        traceback.print_exc()
        return False
    print(table, flush=True)
    return True


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
