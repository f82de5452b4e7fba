"""How long a 100-page PDF takes from upload to being found."""

from __future__ import annotations

import threading
from statistics import median
from time import perf_counter

import httpx

from tests.bench import live
from tests.bench.spread import few
from tests.bench.table import Table
from tests.support.files import long_pdf

PAGES = 100
TIMES = 3
WITHIN = 15  # seconds
GIVE_UP = 60.0
LOOK_EVERY = 0.1


def run() -> Table:
    """Upload three different manuals, one after the other, and look for a fact in each."""
    stack = live.product()
    fact = "The tide gate at Orlock harbour number {} opens {} minutes before high water."
    files = [
        long_pdf(PAGES, {67: fact.format(turn, 30 + turn)}, title=f"Harbour manual {turn}")
        for turn in range(TIMES)
    ]
    accepted, ready, found, chunks = [], [], [], 0
    with stack.http(stack.person("acme", "member")) as client:
        for turn, content in enumerate(files):
            live.fill_buckets(stack)
            began = perf_counter()
            document = _uploaded(client, f"harbour-{turn}.pdf", content)
            accepted.append(perf_counter() - began)
            chunks = _ready(client, document)
            ready.append(perf_counter() - began)
            _found(client, f"tide gate Orlock harbour number {turn}", document)
            found.append(perf_counter() - began)
            client.delete(f"/api/v1/documents/{document}/").raise_for_status()
    return Table(
        title="Ingestion of a 100-page PDF",
        includes=(
            f"Through REST into acme: upload ({len(files[0]) / 1e6:.2f} MB), storage, task queue,"
            f" parsing in a child process, {chunks} chunks, metered embedding calls, index,"
            " search. One document at a time, two worker processes."
        ),
        columns=("", "median s", "least–most", "times"),
        rows=[
            ("accepted", *few(accepted, 2)),
            ("ready", *few(ready, 2)),
            ("found by search", *few(found, 2)),
        ],
        target=f"found within {WITHIN} s of the upload's first byte",
        reached=max(found) <= WITHIN,
        notes=[
            f"{PAGES / median(found):.0f} pages a second;"
            f" the state is looked at every {LOOK_EVERY * 1000:.0f} ms."
        ],
    )


def _uploaded(client: httpx.Client, name: str, content: bytes) -> str:
    file = {"file": (name, content, "application/pdf")}
    answer = client.post("/api/v1/documents/", files=file).raise_for_status().json()
    return str(answer["id"])


def _ready(client: httpx.Client, document: str) -> int:
    """Wait until it is ready and return how many chunks it has."""
    give_up = perf_counter() + GIVE_UP
    tick = threading.Event()
    while True:
        state = client.get(f"/api/v1/documents/{document}/").raise_for_status().json()
        if state["status"] == "ready":
            assert state["pages"] == PAGES, state
            return int(state["chunks"])
        assert state["status"] != "failed" and perf_counter() < give_up, state
        tick.wait(LOOK_EVERY)


def _found(client: httpx.Client, query: str, document: str) -> None:
    answer = client.post("/api/v1/search/", json={"query": query}).raise_for_status().json()
    best = answer["results"][0]
    assert best["document"]["id"] == document and best["page"] == 67, best
