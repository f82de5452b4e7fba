"""How good hybrid retrieval is beside each of its arms, on a judged public collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median, quantiles
from time import perf_counter, sleep
from uuid import UUID, uuid4

import numpy as np

from bedrock.gateway import embed, rerank
from search.access import sources_visible
from search.arms import Within, by_meaning, within
from search.models import Chunk
from search.ranking import Ranked
from search.retrieval import candidates, hybrid, retrieve
from search.services import NewChunk, source_index, source_remove
from search.words import by_words
from tenants.context import SYSTEM, entered
from tests.bench.judged import Collection, collection_read, ndcg, recall
from tests.bench.stack import fill_buckets
from tests.bench.table import Table, data_folder
from tests.support.cast import ALICE
from tests.support.clients import tenant_of

DEPTH = 100
RERANKED = 50
BATCH = 64


def run() -> Table:
    """Index the collection by the real path and rank every query three ways."""
    collection = collection_read(data_folder("cisi"))
    source = uuid4()
    with entered(tenant_of(ALICE)):
        try:
            _index(collection, source)
            ids = dict(zip(_numbers(source), collection.documents, strict=True))
            return _measured(collection, ids)
        finally:
            source_remove(source)


def _index(collection: Collection, source: UUID) -> None:
    """Index each abstract as one chunk under its title, as ingestion does."""
    rows = list(collection.documents.values())
    vectors: list[list[float]] = []
    for first in range(0, len(rows), BATCH):
        vectors += _embedded([f"{title}\n{text}" for title, text in rows[first : first + BATCH]])
    chunks = [
        NewChunk(ordinal, text, 0, len(text), None, title)
        for ordinal, (title, text) in enumerate(rows)
    ]
    source_index(
        source_id=source,
        name="CISI",
        media_type="text/plain",
        owner_id=None,
        chunks=chunks,
        embeddings=vectors,
    )


def _embedded(texts: Sequence[str]) -> list[list[float]]:
    fill_buckets()
    return embed(texts, actor=SYSTEM, feature="ingest", request_id=uuid4(), purpose="document")


def _numbers(source: UUID) -> list[int]:
    return list(
        Chunk.objects.filter(source_id=source).order_by("ordinal").values_list("number", flat=True)
    )


def _reranked(query: str, ranked: Ranked) -> Ranked:
    """Have the best reranked as retrieval does, waiting while the service lets no more calls in."""
    order = np.argsort(-ranked.scores)
    best = ranked.numbers[order[:RERANKED]]
    rows = Chunk.objects.in_bulk(best.tolist())
    texts = [f"{rows[number].heading}\n{rows[number].text}" for number in best.tolist()]
    while True:
        fill_buckets()
        found = rerank(query, texts, actor=SYSTEM, feature="search", request_id=uuid4())
        if found is not None:
            break
        sleep(0.1)
    # As `search.retrieval.reordered` sums both.
    top = order[:RERANKED]
    scores = ranked.scores / ranked.scores.max() - 1
    mine = np.asarray(found.scores) / (max(found.scores) or 1.0)
    scores[top] = (1 - found.weight) * (scores[top] + 1) + found.weight * mine
    return Ranked(ranked.numbers, scores)


def _fused(place: Within, query: str, vector: list[float]) -> Ranked:
    words = by_words(place.ids, query)[1].ranked
    meaning = by_meaning(place, vector, count=DEPTH, besides=candidates(words, DEPTH))
    return hybrid(words, meaning, count=DEPTH)


def _measured(collection: Collection, ids: dict[int, str]) -> Table:
    place = within(sources_visible(SYSTEM))
    vectors = dict(
        zip(collection.queries, _embedded(list(collection.queries.values())), strict=True)
    )
    arms: dict[str, Callable[[str], Ranked]] = {
        "BM25 alone": lambda query: by_words(place.ids, collection.queries[query])[1].ranked,
        "vectors alone": lambda query: by_meaning(place, vectors[query], count=DEPTH),
        "fused": lambda query: _fused(place, collection.queries[query], vectors[query]),
    }
    arms["fused, the best 50 reranked"] = lambda query: _reranked(
        collection.queries[query], arms["fused"](query)
    )
    scores: dict[str, tuple[float, float]] = {}
    for name, arm in arms.items():
        ndcgs, recalls = [], []
        for query in collection.queries:
            ranking = [ids[number] for number in _in_order(arm(query))]
            ndcgs.append(ndcg(ranking, collection.relevant[query]))
            recalls.append(recall(ranking, collection.relevant[query]))
        scores[name] = (fmean(ndcgs), fmean(recalls))
    better = max(scores["BM25 alone"][0], scores["vectors alone"][0])
    gain = scores["fused"][0] / better - 1
    return Table(
        title="Hybrid quality on CISI (P6)",
        includes=(
            f"{len(ids):,} abstracts, {len(collection.queries)} judged queries; the product's own"
            " index and embedding call."
        ),
        columns=("", "nDCG@10", "recall@100"),
        rows=[(name, f"{found[0]:.4f}", f"{found[1]:.4f}") for name, found in scores.items()],
        target="fused nDCG@10 at least 5 % above the better arm, and at least 0.39",
        reached=gain >= 0.05 and scores["fused"][0] >= 0.39,
        notes=[f"Fused is {gain:+.1%} beside the better arm.", _times(collection)],
    )


def _in_order(ranked: Ranked) -> list[int]:
    order = np.lexsort((ranked.numbers, -ranked.scores))
    return [int(number) for number in ranked.numbers[order]]


def _times(collection: Collection) -> str:
    """Say how long whole searches take on the server, the metered embedding call included."""
    fill_buckets()
    taken = []
    for text in collection.queries.values():
        began = perf_counter()
        retrieve(actor=SYSTEM, query=text, limit=10, request_id=uuid4())
        taken.append((perf_counter() - began) * 1000)
    p95 = quantiles(taken, n=20)[-1]
    return (
        f"A search, metered embedding call included: p50 {median(taken):.0f} ms, p95 {p95:.0f} ms"
        " on this machine."
    )
