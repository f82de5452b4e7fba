"""What the local AWS itself takes, with scripted answers so that no model computes."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import psutil

from config.stack.options import REPOSITORY
from tests.bench.spread import cells, p95
from tests.bench.table import Table
from tests.support.localaws import LocalAws

WITHIN = 3  # milliseconds, p95 of Converse
STREAMS = 50
CALLS = 400
WORDS = 40
DELAY = 25  # milliseconds between a stream's words
STALL = 250  # milliseconds of silence that a reader would notice
NOVA = "/model/amazon.nova-lite-v1%3A0"
SIGNED = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/{}/aws4_request, Signature=0"
BODY = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hello!"}]}]}).encode()


def run() -> Table:
    """Start one of its own, call it over raw HTTP, and stop it."""
    began = perf_counter()
    with _running() as (url, process):
        started = (perf_counter() - began) * 1000
        control = LocalAws(url)
        netloc = urlsplit(url).netloc
        control.script(text="Hello.", times=CALLS + 50, match={"operation": "Converse"})
        converse = _calls(netloc, "POST", f"{NOVA}/converse", BODY, "bedrock")
        _calls(netloc, "PUT", "/bench", b"", "s3", times=1)
        put = _calls(netloc, "PUT", "/bench/key", b"x" * 10_000, "s3")
        get = _calls(netloc, "GET", "/bench/key", b"", "s3")
        control.script(text="word " * WORDS, times=STREAMS, delay_ms=DELAY)
        first, gaps = _streams(netloc)
        memory = process.memory_info().rss / 2**20
        control.close()
    reached = p95(converse) < WITHIN and max(gaps) < STALL
    return Table(
        title="Local AWS",
        includes=(
            f"Milliseconds seen by a raw HTTP client on one kept connection, {CALLS} calls each; "
            f"answers are scripted, so no model computes. Then {STREAMS} streams at once of {WORDS}"
            f" words, {DELAY} ms apart."
        ),
        columns=("", "p50", "p95", "spread", "n"),
        rows=(
            ("Converse", *cells(converse)),
            ("S3 put, 10 KB", *cells(put)),
            ("S3 get, 10 KB", *cells(get)),
            (f"first word of {STREAMS} streams", *cells(first)),
            ("gap between words", *cells(gaps)),
        ),
        target=f"Converse under {WITHIN} ms (p95), no gap over {STALL} ms in {STREAMS} streams",
        reached=reached,
        notes=(f"Ready after {started:.0f} ms; {memory:.0f} MB of memory at the end.",),
    )


@contextmanager
def _running() -> Iterator[tuple[str, psutil.Process]]:
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "localaws", "--port", "0", "--state", state]
        env = {name: value for name, value in os.environ.items() if name != "LOCALAWS_CHECK"}
        with subprocess.Popen(
            command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                ready = process.stdout.readline() if process.stdout else ""
                yield ready.rsplit(" ", 1)[-1].strip(), psutil.Process(process.pid)
            finally:
                process.terminate()


def _calls(
    netloc: str, method: str, path: str, body: bytes, service: str, *, times: int = CALLS
) -> list[float]:
    connection = http.client.HTTPConnection(netloc, timeout=30)
    headers = {"Authorization": SIGNED.format(service), "Content-Type": "application/json"}
    warm = 20 if times > 1 else 0
    taken = []
    for _ in range(times + warm):
        began = perf_counter()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        taken.append((perf_counter() - began) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} was answered with {answer.status}")
    connection.close()
    return taken[warm:]


def _streams(netloc: str) -> tuple[list[float], list[float]]:
    """First words after the request, and the silences between words, in milliseconds."""
    first: list[float] = []
    gaps: list[float] = []
    start = threading.Barrier(STREAMS)

    def listen() -> None:
        connection = http.client.HTTPConnection(netloc, timeout=60)
        start.wait()
        began = last = perf_counter()
        headers = {"Authorization": SIGNED.format("bedrock")}
        connection.request("POST", f"{NOVA}/converse-stream", BODY, headers)
        answer: Any = connection.getresponse()
        words = 0
        while block := answer.read1(65536):
            found = block.count(b"contentBlockDelta")
            now = perf_counter()
            if found and not words:
                first.append((now - began) * 1000)
            elif found:
                gaps.append((now - last) * 1000)
            words += found
            last = now if found else last
        connection.close()

    _together(listen)
    return first, gaps


def _together(work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(STREAMS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
