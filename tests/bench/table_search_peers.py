"""Search inside one workspace among many, beside one shared table and beside LanceDB.

Sizes are the environment's, so that the table can be measured at any: `SEARCH_CHUNKS` of the
workspace that is searched, `SEARCH_TENANTS` others with `SEARCH_OTHERS` passages each.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray

from localaws.embedder import Embedder
from search.arms import by_meaning, within
from search.models import Source
from search.vectorindex import INDEX
from tenants.context import entered
from tests.bench.asking import asking, told
from tests.bench.judged import collection_read
from tests.bench.serving import peer_folder, peer_python, plain_environment
from tests.bench.spread import cells
from tests.bench.stack import worker
from tests.bench.table import DataMissing, Table, data_folder
from tests.support.cast import ALICE
from tests.support.clients import tenant_of

CHUNKS: Final = [int(each) for each in os.environ.get("SEARCH_CHUNKS", "1000,20000").split(",")]
TENANTS: Final = int(os.environ.get("SEARCH_TENANTS", "20"))
OTHERS: Final = int(os.environ.get("SEARCH_OTHERS", "1000"))
DIMENSIONS, COUNT, QUERIES = 512, 10, 60
WARM: Final = 5
BEST: Final = 0.99  # of recall@10
OURS: Final = 0  # the searched workspace's number in the tables of the peers
SHARED: Final = """
    CREATE TABLE public.bench_passage (
        number int PRIMARY KEY, tenant int NOT NULL, embedding extensions.halfvec(512) NOT NULL
    )
