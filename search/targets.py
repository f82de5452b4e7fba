"""The vector arm of retrieval: where chunks near to a query are looked up, by the tenant's record.

Three targets, the same code above them: `schema` (vectors beside the text), `kb_shared` and
`kb_dedicated` (copies of the chunks in a Knowledge Base, under our chunk ids). A target gives chunk
numbers and cosines, nothing else: texts, BM25 and the check against live rows are the tenant's own
schema's, always.
"""

from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from bedrock.gateway import embed, knowledge_retrieve
from bedrock.knowledge import DOCUMENTS_AT_MOST
from bedrock.selectors import embedding_model
from search.arms import Within, by_meaning, numbers_of
from search.models import Source
from search.ranking import Numbers, Ranked
from tenants.context import Actor, current
from tenants.registry.models import Retrieval


def meaning_of(
    query: str,
    *,
    actor: Actor,
    place: Within,
    count: int,
    besides: Numbers,
    request_id: UUID,
) -> Ranked:
    """Return the `count` chunks of the place nearest to a query with their cosines.

    And the cosines of those `besides`, as far as the tenant's target knows them: a Knowledge Base
    tells none beyond the nearest.
    """
    if current().retrieval == Retrieval.SCHEMA:
        (vector,) = embed(
            [query],
            actor=actor,
            feature="search",
            request_id=request_id,
            purpose="query",
            model=embedding_model(),
        )
        return by_meaning(place, vector, count=count, besides=besides)
    only, without = listed(place)
    found = knowledge_retrieve(
        query,
        actor=actor,
        feature="search",
        request_id=request_id,
        count=count,
        document_ids=only,
        without_ids=without,
    )
    cosines = {one.chunk_id: one.score for one in found}
    rows = numbers_of(place, list(cosines))
    known = sorted((number, cosines[chunk]) for number, chunk in rows)
    return Ranked(
        np.array([number for number, _ in known], dtype=np.int64),
        np.array([cosine for _, cosine in known], dtype=np.float64),
    )


def listed(place: Within) -> tuple[list[UUID] | None, list[UUID] | None]:
    """Return the documents that a Knowledge Base shall keep to, or else those to leave out.

    Read from live rows, so that copies need not know who may read them. Where both are too many for
    a filter it is asked for all: what does not belong there falls out by its number, as always.
    """
    if not place.narrowed:
        return None, None
    inside = Source.objects.order_by().filter(id__in=place.ids)
    only = _few(inside)
    if only is not None:
        return only, None
    return None, _few(Source.objects.order_by().exclude(id__in=inside.values("id")))


def _few(sources: QuerySet[Source]) -> list[UUID] | None:
    ids = list(sources.values_list("id", flat=True)[: DOCUMENTS_AT_MOST + 1])
    return ids if len(ids) <= DOCUMENTS_AT_MOST else None
