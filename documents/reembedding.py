"""Embed documents anew whose vectors are of a model that no longer serves.

They stay ready and are found by their words meanwhile; each is found by its meaning again once its
new vectors are indexed, in one transaction. Whatever cuts this off, asking again does the rest.
"""

from typing import Final

import structlog
from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Now

from bedrock.embedding_rule import by_batch
from bedrock.selectors import embedding_model
from documents.models import IN_BATCH, Document, Status, Way
from search.copies import placement
from search.models import Source
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
    found = sources_of_others(embedding_model())
    _spare(found)
    others = list(found.values_list("id", flat=True))
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


def _spare(others: QuerySet[Source]) -> None:
    """Take the mark from what has vectors of the model that serves after all.

    It was marked for another model, which serves no longer: of a Region that the workspace has
    left again, for example.
    """
    waiting = Document.objects.filter(status=Status.READY, way__in=[Way.CALLS, Way.COLLECTING])
    waiting.filter(lease_token=None).exclude(id__in=others.values("id")).update(
        way=Way.UNDECIDED, updated_at=F("updated_at")
    )


def moved_reembed() -> str:
    """Mark what the new Region's model has not embedded; it begins once the workspace is resumed.

    The recovery of documents (`documents.recover`) sends what is marked, within half a minute.
    """
    reembed()
    if not (count := reembedding().count()):
        return ""
    return f"{count} documents are embedded anew with {embedding_model()} once it is resumed"


def reembedding() -> QuerySet[Document]:
    """Return the ready documents that wait for new vectors."""
    return Document.objects.filter(status=Status.READY, way__in=[Way.CALLS, *IN_BATCH])
