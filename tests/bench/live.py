"""The whole product for the tables that measure it from outside, as `manage.py up` runs it.

One stack serves all tables of a run: real PostgreSQL with fsync, one web process, the workers, the
demo. Nothing of it is in the bench's own process.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from time import perf_counter
from typing import Any

import boto3
import httpx
import psycopg
import redis
from botocore.config import Config

from config.stack.options import REPOSITORY
from config.stack.ports import LOOPBACK
from tests.support.live import LiveStack
from tests.support.services import short_folder

START_WITHIN = 600.0  # seconds, then it is killed; the goals are stricter
LOOK_EVERY = 0.05
QUESTIONS = REPOSITORY / "tests" / "localaws" / "questions.json"

_kept: list[LiveStack] = []
_folders: list[Any] = []


def fresh() -> LiveStack:
    """Return a stack with an empty `var/`, not started; `close` removes the folder."""
    folder = short_folder()
    _folders.append(folder)
    return LiveStack(folder / "var")


def keep(stack: LiveStack) -> None:
    """Leave a running stack to the tables that follow."""
    _kept[:] = [stack]


def product() -> LiveStack:
    """Return the run's stack, started if it is not."""
    if not _kept:
        print("Starting the whole product …", flush=True)
        stack = fresh()
        started(stack)
        keep(stack)
    return _kept[0]


def close() -> None:
    """Stop the run's stack and remove its files."""
    for stack in _kept:
        stack.stop()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)
    _kept.clear()
    _folders.clear()


def started(stack: LiveStack) -> tuple[float, float]:
    """Start it; return the seconds until /readyz was 200 and until all of it had come up."""
    ready: list[float] = []
    over = threading.Event()
    began = perf_counter()

    def look() -> None:
        with httpx.Client(trust_env=False, timeout=10) as client:  # once: making one costs 20 ms
            while not over.is_set() and not _is_ready(client, stack):
                over.wait(LOOK_EVERY)
        ready.append(perf_counter() - began)

    looking = threading.Thread(target=look)
    looking.start()
    patience = threading.Timer(START_WITHIN, _killed, (stack,))
    patience.start()
    try:
        stack.start()
        whole = perf_counter() - began
        looking.join(timeout=10)
    finally:
        over.set()
        patience.cancel()
        looking.join()
    return ready[0], whole


def _killed(stack: LiveStack) -> None:
    """End a stack that does not come up; its children die with it."""
    if stack.process is not None:
        stack.process.kill()


def _is_ready(client: httpx.Client, stack: LiveStack) -> bool:
    address = f"http://{LOOPBACK}:{stack.port}/readyz"
    try:
        return client.get(address, headers={"Host": f"localhost:{stack.port}"}).is_success
    except httpx.TransportError:
        return False


def fill_buckets(stack: LiveStack) -> None:
    """Give every tenant its full rate back: a table measures the work, not the plan's limit."""
    port = json.loads((stack.var / "ports.json").read_text())["redis"]
    with redis.Redis(host=LOOPBACK, port=port) as client:
        for key in client.scan_iter("tenant:*rates", count=1000):
            client.delete(key)


def superuser(stack: LiveStack) -> psycopg.Connection[Any]:
    """Open a session that no policy filters, outside any transaction."""
    password = json.loads((stack.var / "database-passwords.json").read_text())["postgres"]
    port = json.loads((stack.var / "ports.json").read_text())["postgres"]
    url = f"postgresql://postgres:{password}@{LOOPBACK}:{port}/tenantry"
    return psycopg.connect(url, connect_timeout=5, autocommit=True)


@cache
def runtime(url: str, region: str) -> Any:
    """Return a plain client of the same AWS, with the product's way of retrying: not at all."""
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )


def computed(stack: LiveStack, part: str) -> float:
    """Return the seconds that a part of the stack, of one process, has computed so far."""
    times = stack.part(part).cpu_times()
    return float(times.user + times.system)


@contextmanager
def untouched(stack: LiveStack) -> Iterator[None]:
    """Forget scripts and recorded calls before and after a table that uses them."""
    stack.aws.reset()
    try:
        yield
    finally:
        stack.aws.reset()


def questions(slug: str) -> list[str]:
    """Return questions that the demo documents of a workspace answer."""
    rows = json.loads(QUESTIONS.read_text())["answerable"][slug]
    return [question for question, *_ in rows]
