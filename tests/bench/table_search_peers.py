"""Search inside one workspace among many, beside one shared table and beside LanceDB.

Sizes are the environment's, so that the table can be measured at any: `SEARCH_CHUNKS` of the
workspace that is searched, `SEARCH_TENANTS` others with `SEARCH_OTHERS` passages each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Final

import numpy as np

from localaws.embedder import Embedder
from tests.bench.judged import Collection, collection_read
from tests.bench.searchsides import BEST, Ask, Passages, Vectors, lance, ours, shared_table
from tests.bench.spread import cells
from tests.bench.table import Table, data_folder

CHUNKS: Final = [int(each) for each in os.environ.get("SEARCH_CHUNKS", "1000,20000").split(",")]
TENANTS: Final = int(os.environ.get("SEARCH_TENANTS", "20"))
OTHERS: Final = int(os.environ.get("SEARCH_OTHERS", "1000"))
DIMENSIONS, QUERIES = 512, 60
COUNTS: Final = (10, 100)  # nearest that are asked for: as P5 has it, and as retrieval asks
WARM: Final = 5


@dataclass(slots=True)
class Taken:
    """What was measured of one way to ask."""

    built: str = ""
    times: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)


def run() -> Table:
    """Ask each side the same questions, turn by turn, at each size."""
    collection = collection_read(data_folder("cisi"))
    rows, reached, notes = [], True, []
    for count in CHUNKS:
        taken, told = _measured(collection, count)
        bound = 0.5 if count >= 20_000 else 1.0
        for name, each in taken.items():
            mine = taken.get(_named("tenantry", name), each)
            share = "" if mine is each else f"{_ratio(mine, each):.2f}"
            recall = f"{fmean(each.recalls):.3f}" if any(each.recalls) else ""
            rows.append((f"{count:,}, {name}", *cells(each.times)[:3], recall, share, each.built))
        mine = taken["tenantry, 10 nearest"]
        peers = [each for name, each in taken.items() if _of_peer(name)]
        reached &= all(_ratio(mine, each) <= bound for each in peers)
        reached &= fmean(mine.recalls) >= BEST
        notes += [f"At {count:,}: {' '.join(told)}"]
    return Table(
        title="Search inside one workspace among many (P5)",
        includes=(
            f"The nearest of one workspace's passages by the cosine of given vectors; {TENANTS}"
            f" others with {OTHERS:,} each. {QUERIES} queries of CISI, turn by turn; vectors and"
            " texts mixed of CISI's own. Ours: the arm of meaning as retrieval calls it, in the"
            " tenant's role and path, which stand from the request's first statement on. Shared"
            " table: one statement on the same server, btree (tenant) and HNSW, iterative scan,"
            " planner free. LanceDB: embedded in a process of its own, one table, IVF_HNSW_SQ and"
            " an index over the tenant, filtered before; timed inside it. Each peer spends the"
            f" least that reaches recall@10 {BEST} (ef_search, refine_factor), ours what the"
            " product has. The rows below the arms are ours alone, and what they add is no part"
            " of any peer's figure."
        ),
        columns=("", "median ms", "p95 ms", "least–most", "recall@10", "ours ÷ it", "index s"),
        rows=rows,
        target=(
            "10 nearest: ≤ 0.5 × each peer's median from 20,000, level at 1,000,"
            f" recall@10 ≥ {BEST}"
        ),
        reached=reached,
        notes=[*notes, "At size: SEARCH_TENANTS=599 SEARCH_CHUNKS=1000,20000,100000"
               " python -m tests.bench search_peers"],
    )  # fmt: skip


def _named(side: str, like: str) -> str:
    return f"{side},{like.partition(',')[2]}"


def _of_peer(name: str) -> bool:
    return name.endswith(", 10 nearest") and not name.startswith("tenantry")


def _ratio(mine: Taken, each: Taken) -> float:
    return median(mine.times) / median(each.times)


def _measured(collection: Collection, count: int) -> tuple[Mapping[str, Taken], list[str]]:
    """Return what was measured, by its name, and what there is to say of it."""
    embedder = Embedder()
    embedder.start()
    texts = [f"{title}\n{text}" for title, text in collection.documents.values()]
    asked = list(collection.queries.values())[:QUERIES]
    base = _padded(embedder.embed(texts))
    own, pairs = _mixed(base, count, 1)
    queries = _padded(embedder.embed(asked))
    passages = Passages(
        [f"{texts[a][: len(texts[a]) // 2]} {texts[b][len(texts[b]) // 2 :]}" for a, b in pairs],
        own,
        asked,
        queries,
        [frozenset(np.argsort(-(own @ query))[:10].tolist()) for query in queries],
    )
    others, _ = _mixed(base, TENANTS * OTHERS, 2)
    tenants = np.concatenate([np.zeros(count, int), 1 + np.arange(len(others)) // OTHERS])
    vectors = np.concatenate([own, others])
    with (
        ours(passages) as (mine, whole),
        shared_table(passages, vectors, tenants) as shared,
        lance(passages, vectors, tenants) as embedded,
    ):
        sides = {"tenantry": mine, "shared table": shared}
        if embedded is not None:
            sides["lancedb"] = embedded
        asks = {
            f"{name}, {many} nearest": (side.asks[many], side.built)
            for many in COUNTS
            for name, side in sides.items()
        } | {name: (ask, "") for name, ask in whole.items()}
        told = [note for side in sides.values() for note in side.notes]
        if embedded is None:
            told.append("LanceDB could not be installed, so it is not beside.")
        return _by_turns(asks, passages), told


def _padded(found: Vectors) -> Vectors:
    whole = np.zeros((len(found), DIMENSIONS), np.float32)
    whole[:, : found.shape[1]] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return whole


def _mixed(base: Vectors, count: int, seed: int) -> tuple[Vectors, list[tuple[int, int]]]:
    """Return as many vectors, each between two of the base's and a little beside, and which."""
    some = np.random.default_rng(seed)
    first, second = some.integers(len(base), size=(2, count))
    share = some.uniform(0.3, 0.7, size=(count, 1)).astype(np.float32)
    made = base[first] * share + base[second] * (1 - share)
    made += some.normal(scale=0.01, size=made.shape).astype(np.float32)
    made[:, DIMENSIONS // 2 :] = 0  # the embedder fills half of them
    made = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    return made, list(zip(first.tolist(), second.tolist(), strict=True))


def _by_turns(asks: Mapping[str, tuple[Ask, str]], passages: Passages) -> Mapping[str, Taken]:
    names = list(asks)
    taken = {name: Taken(built) for name, (_, built) in asks.items()}
    for turn in range(-WARM, len(passages.asked)):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            took, found = asks[name][0](max(turn, 0))
            if turn >= 0:
                taken[name].times.append(took)
                taken[name].recalls.append(passages.recall(turn, found))
    return taken
