"""Where retrieval looks, and its arm of meaning, as statements in the tenant's own schema.

The arm of words is in `words.py`. Both look within what they are given, and name no schema: the
search path and the role of the entered tenant decide whose tables these are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from bedrock.selectors import embedding_model
from search.models import Source
from search.ranking import NOTHING, Numbers, Ranked
from search.vectormodels import sources_of_others
from tenants.backend.halves import Halves
from tenants.statements import rows_planned

# The query's vector is written once, however often it is compared.
ASK: Final = """
    SELECT found.number, found.cosine
    FROM (VALUES (%s::halfvec)) AS asked (vector), LATERAL ({found}) AS found
"""
# Ordered by a value that no index holds: this one reads every vector within, and misses none.
EXACT: Final = """
    (SELECT number, -(embedding <#> asked.vector) AS cosine FROM search_vector
     WHERE {within} ORDER BY cosine DESC LIMIT %s)
"""
# By the index, where there is one (`vectorindex.py`); what is not within is passed over, and the
# scan goes on until there are enough.
NEAREST: Final = """
    (SELECT number, -(embedding <#> asked.vector) AS cosine FROM search_vector
     WHERE {within} ORDER BY embedding <#> asked.vector LIMIT %s)
"""
# Of chunks that are known by their words too; who is among the nearest comes twice.
BESIDES: Final = """
    UNION ALL
    SELECT number, -(embedding <#> asked.vector) FROM search_vector WHERE number = ANY(%s) {alike}
"""
# Sums are of all live sources or of those within (`placed`): see `Within`.
PLACED: Final = """
    WITH placed AS MATERIALIZED ({ids}), counted AS MATERIALIZED (
        SELECT count(*) AS everything, count(placed.id) AS inside,
               count(*) FILTER (WHERE source.embedding_model NOT IN (%s, '')) AS others,
               array_agg(DISTINCT source.language) FILTER (WHERE source.live) AS languages,
               sum(source.chunk_count) FILTER (WHERE source.live) AS chunks,
               sum(source.term_count) FILTER (WHERE source.live) AS terms,
               sum(source.chunk_count) FILTER (WHERE placed.id IS NOT NULL) AS passages
        FROM search_source AS source LEFT JOIN placed ON placed.id = source.id
    )
"""
COUNTED: Final = 7  # columns of `counted`
ALL_COUNTED: Final = "SELECT * FROM counted"
Sources: TypeAlias = QuerySet[Source] | RawSQL  # or the statement that reads their ids
NO_IDS: Final = RawSQL("SELECT id FROM search_source WHERE false", ())
OF_OTHERS: Final = "AND source_id <> ALL(%s)"
# Sent before the search in one message, which is one transaction.
SEARCH_SO: Final = """
    SET LOCAL hnsw.ef_search = {}; SET LOCAL hnsw.iterative_scan = relaxed_order;
"""
LOOKED_AT: Final = (120, 1000)  # candidates of one search, at least and at most
INDEX_FROM: Final = 10_000  # vectors; measured in docs/decisions/0017-vector-index.md
INDEX_UNTIL: Final = INDEX_FROM // 2  # below that there is none (`vectorindex.py`)
KNOWN: Final = "SELECT number, chunk_id FROM search_chunk WHERE chunk_id = ANY(%s) AND {within}"


@dataclass(frozen=True, slots=True)
class Within:
    """A condition on `source_id`, and whether there is anything that meets it.

    `narrowed` says that there are other sources too, `mixed` that some sources' vectors are of
    another embedding model than the one that serves. `ids` reads the ids of those within, as they
    are when a statement that has it runs.
    `recurs` says that statements with those ids are asked again and again.
    `languages`, `chunks` and `terms` (words, stop words left out) are of all the tenant's live
    sources, whatever the place: ranking needs them. `passages` are those within.
    """

    condition: str
    params: tuple[Any, ...]
    anything: bool
    ids: RawSQL = NO_IDS
    recurs: bool = False
    narrowed: bool = False
    mixed: bool = False
    languages: tuple[str, ...] = ()
    chunks: int = 0
    terms: int = 0
    passages: int = 0


def within(sources: Sources) -> Within:
    """Return the condition that keeps to these sources; none where they are all that there are.

    One statement. A scan that joins nothing takes two thirds of the time. What slips in between is
    caught when passages are read: see `live_passages`.
    """
    statement, params, ids = placed(sources)
    recurs = isinstance(sources, RawSQL)
    [counted] = rows(statement + ALL_COUNTED, params, recurs=recurs)
    return place_of(ids, counted, recurs=recurs)


def placed(sources: Sources) -> tuple[str, list[Any], RawSQL]:
    """Return how a statement begins that goes on with `counted`, its parameters, and the ids."""
    ids = sources if isinstance(sources, RawSQL) else ids_of(sources)
    return PLACED.format(ids=ids.sql), [*ids.params, embedding_model()], ids


def place_of(ids: RawSQL, counted: Sequence[Any], *, recurs: bool) -> Within:
    """Return the place that a row of `counted` tells of."""
    everything, inside, others, languages, chunks, terms, passages = counted
    condition, params = f"source_id IN ({ids.sql})", tuple(ids.params)
    if not inside:
        condition, params = "false", ()
    elif inside == everything:
        condition, params = "true", ()
    return Within(
        condition,
        params,
        inside > 0,
        ids,
        recurs,
        narrowed=inside != everything,
        mixed=others > 0,
        languages=tuple(languages or ()),
        chunks=int(chunks or 0),
        terms=int(terms or 0),
        passages=int(passages or 0),
    )


def ids_of(rows: QuerySet[Any]) -> RawSQL:
    """Return the statement that reads the rows' ids: the ORM builds it once for all of them."""
    try:
        sql, params = rows.order_by().values("id").query.sql_with_params()
    except EmptyResultSet:  # the ORM knows that there are none
        return NO_IDS
    return RawSQL(sql, params)  # noqa: S611 - what the ORM wrote, values apart


def by_meaning(
    place: Within, vector: Sequence[float], *, count: int, besides: Numbers = NOTHING.numbers
) -> Ranked:
    """Return the `count` chunks nearest to the vector, and those `besides`, with their cosine.

    One message to the database, by an exact scan as long as that is quick, in a large place by the
    index. Only among vectors of the model that serves: those of another one cannot be compared.
    """
    others: list[Any] = []
    if place.mixed:
        others = [list(sources_of_others(embedding_model()).values_list("id", flat=True))]
    alike = OF_OTHERS if others else ""
    exact = place.passages < INDEX_UNTIL
    found = (EXACT if exact else NEAREST).format(within=f"{place.condition} {alike}")
    params = [asked_for(vector), *place.params, *others, count]
    if len(besides):
        found += BESIDES.format(alike=alike)
        params += [besides.tolist(), *others]
    before = "" if exact else SEARCH_SO.format(looked_at(place.passages, count))
    return _ranked(rows(before + ASK.format(found=found), params, recurs=exact and place.recurs))


def looked_at(passages: int, count: int) -> int:
    """Return how many candidates the index collects, that next to none of the nearest is missed."""
    least, most = LOOKED_AT
    return min(max(least, 2 * count, passages // 250), most)


def numbers_of(place: Within, chunk_ids: Sequence[UUID]) -> list[tuple[int, UUID]]:
    """Return (number, chunk id) of those chunks that there are within a place."""
    known = rows(KNOWN.format(within=place.condition), [list(chunk_ids), *place.params])
    return [(row[0], row[1]) for row in known]


def rows(statement: str, params: list[Any], *, recurs: bool = False) -> list[tuple[Any, ...]]:
    """Return what the last of the statements gives; of one that recurs the plan is kept."""
    if recurs:
        return rows_planned(statement, params)
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        while cursor.nextset():
            pass
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def asked_for(vector: Sequence[float]) -> Halves:
    """Return the vector, at length one, as it is compared with those that are stored."""
    asked = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(asked))
    return Halves((asked / (length or 1.0)).astype(">f2").tobytes())


def _ranked(found: list[tuple[Any, ...]]) -> Ranked:
    """Return each number once."""
    numbers = np.array([row[0] for row in found], dtype=np.int64)
    scores = np.array([row[1] for row in found], dtype=np.float64)
    once, places = np.unique(numbers, return_index=True)
    return Ranked(once, scores[places])
