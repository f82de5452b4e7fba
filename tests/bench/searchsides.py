"""The sides of the table of searches: our workspace, one shared table, LanceDB embedded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray

from search.access import ids_visible, sources_visible
from search.arms import Within, by_meaning, within
from search.models import Chunk
from search.ranking import Ranked
from search.retrieval import CANDIDATES, candidates, hybrid, live_passages, retrieve
from search.services import NewChunk, source_index, source_remove
from search.vectorindex import INDEX
from search.words import by_words
from tenants.accounts.models import User
from tenants.context import Actor, TenantContext, entered
from tests.bench.asking import asking, told
from tests.bench.serving import peer_folder, peer_python, plain_environment
from tests.bench.stack import fill_buckets, worker
from tests.bench.table import DataMissing
from tests.support.cast import ALICE
from tests.support.clients import tenant_of

OURS: Final = 0  # the searched workspace's number in the tables of the peers
EACH: Final = 100  # passages of one of our documents
BEST: Final = 0.99  # of recall@10
SHARED: Final = """
    CREATE TABLE public.bench_passage (
        number int PRIMARY KEY, tenant int NOT NULL, embedding extensions.halfvec(512) NOT NULL
    )
"""
INDEXES: Final = (
    "CREATE INDEX ON public.bench_passage (tenant)",
    "CREATE INDEX bench_nearest ON public.bench_passage"
    " USING hnsw (embedding extensions.halfvec_ip_ops) WITH (m = 16, ef_construction = 64)",
    "ANALYZE public.bench_passage",
)
ASK_SHARED: Final = """
    SELECT number FROM public.bench_passage WHERE tenant = %s
    ORDER BY embedding OPERATOR(extensions.<#>) %s::extensions.halfvec LIMIT %s
"""
# What each peer may spend on a search: the least that finds enough.
SPENDING: Final = {"shared table": (40, 100, 200, 400, 800), "lancedb": (4, 10, 30)}

Vectors = NDArray[np.float32]
Ask = Callable[[int], tuple[float, Sequence[int]]]
"""The number of a query -> milliseconds, and what was found, the nearest first."""


@dataclass(frozen=True, slots=True)
class Passages:
    """What is searched: passages with their vectors, and queries with theirs."""

    texts: Sequence[str]
    vectors: Vectors
    asked: Sequence[str]
    queries: Vectors
    nearest: Sequence[frozenset[int]]  # ten of each query

    def recall(self, number: int, found: Sequence[int]) -> float:
        """Return the share of a query's ten nearest that are among the ten first found."""
        return len(self.nearest[number].intersection(found[:10])) / 10


@dataclass(frozen=True, slots=True)
class Side:
    """Who is asked, by a number of passages that shall be found, and what was prepared."""

    asks: dict[int, Ask]
    built: str = ""
    notes: list[str] = field(default_factory=list)


@contextmanager
def ours(passages: Passages) -> Iterator[tuple[Side, dict[str, Ask]]]:
    """Index the passages in acme as documents are; yield the arm of meaning, and whole searches."""
    tenant, began = tenant_of(ALICE), perf_counter()
    sources: list[UUID] = []
    try:
        with entered(tenant):
            starts = range(0, len(passages.texts), EACH)
            sources.extend(_indexed(passages, first) for first in starts)
            held = Chunk.objects.filter(source_id__in=sources)
            numbers = np.sort(list(held.values_list("number", flat=True)))
            user = User.objects.get(email=ALICE.email)
        with admin_session() as admin:
            for table in ("vector", "chunk", "source", "posting"):
                admin.execute(f'ANALYZE "{tenant.schema}".search_{table}')
        worker().manage("owner", "index_vectors", "--tenant", tenant.slug)
        actor = Actor(user_id=user.id, role="owner", kind="session")
        with entered(tenant):
            place = within(sources_visible(actor))
        fill_buckets()  # once: what is kept of policies would go with them
        side = _OurSide(tenant, actor, place, passages, numbers)
        asks: dict[int, Ask] = {10: side.arm(10), 100: side.arm(100)}
        yield (
            Side(asks, f"{perf_counter() - began:.0f}"),
            {
                "a request's: connection, role, who may see what, 100 nearest": side.request,
                "whole hybrid search, without its embedding call": side.search,
                "whole hybrid search, the metered embedding call in it": side.retrieval,
            },
        )
    finally:
        with entered(tenant):
            for source in sources:
                source_remove(source)
        with admin_session() as admin:
            admin.execute(f'DROP INDEX IF EXISTS "{tenant.schema}".{INDEX}')


def _indexed(passages: Passages, first: int) -> UUID:
    source, end = uuid4(), first + EACH
    chunks = [
        NewChunk(ordinal, text, 0, len(text), None, "")
        for ordinal, text in enumerate(passages.texts[first:end])
    ]
    source_index(
        source_id=source,
        name=f"{first}.txt",
        media_type="text/plain",
        owner_id=None,
        chunks=chunks,
        embeddings=passages.vectors[first:end].tolist(),
    )
    return source


@dataclass(frozen=True, slots=True)
class _OurSide:
    tenant: TenantContext
    actor: Actor
    place: Within
    passages: Passages
    numbers: NDArray[np.int64]

    def arm(self, count: int) -> Ask:
        def ask(number: int) -> tuple[float, Sequence[int]]:
            with entered(self.tenant):
                asked = self.passages.queries[number].tolist()
                begun = perf_counter()
                found = by_meaning(self.place, asked, count=count)
                return _since(begun), self._in_order(found)

        return ask

    def request(self, number: int) -> tuple[float, Sequence[int]]:
        connection.close()  # back to the pool, role and path taken off
        asked = self.passages.queries[number].tolist()
        begun = perf_counter()
        with entered(self.tenant):
            found = by_meaning(within(sources_visible(self.actor)), asked, count=CANDIDATES)
        return _since(begun), self._in_order(found)

    def search(self, number: int) -> tuple[float, Sequence[int]]:
        connection.close()
        vector = self.passages.queries[number].tolist()
        begun = perf_counter()
        with entered(self.tenant):
            place, words = by_words(ids_visible(self.actor), self.passages.asked[number])
            besides = candidates(words.ranked, 20)
            meaning = by_meaning(place, vector, count=CANDIDATES, besides=besides)
            ranked = hybrid(words.ranked, meaning, count=20)
            live_passages(place, ranked, 10)
        return _since(begun), []

    def retrieval(self, number: int) -> tuple[float, Sequence[int]]:
        connection.close()
        begun = perf_counter()
        with entered(self.tenant):
            retrieve(actor=self.actor, query=self.passages.asked[number], request_id=uuid4())
        return _since(begun), []

    def _in_order(self, found: Ranked) -> Sequence[int]:
        best: Sequence[int] = np.searchsorted(
            self.numbers, found.numbers[np.argsort(-found.scores)]
        ).tolist()
        return best


@contextmanager
def shared_table(passages: Passages, vectors: Vectors, tenants: Any) -> Iterator[Side]:
    """Keep all workspaces' vectors in one table, as is usual."""
    with admin_session() as admin:
        admin.execute(SHARED)
        with admin.cursor().copy(
            "COPY public.bench_passage (number, tenant, embedding) FROM STDIN"
        ) as rows:
            for number, vector in enumerate(vectors):
                rows.write_row((number, int(tenants[number]), written(vector)))
        admin.execute("SET maintenance_work_mem = '2GB'")  # HNSW is built in memory, or for hours
        began = perf_counter()
        for statement in INDEXES:
            admin.execute(statement)
        built = perf_counter() - began
        admin.execute("SET hnsw.iterative_scan = relaxed_order")

        def asking_for(count: int, spent: int) -> Ask:
            def ask(number: int) -> tuple[float, Sequence[int]]:
                asked = passages.queries[number]
                admin.execute(f"SET hnsw.ef_search = {spent}")
                begun = perf_counter()
                found = admin.execute(ASK_SHARED, [OURS, written(asked), count]).fetchall()
                return _since(begun), [row[0] for row in found]

            return ask

        try:
            side = _tuned("shared table", passages, asking_for, f"{built:.0f}")
            plan = admin.execute(
                f"EXPLAIN {ASK_SHARED}", [OURS, written(passages.queries[0]), 10]
            ).fetchall()
            by = "HNSW" if any("bench_nearest" in row[0] for row in plan) else "btree, all sorted"
            side.notes.append(f"shared table: the planner takes {by}.")
            yield side
        finally:
            admin.execute("DROP TABLE public.bench_passage")


@contextmanager
def lance(passages: Passages, vectors: Vectors, tenants: Any) -> Iterator[Side | None]:
    """Serve LanceDB from an environment of its own; None where it cannot be installed."""
    try:
        python = peer_python("lancedb")
    except DataMissing:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        kept = {"vectors": vectors, "tenants": tenants, "queries": passages.queries}
        for name, values in kept.items():
            np.save(Path(folder) / f"{name}.npy", values)
        serve = str(peer_folder("lancedb") / "serve.py")
        with asking([str(python), serve, folder, str(OURS)], plain_environment()) as (say, process):
            ready = told(process)["ready"]

            def asking_for(count: int, spent: int) -> Ask:
                def ask(number: int) -> tuple[float, Sequence[int]]:
                    answer = say([number, count, spent])
                    return answer["ms"], answer["found"]

                return ask

            yield _tuned("lancedb", passages, asking_for, f"{ready:.0f}")


def _tuned(
    name: str, passages: Passages, asking_for: Callable[[int, int], Ask], built: str
) -> Side:
    """Let a peer spend as little as finds enough; the most where nothing does."""
    asks, notes = {}, []
    for count in (10, 100):
        for spent in SPENDING[name]:
            ask = asking_for(count, spent)
            found = [passages.recall(n, ask(n)[1]) for n in range(len(passages.asked))]
            if float(np.mean(found)) >= BEST:
                break
        asks[count] = ask
        notes.append(f"{name}, {count} nearest: {spent}.")
    return Side(asks, built, notes)


def admin_session() -> psycopg.Connection[Any]:
    """Open a session that may do everything, outside any transaction."""
    url = worker().served.cluster().url("postgres", worker().database)
    return psycopg.connect(url, autocommit=True)


def written(vector: Vectors) -> str:
    """Return a vector as pgvector reads it."""
    return "[" + ("%.5g," * len(vector))[:-1] % tuple(vector.tolist()) + "]"


def _since(begun: float) -> float:
    return (perf_counter() - begun) * 1000