"""
INDEXES: Final = (
    "CREATE INDEX ON public.bench_passage (tenant)",
    "CREATE INDEX ON public.bench_passage USING hnsw (embedding extensions.halfvec_ip_ops)"
    " WITH (m = 16, ef_construction = 64)",
    "ANALYZE public.bench_passage",
)
ASK_SHARED: Final = """
    SELECT number FROM public.bench_passage WHERE tenant = %s
    ORDER BY embedding OPERATOR(extensions.<#>) %s::extensions.halfvec LIMIT %s
"""

Vectors = NDArray[np.float32]
Ask = Callable[[int], tuple[float, Sequence[int]]]
"""The number of a query -> milliseconds, and what was found, the nearest first."""


def run() -> Table:
    """Ask each side the same questions, turn by turn, at each size."""
    meanings = _meanings()
    rows, reached, notes = [], True, []
    for count in CHUNKS:
        found = _measured(meanings, count)
        ours = median(found["tenantry"][0])
        for name, (times, recalls, built) in found.items():
            cell = (*cells(times)[:3], f"{fmean(recalls):.3f}", f"{median(times) / ours:.2f}")
            rows.append((f"{count:,} passages, {name}", *cell, built))
        shared = median(found["shared table"][0])
        bound = 0.5 if count >= 20_000 else 1.0
        reached &= ours <= bound * shared and fmean(found["tenantry"][1]) >= BEST
        if "lancedb" not in found:
            notes.append(f"At {count:,}: LanceDB could not be installed, so it is not beside.")
    return Table(
        title="Search by meaning inside one workspace among many (P5)",
        includes=(
            f"The {COUNT} nearest of one workspace's passages; {TENANTS} others with {OTHERS:,}"
            f" each. {QUERIES} queries of CISI, turn by turn, vectors mixed of CISI's own. Ours:"
            " the statements that retrieval sends in the tenant's schema and role, what is within"
            " asked first, the hundred nearest; indexed from 40,000 vectors on. Shared table: one"
            " statement on the same server, btree (tenant) and HNSW, iterative scan, planner free."
            " LanceDB: embedded in a process of its own, one table, IVF_HNSW_SQ and an index over"
            " the tenant, filtered before; timed inside it."
        ),
        columns=("", "median ms", "p95 ms", "least–most", "recall@10", "× ours", "index s"),
        rows=rows,
        target=f"≤ 0.5 × the shared table's median from 20,000, level at 1,000, recall ≥ {BEST}",
        reached=reached,
        notes=[*notes, "At size: SEARCH_TENANTS=599 SEARCH_CHUNKS=1000,20000,100000"
               " python -m tests.bench search_peers"],
    )  # fmt: skip


def _meanings() -> tuple[Vectors, Vectors]:
    """Return vectors of CISI's abstracts and queries, of length one."""
    embedder = Embedder()
    embedder.start()
    collection = collection_read(data_folder("cisi"))
    texts = [f"{title}\n{text}" for title, text in collection.documents.values()]
    asked = list(collection.queries.values())[:QUERIES]
    return _padded(embedder.embed(texts)), _padded(embedder.embed(asked))


def _padded(found: Vectors) -> Vectors:
    whole = np.zeros((len(found), DIMENSIONS), np.float32)
    whole[:, : found.shape[1]] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return whole


def _mixed(base: Vectors, count: int, seed: int) -> Vectors:
    """Return as many vectors, each between two of the base's, and a little beside."""
    some = np.random.default_rng(seed)
    first, second = some.integers(len(base), size=(2, count))
    share = some.uniform(0.3, 0.7, size=(count, 1)).astype(np.float32)
    made = base[first] * share + base[second] * (1 - share)
    made += some.normal(scale=0.01, size=made.shape).astype(np.float32)
    made[:, DIMENSIONS // 2 :] = 0  # the embedder fills half of them
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def _measured(
    meanings: tuple[Vectors, Vectors], count: int
) -> dict[str, tuple[list[float], list[float], str]]:
    base, queries = meanings
    own, others = _mixed(base, count, 1), _mixed(base, TENANTS * OTHERS, 2)
    nearest = [set(np.argsort(-(own @ query))[:COUNT].tolist()) for query in queries]
    tenants = np.concatenate([np.zeros(count, int), 1 + np.arange(len(others)) // OTHERS])
    vectors = np.concatenate([own, others])
    with (
        _ours(own, queries) as mine,
        _shared(vectors, tenants, queries) as shared,
        _lance(vectors, tenants, queries) as lance,
    ):
        sides = {"tenantry": mine, "shared table": shared}
        if lance is not None:
            sides["lancedb"] = lance
        return _by_turns(sides, nearest)


def _by_turns(
    sides: dict[str, tuple[Ask, str]], nearest: Sequence[set[int]]
) -> dict[str, tuple[list[float], list[float], str]]:
    names = list(sides)
    times: dict[str, list[float]] = {name: [] for name in names}
    recalls: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-WARM, len(nearest)):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            took, found = sides[name][0](max(turn, 0))
            if turn >= 0:
                times[name].append(took)
                recalls[name].append(len(nearest[turn] & set(found[:COUNT])) / COUNT)
    return {name: (times[name], recalls[name], sides[name][1]) for name in names}


@contextmanager
def _ours(own: Vectors, queries: Vectors) -> Iterator[tuple[Ask, str]]:
    """Put the vectors into acme's schema, as if their documents had been read."""
    tenant, began = tenant_of(ALICE), perf_counter()
    source = "00000000-0000-4000-8000-0000000000a5"
    with _admin() as admin:
        admin.execute(f'SET search_path = "{tenant.schema}", extensions')
        admin.execute(
            "INSERT INTO search_source (id, name, media_type, created_at, live, masked_with,"
            " embedding_model, chunk_count, term_count)"
            " VALUES (%s, 'bench', 'text/plain', now(), true, '', '', %s, 0)",
            [source, len(own)],
        )
        with admin.cursor().copy(
            "COPY search_vector (number, source_id, embedding) FROM STDIN"
        ) as rows:
            for number, vector in enumerate(own):
                rows.write_row((number, source, _literal(vector)))
        admin.execute("ANALYZE search_vector")
    worker().manage("owner", "index_vectors", "--tenant", tenant.slug)

    def ask(number: int) -> tuple[float, Sequence[int]]:
        with entered(tenant):
            begun = perf_counter()
            found = by_meaning(within(Source.objects.all()), queries[number].tolist(), count=100)
            took = (perf_counter() - begun) * 1000
        return took, found.numbers[np.argsort(-found.scores)].tolist()

    try:
        yield ask, f"{perf_counter() - began:.0f}"
    finally:
        with _admin() as admin:
            admin.execute(f'SET search_path = "{tenant.schema}", extensions')
            admin.execute(f"DROP INDEX IF EXISTS {INDEX}")
            for table in ("search_vector", "search_source"):
                column = "id" if table == "search_source" else "source_id"
                admin.execute(f"DELETE FROM {table} WHERE {column} = %s", [source])


@contextmanager
def _shared(vectors: Vectors, tenants: Any, queries: Vectors) -> Iterator[tuple[Ask, str]]:
    """Keep all workspaces' vectors in one table, as is usual."""
    with _admin() as admin:
        admin.execute(SHARED)
        with admin.cursor().copy(
            "COPY public.bench_passage (number, tenant, embedding) FROM STDIN"
        ) as rows:
            for number, vector in enumerate(vectors):
                rows.write_row((number, int(tenants[number]), _literal(vector)))
        began = perf_counter()
        for statement in INDEXES:
            admin.execute(statement)
        built = perf_counter() - began
        admin.execute("SET hnsw.ef_search = 100; SET hnsw.iterative_scan = relaxed_order")

        def ask(number: int) -> tuple[float, Sequence[int]]:
            asked = _literal(queries[number])
            begun = perf_counter()
            found = admin.execute(ASK_SHARED, [OURS, asked, COUNT]).fetchall()
            return (perf_counter() - begun) * 1000, [row[0] for row in found]

        try:
            yield ask, f"{built:.0f}"
        finally:
            admin.execute("DROP TABLE public.bench_passage")


@contextmanager
def _lance(vectors: Vectors, tenants: Any, queries: Vectors) -> Iterator[tuple[Ask, str] | None]:
    """Serve LanceDB from an environment of its own; None where it cannot be installed."""
    try:
        python = peer_python("lancedb")
    except DataMissing:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, kept in (("vectors", vectors), ("tenants", tenants), ("queries", queries)):
            np.save(Path(folder) / f"{name}.npy", kept)
        serve = str(peer_folder("lancedb") / "serve.py")
        with asking([str(python), serve, folder, str(OURS)], plain_environment()) as (say, process):
            ready = told(process)["ready"]

            def ask(number: int) -> tuple[float, Sequence[int]]:
                answer = say(number)
                return answer["ms"], answer["found"]

            yield ask, f"{ready:.0f}"


def _admin() -> psycopg.Connection[Any]:
    """Open a session that may do everything, outside any transaction."""
    url = worker().served.cluster().url("postgres", worker().database)
    return psycopg.connect(url, autocommit=True)


def _literal(vector: Vectors) -> str:
    return "[" + ",".join(f"{value:.6g}" for value in vector) + "]"
