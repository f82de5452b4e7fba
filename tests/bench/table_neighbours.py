"""P13: what a workspace far beyond its limit does to the others.

`TENANTS=600 python -m tests.bench neighbours` for the published figure; 24 without the variable.
`NEIGHBOURS_SECONDS` is the length of one of the ten measurements.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from typing import Any

from config.stack.options import REPOSITORY
from tests.bench import live
from tests.bench.hammer import Job, Target, Told, begin, end, hammered
from tests.bench.spread import cells, few, p95
from tests.bench.table import Table
from tests.bench.table_gateway import TEXT, WRITTEN
from tests.support.live import LiveStack

COUNT = int(os.environ.get("TENANTS", "24"))
SECONDS = float(os.environ.get("NEIGHBOURS_SECONDS", "10"))
# Requests a second of all others together; each stays far below its own limit.
RATE = float(os.environ.get("NEIGHBOURS_RATE") or min(8, (COUNT - 1) / 4))
PAIRS = 5
TIMES = 50  # its limit
ADDED = 0.10
REFUSED = 400  # requests, to tell what a refusal costs
LEAD = 1.0  # seconds that the noise begins before, and goes on after
BODY = {"task": "rewrite", "text": TEXT}
PATH = "/api/v1/write/"


def run() -> Table:
    """Measure the others with and without the noise, turn by turn."""
    stack = live.product()
    told = _task(stack, "owner", "make", COUNT)
    made = _task(stack, "app", "keys", COUNT)
    rates = made["requests_per_minute"]
    noisy, *others = [Target(f"{host}:{stack.port}", key, PATH, BODY) for host, key in made["keys"]]
    quiet: list[list[float]] = []
    loud: list[list[float]] = []
    refused: list[Told] = []
    with live.untouched(stack):
        stack.aws.script(text=WRITTEN, match={"operation": "Converse"}, times=10**6)
        stack.aws.script(text=WRITTEN, match={"operation": "ConverseStream"}, times=10**6)
        # Each workspace's first call fetches its credentials.
        warm = hammered(Job(stack.port, [noisy, *others], 4, requests=COUNT))
        assert warm.statuses == {200: COUNT}, warm.statuses
        for pair in range(PAIRS):
            for noise in (False, True) if pair % 2 else (True, False):
                if noise:
                    refused.append(_noise(stack, noisy, others, rates, loud))
                else:
                    quiet.append(_others(stack, others))
        cost, asked = _beyond(stack, noisy)
    before = [p95(times) for times in quiet]
    during = [p95(times) for times in loud]
    added = median(during) / median(before) - 1
    sent = sum(sum(each.statuses.values()) for each in refused)
    granted = sum(len(each.fine) for each in refused)
    rate = sent / sum(each.seconds for each in refused)
    return Table(
        title=f"{COUNT} workspaces, one at {TIMES} times its limit (P13)",
        includes=(
            f"POST {PATH} with a scripted answer: {COUNT - 1} workspaces take turns at {RATE:g}"
            f" requests a second together, {SECONDS:.0f} s a round, counted from when each was"
            f" due. The noise: one workspace of {rates} requests a minute sends"
            f" {TIMES} times that. One web process for all, clients on one core of it."
        ),
        columns=("", "median", "least–most", "rounds"),
        rows=[
            ("the others before, p95 ms", *few(before)),
            ("the others meanwhile, p95 ms", *few(during)),
            ("the others before, median ms", *few([median(times) for times in quiet])),
            ("the others meanwhile, median ms", *few([median(times) for times in loud])),
        ],
        target=f"the others' p95 at most {ADDED:.0%} above",
        reached=added <= ADDED,
        notes=[
            f"p95 {added:+.1%}. The noise came to {rate:.0f} requests a second, of which"
            f" {granted} of {sent} were granted; the others were never refused.",
            f"For each of {asked} requests beyond the limit, sixteen at once, the web process"
            f" computes {cost:.1f} ms.",
            f"{COUNT} workspaces were made in {told['whole']:.0f} s.",
            f"All answers of the others, before: median, p95, least–most, number:"
            f" {', '.join(cells([each for times in quiet for each in times]))}.",
        ],
    )


def _others(stack: LiveStack, others: list[Target]) -> list[float]:
    told = hammered(Job(stack.port, others, 8, seconds=SECONDS, rate=RATE))
    assert set(told.statuses) == {200}, told.statuses
    return told.fine


def _noise(
    stack: LiveStack, noisy: Target, others: list[Target], rates: int, loud: list[list[float]]
) -> Told:
    """Measure the others while one sends far more than it may; return what it was told."""
    length = SECONDS + 2 * LEAD
    noise = begin(Job(stack.port, [noisy], 16, seconds=length, rate=rates / 60 * TIMES))
    try:
        try:
            noise.wait(LEAD)
        except subprocess.TimeoutExpired:  # as it should be
            loud.append(_others(stack, others))
        told = end(noise, length)
    finally:
        noise.kill()
    assert set(told.statuses) <= {200, 429}, told.statuses
    return told


def _beyond(stack: LiveStack, noisy: Target) -> tuple[float, int]:
    """Return the milliseconds that the web process computes for a refusal, and of how many.

    The few that are granted meanwhile are in it.
    """
    hammered(Job(stack.port, [noisy], 16, requests=REFUSED // 2))
    before = live.computed(stack, "web")
    told = hammered(Job(stack.port, [noisy], 16, requests=REFUSED))
    computed = live.computed(stack, "web") - before
    return computed * 1000 / REFUSED, told.statuses[429]


def _task(stack: LiveStack, login: str, task: str, count: int) -> dict[str, Any]:
    """Run a task of `many.py` beside the running product, under one of its logins."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.many", task, str(count)], cwd=REPOSITORY, text=True,
        env=stack.environment(login), check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
