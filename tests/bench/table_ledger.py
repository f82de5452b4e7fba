"""What money costs in time: admission and settlement, the pages over a large ledger, the bucket.

`LEDGER_ROWS` sets the ledger's rows (ten million), `LEDGER_CALLS` (500, by hundreds) and
`LEDGER_TAKES` (3,000) how many calls are measured. `LIMITS_PYTHON` names a Python that has the
library `limits` and `redis`, in an environment of its own, to compare the token bucket with.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from statistics import median
from time import perf_counter
from uuid import uuid4

from django.conf import settings

from billing import bucket
from billing.admission import Estimate, admit
from billing.catalog import Rates
from billing.meters import meters
from billing.monthly import month_usage
from billing.settlement import settle
from billing.units import Metric, Unit
from tenants.context import SYSTEM, entered
from tests.bench import stack
from tests.bench.ledger_rows import fill
from tests.bench.spread import p95
from tests.bench.table import Table
from tests.support.cast import ALICE
from tests.support.clients import tenant_of, user_of

ROWS = int(os.environ.get("LEDGER_ROWS", "10000000"))
CALLS = int(os.environ.get("LEDGER_CALLS", "500"))
PAIRS = 5
TAKES = int(os.environ.get("LEDGER_TAKES", "3000"))
MODEL = "amazon.nova-lite-v1:0"
UNITS = {Unit.INPUT: 800, Unit.OUTPUT: 200}
LIMIT_MS, METERS_MS = 3.0, 200.0

# The same four limits as a call of ours takes from: requests and tokens, of workspace and member.
PEER = """
import sys, time
from limits import RateLimitItemPerMinute, storage, strategies
url, times, kind, job = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
limiter = getattr(strategies, kind)(storage.RedisStorage(url))
item = RateLimitItemPerMinute(10**6)
hits = [("requests", "acme", 1)] if job == "one" else [
    (name, who, cost) for who in ("acme", "acme-alice")
    for name, cost in (("requests", 1), ("tokens", 10))]
limiter.hit(item, "warm", kind)
began = time.perf_counter()
for _ in range(times):
    for name, who, cost in hits:
        limiter.hit(item, kind, job, name, who, cost=cost)
print(times / (time.perf_counter() - began))
"""
WINDOWS = {"FixedWindowRateLimiter": "fixed", "SlidingWindowCounterRateLimiter": "sliding"}


def run() -> Table:
    """Measure calls on a small ledger, then pages on a large one, then the bucket."""
    rows = []
    with entered(tenant_of(ALICE)):
        both = _calls()
    rows.append(_row("admission + settlement, ms", both))
    loaded = _fill()
    with entered(tenant_of(ALICE)):
        pages = _timed(month_usage, 20)
        rows.append(_row(f"usage page's figures over {loaded:,} rows, ms", pages))
        rows.append(_row(f"meters over {loaded:,} rows, ms", _timed(meters, 50)))
        rows.append(_row(f"admission + settlement over {loaded:,} rows, ms", _calls()))
    ours, peers = _bucket()
    rows.append(("a call's rates in one step, calls a second", f"{ours:,.0f}", "", ""))
    rows += [(f"limits, {name}, a second", f"{value:,.0f}", "", "")
             for name, value in peers.items()]  # fmt: skip
    same = [value for name, value in peers.items() if "same four" in name]
    ratio = ours / max(same) if same else None
    return Table(
        title="The ledger",
        includes=(
            "In one process, beside nothing else of ours: admission is Redis' script and one round"
            " trip to PostgreSQL, settlement one round trip with the ledger's trigger and Redis'"
            " refund. Rows are synthetic, of one workspace, with the trigger's roll-ups."
            " The buckets and `limits` ask the same Redis, one caller, in turns: requests and"
            " tokens of the workspace and of the member, ours all or none in one step, which the"
            " library does one after another. What it does with a single limit stands beside it."
        ),
        columns=("", "median", "p95", "measured"),
        rows=rows,
        target=(
            f"admission and settlement within {LIMIT_MS} ms at p95, the page within {METERS_MS} ms"
            ", the bucket no slower than the library"
        ),
        reached=p95(both) <= LIMIT_MS and p95(pages) <= METERS_MS and (ratio is None or ratio >= 1),
        notes=[] if peers else ["`limits` was not measured: set LIMITS_PYTHON."],
    )


def _row(name: str, values: list[float]) -> tuple[str, str, str, str]:
    return name, f"{median(values):.2f}", f"{p95(values):.2f}", str(len(values))


def _timed(work: Callable[[], object], times: int) -> list[float]:
    work()
    found = []
    for _ in range(times):
        began = perf_counter()
        work()
        found.append((perf_counter() - began) * 1000)
    return found


def _calls() -> list[float]:
    def call() -> None:
        held = admit(
            actor=SYSTEM, feature="bench", request_id=uuid4(), estimate=Estimate(MODEL, UNITS)
        )
        settle(held, model=MODEL, units=UNITS)

    stack.fill_buckets()
    times: list[float] = []
    for _ in range(CALLS // 100):
        stack.fill_buckets()
        times += _timed(call, 100)
    return times


def _fill() -> int:
    """Load the synthetic rows as the superuser; return how many."""
    worker = stack.worker()
    url = worker.served.cluster().url("postgres", worker.database)
    return fill(url, tenant_of(ALICE).id, ROWS)


def _bucket() -> tuple[float, dict[str, float]]:
    rates = Rates(10**9, 10**9, 10**9, 10**9, 10, member_percent=50)
    peer = os.environ.get("LIMITS_PYTHON", "")
    ours: list[float] = []
    theirs: dict[str, list[float]] = {}
    member = user_of(ALICE).pk
    with entered(tenant_of(ALICE)):
        for _ in range(PAIRS):
            began = perf_counter()
            for _ in range(TAKES):
                bucket.take(rates, {Metric.MODEL_TOKENS: 10}, stream=None, member=member)
            ours.append(TAKES / (perf_counter() - began))
            for kind, window in WINDOWS.items() if peer else ():
                for job, name in (("four", "the same four limits"), ("one", "a single limit")):
                    arguments = [peer, "-c", PEER, settings.REDIS_URL, str(TAKES), kind, job]
                    said = subprocess.run(arguments, capture_output=True, check=True, text=True)
                    theirs.setdefault(f"{window} window, {name}", []).append(float(said.stdout))
    return median(ours), {kind: median(found) for kind, found in theirs.items()}
