"""P1: guarded model calls through REST, beside LiteLLM's proxy in front of the same local AWS.

`CALLS=1000 python -m tests.bench proxy` for the published figure; 200 a round without it.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from config.stack.ports import free_port
from tests.bench import live
from tests.bench.hammer import Job, Target, hammered
from tests.bench.serving import (
    answers,
    peer_environment,
    peer_python,
    running,
    web_process,
)
from tests.bench.spread import few, p95
from tests.bench.table import Table
from tests.bench.table_gateway import TEXT, WRITTEN
from tests.support.live import LiveStack

CALLS = int(os.environ.get("CALLS", "200"))
PAIRS, WARM, CONCURRENCY = 5, 40, 10
FASTER, SHORTER = 2.0, 0.5
KEY = "sk-measured-only"
FILL_EVERY = 0.3  # seconds


def run() -> Table:
    """Send the same calls through both, turn by turn, ten at once."""
    stack = live.product()
    person = stack.person("acme", "member")
    body = {"task": "rewrite", "text": TEXT}
    ours = Target(person.host, person.api_key, "/api/v1/write/", body)
    with live.untouched(stack), stack.http(person) as client:
        client.post("/api/v1/write/", json=body).raise_for_status()
        call = stack.aws.requests()[-1]
        stack.aws.script(text=WRITTEN, match={"operation": call["operation"]}, times=10**6)
        with web_process(stack) as (port, _), _proxy(stack, call) as (proxy, _), _filled(stack):
            theirs = Target("localhost", KEY, "/v1/chat/completions", _asked(call))
            sides = {"product": (port, ours), "LiteLLM proxy": (proxy, theirs)}
            return _table(sides, call["operation"])


def _table(sides: dict[str, tuple[int, Target]], operation: str) -> Table:
    rates: dict[str, list[float]] = {name: [] for name in sides}
    slow: dict[str, list[float]] = {name: [] for name in sides}
    for port, target in sides.values():
        hammered(Job(port, [target], CONCURRENCY, requests=WARM))
    for pair in range(PAIRS):
        for name in list(sides) if pair % 2 else list(sides)[::-1]:
            port, target = sides[name]
            told = hammered(Job(port, [target], CONCURRENCY, requests=CALLS))
            assert told.statuses == {200: CALLS}, f"{name}: {told.statuses}"
            rates[name].append(CALLS / told.seconds)
            slow[name].append(p95(told.fine))
    mine, other = sides
    faster = median(rates[mine]) / median(rates[other])
    shorter = median(slow[mine]) / median(slow[other])
    return Table(
        title="Guarded model calls at once (P1)",
        includes=(
            f"{PAIRS} rounds of {CALLS} calls each, {CONCURRENCY} at once over kept connections,"
            " one web process a side, the client pinned to one core, the same scripted answer of"
            f" the same local AWS ({operation}, with its guardrail). Product: POST /api/v1/write/"
            " with host, key, role, rates, reservation, recorded policy decision, tenant's"
            " credentials, settlement on disk, audit. Peer: /v1/chat/completions, one worker, a"
            " master key, no database: it neither reserves, nor meters, nor keeps anything."
        ),
        columns=("", "median", "least–most", "rounds"),
        rows=[
            *((f"{name}, requests/s", *few(rates[name])) for name in sides),
            *((f"{name}, p95 ms", *few(slow[name])) for name in sides),
        ],
        target=f"at least {FASTER:.0f} × the requests/s, at most {SHORTER} × the p95",
        reached=faster >= FASTER and shorter <= SHORTER,
        notes=[f"Product / peer: {faster:.2f} × the requests/s, {shorter:.2f} × the p95."],
    )


def _asked(call: dict[str, Any]) -> dict[str, Any]:
    """Return the product's call as OpenAI's protocol says it."""
    body = call["body"]
    system = [{"role": "system", "content": _words(body["system"])}] if body.get("system") else []
    said = [{"role": each["role"], "content": _words(each["content"])} for each in body["messages"]]
    return {
        "model": "measured",
        "messages": [*system, *said],
        "max_tokens": body["inferenceConfig"]["maxTokens"],
        "stream": call["operation"] == "ConverseStream",
    }


def _words(blocks: list[dict[str, Any]]) -> str:
    texts = (block.get("text") or block.get("guardContent", {}).get("text", {}).get("text", "")
             for block in blocks)  # fmt: skip
    return "\n".join(text for text in texts if text)


@contextmanager
def _proxy(stack: LiveStack, call: dict[str, Any]) -> Iterator[tuple[int, psutil.Process]]:
    guardrail = call["body"].get("guardrailConfig", {})
    config = {
        "model_list": [
            {
                "model_name": "measured",
                "litellm_params": {
                    "model": f"bedrock/converse/{call['modelId']}",
                    "aws_region_name": "us-east-1",
                    "aws_access_key_id": "local",
                    "aws_secret_access_key": "local",
                    "aws_bedrock_runtime_endpoint": stack.aws.url,
                    **({"guardrailConfig": guardrail} if guardrail else {}),
                },
            }
        ],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"num_retries": 0, "telemetry": False},
    }
    python, port = peer_python("litellm"), free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(json.dumps(config))  # JSON is YAML
        argv = [str(python.with_name("litellm")), "--config", str(path), "--num_workers", "1"]
        argv += ["--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
        env = peer_environment(
            stack, LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR", PORT=str(port)
        )
        with running(argv, env) as process:
            answers(port, "/health/liveliness", "localhost", process)
            yield port, process


@contextmanager
def _filled(stack: LiveStack) -> Iterator[None]:
    """Keep the rates full: the work is measured, not the plan's limit."""
    over = threading.Event()

    def fill() -> None:
        while not over.wait(FILL_EVERY):
            live.fill_buckets(stack)

    filling = threading.Thread(target=fill)
    filling.start()
    try:
        yield
    finally:
        over.set()
        filling.join()
