"""Where retrieval looks, and its arm of meaning, as statements in the tenant's own schema.

The arm of words is in `words.py`. Both look within what they are given, and name no schema: the
search path and the role of the entered tenant decide whose tables these are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet, Sum

from bedrock.selectors import embedding_model
from search.models import Source
from search.ranking import NOTHING, Numbers, Ranked
from search.vectormodels import sources_of_others

# Ordered by a value that no index holds: this one reads every vector within, and misses none.
EXACT: Final = """
    SELECT number, -(embedding <#> %s::halfvec) AS cosine FROM search_vector
    WHERE {within} ORDER BY cosine DESC LIMIT %s
"""
# By the index, where there is one (`vectorindex.py`); what is not within is passed over, and the
# scan goes on until there are enough.
NEAREST: Final = """
    SELECT number, -(embedding <#> %s::halfvec) FROM search_vector
    WHERE {within} ORDER BY embedding <#> %s::halfvec LIMIT %s
"""
SEARCH_SO: Final = """
    SET LOCAL hnsw.ef_search = {}; SET LOCAL hnsw.iterative_scan = relaxed_order
"""
LOOKED_AT: Final = (400, 1000)  # candidates of one search, from 100,000 passages on ever more
INDEX_FROM: Final = 40_000  # vectors; measured in docs/decisions/0017-vector-index.md
INDEX_UNTIL: Final = INDEX_FROM // 2  # below that there is none (`vectorindex.py`)
KNOWN: Final = "SELECT number, chunk_id FROM search_chunk WHERE chunk_id = ANY(%s) AND {within}"
# Of chunks that are known by their words too; who is among the nearest counts once.
BESIDES: Final = """
    ({nearest}) UNION
    SELECT number, -(embedding <#> %s::halfvec) FROM search_vector WHERE number = ANY(%s)
       AND source_id IN (SELECT id FROM search_source WHERE embedding_model = %s)
"""


@dataclass(frozen=True, slots=True)
class Within:
    """A condition on `source_id`, and whether there is anything that meets it.

    `sources` are those within; None where they are all that there are. `mixed` says that some
    sources' vectors are of another embedding model than the one that serves.
    `languages`, `chunks` and `terms` (words, stop words left out) are of all the tenant's live
    sources, whatever the place: ranking needs them. `passages` are those within.
    """

    condition: str
    params: tuple[Any, ...]
    anything: bool
    sources: QuerySet[Source] | None = None
    mixed: bool = False
    languages: tuple[str, ...] = ()
    chunks: int = 0
    terms: int = 0
    passages: int = 0


def within(sources: QuerySet[Source]) -> Within:
    """Return the condition that keeps to these sources; none where they are all that there are.

    One statement. A scan that joins nothing takes two thirds of the time. What slips in between is
    caught when passages are read: see `live_passages`.
    """
    inside = sources.order_by().values("id")
    live, placed = Q(live=True), Q(id__in=inside)
    counted = Source.objects.aggregate(
        all=Count("id"),
        inside=Count("id", filter=placed),
        others=Count("id", filter=Q(id__in=sources_of_others(embedding_model()).values("id"))),
        languages=ArrayAgg("language", distinct=True, filter=live),
        chunks=Sum("chunk_count", filter=live),
        terms=Sum("term_count", filter=live),
        passages=Sum("chunk_count", filter=placed),
    )
    everything = counted["inside"] == counted["all"]
    condition = "true"
    params: tuple[Any, ...] = ()
    if not counted["inside"]:
        condition = "false"
    elif not everything:
        ids, params = inside.query.sql_with_params()
        condition = f"source_id IN ({ids})"
    return Within(
        condition,
        params,
        counted["inside"] > 0,
        None if everything else sources,
        mixed=counted["others"] > 0,
        languages=tuple(counted["languages"] or ()),
        chunks=counted["chunks"] or 0,
        terms=counted["terms"] or 0,
        passages=counted["passages"] or 0,
    )


def by_meaning(
    place: Within, vector: Sequence[float], *, count: int, besides: Numbers = NOTHING.numbers
) -> Ranked:
    """Return the `count` chunks nearest to the vector, and those `besides`, with their cosine.

    One statement, by an exact scan as long as that is quick, in a large place by the index.
    Only among vectors of the model that serves: those of another one cannot be compared.
    """
    asked, model = _literal(vector), embedding_model()
    others: list[UUID] = []
    if place.mixed:
        others += sources_of_others(model).values_list("id", flat=True)
    condition = place.condition + (" AND source_id <> ALL(%s)" if others else "")
    params = [*place.params, others] if others else place.params
    more = [asked, besides.tolist(), model]
    if place.passages < INDEX_UNTIL:
        statement = BESIDES.format(nearest=EXACT.format(within=condition))
        return _ranked(rows(statement, [asked, *params, count, *more]))
    with transaction.atomic():
        with connection.cursor() as cursor:
            least, most = LOOKED_AT
            cursor.execute(SEARCH_SO.format(min(max(least, place.passages // 250), most)))
        statement = BESIDES.format(nearest=NEAREST.format(within=condition))
        found = rows(statement, [asked, *params, asked, count, *more])
    return _ranked(found)


def numbers_of(place: Within, chunk_ids: Sequence[UUID]) -> list[tuple[int, UUID]]:
    """Return (number, chunk id) of those chunks that there are within a place."""
    known = rows(KNOWN.format(within=place.condition), [list(chunk_ids), *place.params])
    return [(row[0], row[1]) for row in known]


def rows(statement: str, params: list[Any]) -> list[tuple[Any, ...]]:
    """Return what a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _literal(vector: Sequence[float]) -> str:
    """Return the vector, at length one, as pgvector writes it."""
    asked = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(asked))
    return "[" + ",".join(f"{value:.6g}" for value in asked / (length or 1.0)) + "]"


def _ranked(found: list[tuple[Any, ...]]) -> Ranked:
    return Ranked(
        np.array([row[0] for row in found], dtype=np.int64),
        np.array([row[1] for row in found], dtype=np.float64),
    )
