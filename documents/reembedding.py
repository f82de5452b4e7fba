"""Embed documents anew whose vectors are of a model that no longer serves.

They stay ready and are found by their words meanwhile; each is found by its meaning again once its
new vectors are indexed, in one transaction. Whatever cuts this off, asking again does the rest.
"""

from typing import Final

import structlog
from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Now

from bedrock.embedding_rule import by_batch
from bedrock.selectors import embedding_model
from documents.models import Document, Status, Way
from search.copies import placement
from search.vectormodels import sources_of_others

log = structlog.get_logger(__name__)

AT_ONCE: Final = 1000  # documents marked in one statement


def reembed() -> int:
    """Mark the entered tenant's documents of other models for new vectors; return how many.

    Enough of them for a job are collected for one, fewer go by calls. Those already marked are left
    alone. A Knowledge Base embeds by a model of its own: its workspaces have nothing to do here.
    """
    where = placement()
    if not where.schema or where.bases:
        return 0
    others = list(sources_of_others(embedding_model()).values_list("id", flat=True))
    if not others:
        return 0
    marked = 0
    with transaction.atomic():
        waiting = Document.objects.filter(status=Status.READY, way=Way.UNDECIDED)
        passages = waiting.filter(id__in=others).aggregate(sum=Sum("chunks"))["sum"] or 0
        way = Way.COLLECTING if by_batch(passages) else Way.CALLS
        for first in range(0, len(others), AT_ONCE):
            marked += waiting.filter(id__in=others[first : first + AT_ONCE]).update(
                way=way, collected_at=Now(), dispatched_at=Now(), updated_at=F("updated_at")
            )
    log.info("documents.reembed", documents=marked, passages=passages, way=way)
    return marked
