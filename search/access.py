"""Who may see what: the one place that says which sources and collections an actor may retrieve."""

from uuid import UUID

from django.db.models import QuerySet

from bedrock.gateway import masks
from search.errors import CollectionNotFound
from search.models import Collection, Source
from tenants.context import Actor


def sources_visible(actor: Actor) -> QuerySet[Source]:
    """Return the live sources that the actor may retrieve: all of the workspace, for every role.

    In a workspace that masks, one that was indexed before it did is left out until it is masked.
    """
    live = Source.objects.filter(live=True)
    return live.exclude(masked_with="") if masks() else live


def collections_visible(actor: Actor) -> QuerySet[Collection]:
    """Return the collections that the actor may see: all of the workspace, for every role."""
    return Collection.objects.all()


def collection_of(actor: Actor, collection_id: UUID | str) -> Collection:
    """Return the collection if the actor may see it. Raises CollectionNotFound."""
    collection = collections_visible(actor).filter(id=collection_id).first()
    if collection is None:
        raise CollectionNotFound
    return collection
