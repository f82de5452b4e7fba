"""A client of its own process: `python -m tests.bench.hammer`, one job as JSON on its input.

Sends requests over kept connections, as fast as answers come or at a rate, and prints milliseconds
and statuses as JSON. At a rate, a request counts from the moment it was due, so that a server that
falls behind is seen to. Uses the standard library alone: it shares the machine with the server.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter, sleep
from typing import Any

from config.stack.options import REPOSITORY
from config.stack.ports import LOOPBACK

PATIENCE = 60  # seconds for one answer
GRACE = 120  # seconds beyond its own time, then it is killed


@dataclass(frozen=True, slots=True)
class Target:
    """What is sent: a POST of JSON with a bearer's key."""

    host: str
    key: str
    path: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """Targets are asked in turn, until as many `requests` were sent or `seconds` are over."""

    port: int
    targets: Sequence[Target]
    concurrency: int = 10
    requests: int = 0
    seconds: float = 0
    rate: float = 0  # requests a second; 0 is as fast as answers come


@dataclass(slots=True)
class Told:
    """Milliseconds of each answer by status, and how long all took."""

    times: dict[int, list[float]] = field(default_factory=dict)
    seconds: float = 0

    @property
    def fine(self) -> list[float]:
        return self.times.get(200, [])

    @property
    def statuses(self) -> dict[int, int]:
        return dict(Counter({status: len(times) for status, times in self.times.items()}))


def begin(job: Job) -> subprocess.Popen[str]:
    """Start the client; `end` returns what it says. Pinned to the last core of the machine."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.hammer"], cwd=REPOSITORY, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    process.stdin.write(json.dumps(asdict(job)))
    process.stdin.close()
    process.stdin = None
    return process


def end(process: subprocess.Popen[str], seconds: float) -> Told:
    """Wait for the client and return what it measured. Raises what `communicate` raises."""
    try:
        said, _ = process.communicate(timeout=seconds + GRACE)
    finally:
        process.kill()
    assert process.returncode == 0, said
    told = json.loads(said)
    return Told({int(key): value for key, value in told["times"].items()}, told["seconds"])


def hammered(job: Job) -> Told:
    """Do the job to its end."""
    return end(begin(job), job.seconds)


def _work(job: Job) -> Told:
    told, lock = Told(), threading.Lock()
    turns = itertools.count()
    began = perf_counter()

    def due() -> tuple[int, float] | None:
        """Return the next request's number and when it counts from; None at the end."""
        with lock:
            number = next(turns)
        if job.requests and number >= job.requests:
            return None
        when = began + number / job.rate if job.rate else perf_counter()
        if job.seconds and when >= began + job.seconds:
            return None
        if (wait := when - perf_counter()) > 0:
            sleep(wait)
        return number, when

    def send() -> None:
        connection = http.client.HTTPConnection(LOOPBACK, job.port, timeout=PATIENCE)
        connection.connect()
        while (turn := due()) is not None:
            number, when = turn
            status = _sent(connection, job.targets[number % len(job.targets)])
            took = (perf_counter() - when) * 1000
            with lock:
                told.times.setdefault(status, []).append(took)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(job.concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.seconds = perf_counter() - began
    return told


def _sent(connection: http.client.HTTPConnection, target: Target) -> int:
    headers = {
        "Host": target.host,
        "Authorization": f"Bearer {target.key}",
        "Content-Type": "application/json",
    }
    connection.request("POST", target.path, json.dumps(target.body), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def main() -> None:
    """Read the job, do it, print what was measured."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    given = json.load(sys.stdin)
    targets = [Target(**each) for each in given.pop("targets")]
    print(json.dumps(asdict(_work(Job(targets=targets, **given)))))


if __name__ == "__main__":
    main()
