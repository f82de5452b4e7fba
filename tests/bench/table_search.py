"""How long a search takes on the server, over the demo's documents."""

from __future__ import annotations

from time import perf_counter

from tests.bench import live
from tests.bench.spread import cells, p95
from tests.bench.table import Table

WORKSPACES = ("acme", "globex", "initech")
ROUNDS = 2
WITHIN = 100  # milliseconds


def run() -> Table:
    """Search for the demo's own questions, each workspace in its own documents."""
    stack = live.product()
    taken: dict[int, list[float]] = {}
    for number in range(ROUNDS):
        taken[number] = []
        for slug in WORKSPACES:
            live.fill_buckets(stack)
            with stack.http(stack.person(slug, "viewer")) as client:
                client.get("/api/v1/collections/").raise_for_status()  # the connection is open
                for question in live.questions(slug):
                    began = perf_counter()
                    answer = client.post("/api/v1/search/", json={"query": question})
                    taken[number].append((perf_counter() - began) * 1000)
                    assert answer.raise_for_status().json()["results"], question
    rows = [
        ("asked for the first time", *cells(taken[0])),
        ("asked again", *cells(taken[1])),
    ]
    return Table(
        title="Search over the demo's documents",
        includes=(
            "POST /api/v1/search/, one at a time over an open loopback connection: host and key"
            " looked up, limits, a metered embedding call to the local AWS, BM25 and vectors,"
            " fusion, live-row check, JSON."
        ),
        columns=("", "median ms", "p95 ms", "least–most", "searches"),
        rows=rows,
        target=f"p95 within {WITHIN} ms",
        reached=p95(taken[0]) <= WITHIN,
        notes=["Timed by the client, so HTTP on loopback and httpx are in it."],
    )
