"""Judged collections and the measures over them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents and queries by id, and which documents answer each query."""

    documents: Mapping[str, tuple[str, str]]  # title, text
    queries: Mapping[str, str]
    relevant: Mapping[str, frozenset[str]]


def collection_read(folder: Path) -> Collection:
    """Read `docs.jsonl`, `queries.jsonl` and `qrels.tsv` (query, document, relevance)."""
    relevant: dict[str, set[str]] = {}
    for line in (folder / "qrels.tsv").read_text().splitlines():
        query, document, relevance = line.split()
        if relevance.isdigit() and int(relevance) > 0:
            relevant.setdefault(query, set()).add(document)
    queries = {str(row["id"]): row["text"] for row in _rows(folder / "queries.jsonl")}
    return Collection(
        {str(row["id"]): (row["title"], row["text"]) for row in _rows(folder / "docs.jsonl")},
        {query: text for query, text in queries.items() if query in relevant},
        {query: frozenset(found) for query, found in relevant.items()},
    )


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ndcg(ranking: Sequence[str], relevant: frozenset[str], depth: int = 10) -> float:
    """Return the normalized discounted cumulative gain at `depth`, for binary relevance."""
    gain = sum(1 / log2(i + 2) for i, one in enumerate(ranking[:depth]) if one in relevant)
    return gain / sum(1 / log2(i + 2) for i in range(min(depth, len(relevant))))


def recall(ranking: Sequence[str], relevant: frozenset[str], depth: int = 100) -> float:
    """Return the share of the relevant documents among the first `depth`."""
    return len(relevant.intersection(ranking[:depth])) / len(relevant)
