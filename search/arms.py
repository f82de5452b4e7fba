"""The two arms of retrieval, as statements in the tenant's own schema.

Both look within what they are given, and name no schema: the search path and the role of the
entered tenant decide whose tables these are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.models import Count, Q, QuerySet

from bedrock.selectors import embedding_model
from search.models import Source
from search.ranking import NOTHING, Numbers, Ranked, TermPostings, bm25
from search.vectormodels import sources_of_others

# The english configuration, as in indexing. Frequencies count every posting of the tenant, the
# entries only those in scope; all postings of a term come as one value.
POSTINGS: Final = """
    WITH asked AS MATERIALIZED (
        SELECT lexeme, cardinality(positions) AS times
        FROM unnest(to_tsvector('english', %s))
    )
    SELECT asked.times,
           sum(length(posting.entries)) / 8,
           string_agg(posting.entries, ''::bytea) FILTER (WHERE {within}),
           (SELECT sum(chunk_count) FROM search_source WHERE live),
           (SELECT sum(term_count) FROM search_source WHERE live)
    FROM asked JOIN search_posting posting ON posting.term = asked.lexeme
    GROUP BY asked.lexeme, asked.times
"""
NEAREST: Final = """
    SELECT number, -(embedding <#> %s::halfvec) FROM search_vector
    WHERE {within} ORDER BY embedding <#> %s::halfvec LIMIT %s
"""
KNOWN: Final = "SELECT number, chunk_id FROM search_chunk WHERE chunk_id = ANY(%s) AND {within}"
SIMILAR: Final = """
    SELECT number, -(embedding <#> %s::halfvec) FROM search_vector WHERE number = ANY(%s)
"""

SAME_MODEL: Final = """
    AND source_id IN (SELECT id FROM search_source WHERE embedding_model = %s)
"""


@dataclass(frozen=True, slots=True)
class Within:
    """A condition on `source_id`, and whether there is anything that meets it.

    `sources` are those within; None where they are all that there are. `mixed` says that some
    sources' vectors are of another embedding model than the one that serves.
    """

    condition: str
    params: tuple[Any, ...]
    anything: bool
    sources: QuerySet[Source] | None = None
    mixed: bool = False


def within(sources: QuerySet[Source]) -> Within:
    """Return the condition that keeps to these sources; none where they are all that there are.

    One statement. A scan that joins nothing takes two thirds of the time. What slips in between is
    caught when passages are read: see `live_passages`.
    """
    inside = sources.order_by().values("id")
    counted = Source.objects.aggregate(
        all=Count("id"),
        inside=Count("id", filter=Q(id__in=inside)),
        others=Count("id", filter=Q(id__in=sources_of_others(embedding_model()).values("id"))),
    )
    mixed = counted["others"] > 0
    if counted["inside"] == counted["all"]:
        return Within("true", (), counted["all"] > 0, mixed=mixed)
    if not counted["inside"]:
        return Within("false", (), False, sources)
    ids, params = inside.query.sql_with_params()
    return Within(f"source_id IN ({ids})", params, True, sources, mixed)


def by_words(place: Within, query: str) -> Ranked:
    """Return the BM25 score of every chunk that has a word of the query."""
    rows = _rows(POSTINGS.format(within=place.condition), [query, *place.params])
    if not rows:
        return NOTHING
    chunks, terms = int(rows[0][3] or 0), int(rows[0][4] or 0)
    return bm25(
        [TermPostings(int(row[0]), int(row[1]), bytes(row[2] or b"")) for row in rows],
        chunks=chunks,
        mean_length=terms / max(chunks, 1),
    )


def by_meaning(place: Within, vector: Sequence[float], *, count: int) -> Ranked:
    """Return the `count` chunks nearest to the vector with their cosine, by an exact scan.

    Only among vectors of the model that serves: those of another one cannot be compared.
    """
    asked = _literal(vector)
    others: list[UUID] = []
    if place.mixed:
        others += sources_of_others(embedding_model()).values_list("id", flat=True)
    condition = place.condition + (" AND source_id <> ALL(%s)" if others else "")
    params = [*place.params, others] if others else place.params
    return _ranked(_rows(NEAREST.format(within=condition), [asked, *params, asked, count]))


def similarities(numbers: Numbers, vector: Sequence[float]) -> Ranked:
    """Return the cosine of each of these chunks with the vector."""
    if not len(numbers):
        return NOTHING
    statement, model = SIMILAR + SAME_MODEL, embedding_model()
    return _ranked(_rows(statement, [_literal(vector), numbers.tolist(), model]))


def numbers_of(place: Within, chunk_ids: Sequence[UUID]) -> list[tuple[int, UUID]]:
    """Return (number, chunk id) of those chunks that there are within a place."""
    rows = _rows(KNOWN.format(within=place.condition), [list(chunk_ids), *place.params])
    return [(row[0], row[1]) for row in rows]


def _rows(statement: str, params: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _literal(vector: Sequence[float]) -> str:
    """Return the vector, at length one, as pgvector writes it."""
    asked = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(asked))
    return "[" + ",".join(f"{value:.6g}" for value in asked / (length or 1.0)) + "]"


def _ranked(rows: list[tuple[Any, ...]]) -> Ranked:
    return Ranked(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.float64),
    )
