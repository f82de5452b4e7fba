"""P10: the token bucket, beside `limits` on the same Redis."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from statistics import median
from typing import Any

from config.stack.ports import LOOPBACK
from tests.bench import live
from tests.bench.asking import Ask, asking
from tests.bench.serving import peer_folder, peer_python, plain_environment
from tests.bench.spread import few
from tests.bench.table import Table

CALLS = int(os.environ.get("CALLS", "6400"))
THREADS, PAIRS = 64, 5
PLENTY = 10**9
CAPACITY = 200  # requests of the bucket whose grants are counted
TOKENS = 10**8

# Name -> which program, and what it is asked beside threads and calls.
SIDES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "product: requests and tokens": ("ours", {"tokens": TOKENS, "member": False}),
    "product: the member's share too": ("ours", {"tokens": TOKENS, "member": True}),
    "limits, fixed window: requests and tokens": ("limits", {"kind": "fixed", "tokens": TOKENS}),
    "limits, sliding counter: requests and tokens": (
        "limits", {"kind": "sliding", "tokens": TOKENS},
    ),
    "limits, fixed window: requests alone": ("limits", {"kind": "fixed", "tokens": 0}),
    "limits, moving window: requests alone": ("limits", {"kind": "moving", "tokens": 0}),
}  # fmt: skip
OURS, *_ = SIDES
BESIDE = "limits, fixed window: requests and tokens"


def run() -> Table:
    """Take from both in turn, then count what 64 callers at once are granted."""
    stack = live.product()
    redis = json.loads((stack.var / "ports.json").read_text())["redis"]
    url = f"redis://{LOOPBACK}:{redis}/9"
    python, serve = peer_python("limits"), peer_folder("limits") / "serve.py"
    with (
        asking([sys.executable, "-m", "tests.bench.takers"], stack.environment("app")) as (ours, _),
        asking([str(python), str(serve), url], plain_environment()) as (theirs, _),
    ):
        programs = {"ours": ours, "limits": theirs}
        rates = _rates(programs)
        granted = {name: _granted(programs, name) for name in SIDES}
    faster = median(rates[OURS]) / median(rates[BESIDE])
    over = [name for name in SIDES if granted[name][0] > granted[name][1]]
    return Table(
        title="Token bucket (P10)",
        includes=(
            f"{CALLS:,} takings from {THREADS} threads of one process, on the same Redis, nothing"
            f" refused; {PAIRS} rounds, turn by turn. Ours takes from the buckets of requests,"
            " model tokens, embedding tokens and guardrail units at once or from none, in one"
            " script; `limits` asks one limit after the other, so that a refused second has spent"
            f" the first. Then {4 * CAPACITY} takings of a bucket of {CAPACITY}; one of ours fills"
            " again meanwhile, and what has flowed in may be taken too."
        ),
        columns=("", "median per s", "least–most", "rounds", "granted at 64 at once"),
        rows=[(name, *few(rates[name], 0), "{} of {}".format(*granted[name])) for name in SIDES],
        target="at least as many as `limits` for the same work, none granted beyond the bucket",
        reached=faster >= 1 and not any(SIDES[name][0] == "ours" for name in over),
        notes=[f"Product / limits (fixed window, requests and tokens): {faster:.2f} ×."],
    )


def _rates(programs: Mapping[str, Ask]) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in SIDES}
    for turn in range(-1, PAIRS):
        for name in list(SIDES) if turn % 2 else list(SIDES)[::-1]:
            program, more = SIDES[name]
            asked = {"threads": THREADS, "calls": CALLS, "requests": PLENTY, **more}
            if asked["tokens"]:
                asked["tokens"] = 1000 * PLENTY
            told = programs[program](asked)
            assert told["granted"] == CALLS, f"{name}: {told}"
            if turn >= 0:  # the first round opens connections
                rates[name].append(CALLS / told["seconds"])
    return rates


def _granted(programs: Mapping[str, Ask], name: str) -> tuple[int, int]:
    """Return how many of four times as many as there are get through at once, and may."""
    program, more = SIDES[name]
    asked = {"threads": THREADS, "calls": 4 * CAPACITY, "requests": CAPACITY, **more}
    told = programs[program](asked)
    flowed = CAPACITY / 60 * told["seconds"] if program == "ours" else 0
    return int(told["granted"]), int(CAPACITY + flowed)
