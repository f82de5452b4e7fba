"""How long the product takes to be ready, from nothing and again, and to stop."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from tests.bench import live
from tests.bench.spread import few
from tests.bench.table import Table
from tests.support.live import LiveStack

WARM = 3
COLD_WITHIN, WARM_WITHIN, STOP_WITHIN = 90, 10, 10  # seconds


def run() -> Table:
    """Start an empty folder once and the same folder three times more; stop it in between."""
    stack = live.fresh()
    cold, cold_whole = live.started(stack)
    documents = _documents_ready(stack)
    stops, warms, wholes = [_stopped(stack)], [], []
    for again in range(WARM):
        ready, whole = live.started(stack)
        warms.append(ready)
        wholes.append(whole)
        if again < WARM - 1:
            stops.append(_stopped(stack))
    live.keep(replace(stack))  # a fresh one: stopping has closed what this one kept open
    return Table(
        title="Start and stop",
        includes=(
            "`manage.py up` on installed dependencies, seconds until GET /readyz is 200. From"
            " nothing: initdb, migrations, AWS resources, three demo workspaces and their"
            f" {documents} documents, all ready. Stop: SIGTERM until the last process is gone."
        ),
        columns=("", "median s", "least–most", "times", "goal s"),
        rows=[
            ("from nothing to /readyz", *few([cold]), str(COLD_WITHIN)),
            ("from nothing to all up", *few([cold_whole]), ""),
            ("again, to /readyz", *few(warms), str(WARM_WITHIN)),
            ("again, to all up", *few(wholes), ""),
            ("stop", *few(stops), str(STOP_WITHIN)),
        ],
        target=(
            f"ready within {COLD_WITHIN} s from nothing and within {WARM_WITHIN} s again,"
            f" stopped within {STOP_WITHIN} s"
        ),
        reached=(cold <= COLD_WITHIN and max(warms) <= WARM_WITHIN and max(stops) <= STOP_WITHIN),
        notes=["All up: workers, scheduler and the check of AWS resources and demo too."],
    )


def _documents_ready(stack: LiveStack) -> int:
    """Return how many documents the demo has. Fails when one of them is not ready."""
    found = []
    for tenant in stack.demo["tenants"]:
        with stack.http(stack.person(tenant["slug"], "viewer")) as client:
            found += client.get("/api/v1/documents/").raise_for_status().json()["results"]
    assert all(document["status"] == "ready" for document in found), found
    return len(found)


def _stopped(stack: LiveStack) -> float:
    """Stop it and return the seconds that took."""
    began = perf_counter()
    status = stack.stop()
    took = perf_counter() - began
    assert status == 0, f"the stack ended with status {status}"
    return took
