"""What the product adds to a model call: a whole guarded request minus the bare call."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any

import httpx

from tests.bench import live
from tests.bench.spread import cells, p95
from tests.bench.table import Table
from tests.support.live import LiveStack

PAIRS = 150
WARM = 10
FILL_EVERY = 50
TEXT = "Please send the signed form back to us."
WRITTEN = "Please return the signed form."
P50, P95 = 5, 10  # milliseconds


def run() -> Table:
    """Rewrite one sentence through REST and send the same call directly, turn by turn."""
    stack = live.product()
    full, bare = [], []
    with (
        live.untouched(stack),
        stack.http(stack.person("acme", "member")) as client,
    ):
        _written(client)
        operation, parameters = _call(stack)
        stack.aws.script(text=WRITTEN, match={"operation": operation}, times=2 * (PAIRS + WARM))
        before = live.computed(stack, "web")
        for number in range(PAIRS + WARM):
            if number % FILL_EVERY == 0:
                live.fill_buckets(stack)
            if number % 2:
                full.append(_written(client))
                bare.append(_sent(stack, operation, parameters))
            else:
                bare.append(_sent(stack, operation, parameters))
                full.append(_written(client))
        computed = (live.computed(stack, "web") - before) * 1000 / len(full)
    full, bare = full[WARM:], bare[WARM:]
    added = [mine - theirs for mine, theirs in zip(full, bare, strict=True)]
    return Table(
        title="What the product adds to a model call (P2)",
        includes=(
            "POST /api/v1/write/, `rewrite` of one sentence, one at a time over an open loopback"
            " connection; the answer is scripted, without delay. In it: HTTP, host and API key"
            " looked up, role, token bucket, reservation, recorded policy decision, guardrail,"
            f" tenant's credentials, {operation}, settlement on disk, usage read back from the"
            f" ledger, JSON. Bare: boto3 {operation} with the very parameters the product sent,"
            " guardrail included, to the same local AWS, to its last event."
        ),
        columns=("", "median ms", "p95 ms", "least–most", "calls"),
        rows=[
            ("product", *cells(full)),
            ("bare call", *cells(bare)),
            ("added, pair by pair", *cells(added)),
        ],
        target=f"added p50 at most {P50} ms and p95 at most {P95} ms",
        reached=median(added) <= P50 and p95(added) <= P95,
        notes=[
            f"The web process computes {computed:.1f} ms for each call; the rest is waiting for"
            " PostgreSQL, Redis, the local AWS, and for a core."
        ],
    )


def _written(client: httpx.Client) -> float:
    """Rewrite the sentence; return the milliseconds."""
    began = perf_counter()
    answer = client.post("/api/v1/write/", json={"task": "rewrite", "text": TEXT})
    took = (perf_counter() - began) * 1000
    answer.raise_for_status()
    return took


def _call(stack: LiveStack) -> tuple[str, dict[str, Any]]:
    """Return operation and parameters of the product's last call, as the local AWS received it."""
    call = stack.aws.requests()[-1]
    return call["operation"], {"modelId": call["modelId"], **call["body"]}


def _sent(stack: LiveStack, operation: str, parameters: dict[str, Any]) -> float:
    """Send the call directly and read it whole; return the milliseconds."""
    client = live.runtime(stack.aws.url, "us-east-1")
    began = perf_counter()
    if operation == "ConverseStream":
        for _ in client.converse_stream(**parameters)["stream"]:
            pass
    else:
        client.converse(**parameters)
    return (perf_counter() - began) * 1000
