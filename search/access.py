"""Who may see what: the one place that says which sources and collections an actor may retrieve.

A document in no collection is the whole workspace's; one in collections is for whom at least one of
them is open to. All of it is asked of live rows in the statement that reads, so that a change of
membership holds from the next one on.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from bedrock.gateway import masks
from search.arms import ids_of
from search.errors import CollectionNotFound, CollectionReadOnly
from search.models import Collection, CollectionGroup, CollectionMember, Filing, Right, Source
from tenants.accounts.models import role_reaches
from tenants.context import Actor

ADDS: Final = "member"  # the role from which on a right to add counts
MANAGES: Final = "admin"  # the role that manages what it may not read, so that none is orphaned
SOMEBODY: Final = UUID("50b0d700-0000-4000-8000-000000000000")  # stands for whoever asks; nobody's


def sources_visible(actor: Actor) -> QuerySet[Source]:
    """Return the live sources that the actor may retrieve.

    In a workspace that masks, one that was indexed before it did is left out until it is masked.
    What is attached to something is never among them: see `sources_attached`.
    """
    return _visible(actor, masks=masks())


def _visible(actor: Actor, *, masks: bool) -> QuerySet[Source]:
    return _masked(Source.objects.filter(may_read(actor), live=True, attached_to=None), masks=masks)


def ids_visible(actor: Actor) -> RawSQL:
    """Return the statement that reads the ids of `sources_visible`, live rows as ever.

    The ORM takes longer to write it than PostgreSQL to carry it out, so it is written once for all
    who differ in nothing but who they are.
    """
    return _asked_by(actor, _ids_written(somebody(actor), masks=masks()))


@lru_cache(maxsize=1000)
def _ids_written(standing_in: Actor, *, masks: bool) -> RawSQL:
    return ids_of(_visible(standing_in, masks=masks))


def _readable(actor: Actor) -> RawSQL:
    """Return the statement that reads the ids of `collections_visible`, written once likewise."""
    return _asked_by(actor, _readable_written(somebody(actor)))


@lru_cache(maxsize=1000)
def _readable_written(standing_in: Actor) -> RawSQL:
    return ids_of(collections_visible(standing_in))


def somebody(actor: Actor) -> Actor:
    """Return who stands for the actor where a statement is written once for all like them."""
    return replace(actor, user_id=SOMEBODY if actor.user_id else None)


def _asked_by(actor: Actor, written: RawSQL) -> RawSQL:
    return RawSQL(  # noqa: S611 - what the ORM wrote, values apart
        written.sql, [actor.user_id if each == SOMEBODY else each for each in written.params]
    )


def sources_attached(actor: Actor, holder: UUID) -> QuerySet[Source]:
    """Return what is attached to the holder, beside what the actor may retrieve anyway.

    For callers that found that the actor may see the holder.
    """
    seen = Q(attached_to=holder) | (Q(attached_to=None) & may_read(actor))
    return _masked(Source.objects.filter(seen, live=True), masks=masks())


def _masked(sources: QuerySet[Source], *, masks: bool) -> QuerySet[Source]:
    return sources.exclude(masked_with="") if masks else sources


def may_read(actor: Actor, document: str = "id") -> Q:
    """Return the condition that the actor may read the document of that column."""
    filed = Filing.objects.filter(document_id=OuterRef(document))
    return ~Exists(filed) | Exists(filed.filter(collection__in=_readable(actor)))


def may_change(actor: Actor, document: str = "id") -> Q:
    """Return the condition that the actor, whose role allows changes, may change the document."""
    filed = Filing.objects.filter(document_id=OuterRef(document))
    return ~Exists(filed) | Exists(filed.filter(collection__in=_ids(collections_writable(actor))))


def collections_holding(actor: Actor, *, value: str = "collection_id") -> ArraySubquery:
    """Return the collections of a document (ids, or another value) that the actor may read."""
    filed = Filing.objects.filter(document_id=OuterRef("id"), collection__in=_readable(actor))
    return ArraySubquery(filed.values(value))


def documents_in(collection_ids: Iterable[UUID]) -> QuerySet[Filing, Any]:
    """Return the ids of what is filed in these collections, as a subquery."""
    filed = Filing.objects.order_by().filter(collection__in=list(collection_ids))
    return filed.values("document_id")


def collections_visible(actor: Actor) -> QuerySet[Collection]:
    """Return the collections that the actor may read: open ones, own ones, and as a member.

    By name, or by a group that the actor is in at the moment of the statement.
    """
    return Collection.objects.filter(Q(open=True) | _own(actor) | _member(actor))


def collections_writable(actor: Actor) -> QuerySet[Collection]:
    """Return the collections that the actor may add to: none for viewers."""
    if not role_reaches(actor.role, ADDS):
        return Collection.objects.none()
    adding = _member(actor, right=Right.ADD)
    return Collection.objects.filter(Q(open=True) | _own(actor) | adding)


def collections_manageable(actor: Actor) -> QuerySet[Collection]:
    """Return the collections whose name and members the actor may change: own ones.

    Admins manage every one, without reading its documents: to do that they make themselves members,
    which the audit log tells.
    """
    if role_reaches(actor.role, MANAGES):
        return Collection.objects.all()
    if not role_reaches(actor.role, ADDS):
        return Collection.objects.none()
    return Collection.objects.filter(_own(actor))


def collections_known(actor: Actor) -> QuerySet[Collection]:
    """Return the collections that the actor may know of: to read or to manage."""
    if role_reaches(actor.role, MANAGES):
        return Collection.objects.all()
    return collections_visible(actor)


def collection_of(actor: Actor, collection_id: UUID | str) -> Collection:
    """Return the collection if the actor may read it. Raises CollectionNotFound."""
    return _one(collections_visible(actor), collection_id)


def collection_known(actor: Actor, collection_id: UUID | str) -> Collection:
    """Return the collection if the actor may read or manage it. Raises CollectionNotFound."""
    return _one(collections_known(actor), collection_id)


def collection_to_add(actor: Actor, collection_id: UUID | str) -> Collection:
    """Return the collection if the actor may add documents to it.

    Raises CollectionNotFound, or CollectionReadOnly where it may be read.
    """
    return _allowed(actor, collections_writable(actor), collection_id)


def collection_to_manage(actor: Actor, collection_id: UUID | str) -> Collection:
    """Return the collection if the actor may change it, locked until the transaction ends.

    Raises CollectionNotFound, or CollectionReadOnly where it may be read.
    """
    return _allowed(actor, collections_manageable(actor).select_for_update(), collection_id)


def _allowed(actor: Actor, allowed: QuerySet[Collection], collection_id: UUID | str) -> Collection:
    collection = allowed.filter(id=collection_id).first()
    if collection is None:
        collection_known(actor, collection_id)
        raise CollectionReadOnly
    return collection


def _one(among: QuerySet[Collection], collection_id: UUID | str) -> Collection:
    collection = among.filter(id=collection_id).first()
    if collection is None:
        raise CollectionNotFound
    return collection


def _own(actor: Actor) -> Q:
    return Q(owner_id=actor.user_id) if actor.user_id else Q(pk__in=[])


def _member(actor: Actor, **more: str) -> Q:
    if actor.user_id is None:
        return Q(pk__in=[])
    mine = CollectionMember.objects.filter(collection=OuterRef("pk"), user_id=actor.user_id, **more)
    ours = CollectionGroup.objects.filter(
        collection=OuterRef("pk"), group__memberships__user_id=actor.user_id, **more
    )
    return Q(Exists(mine)) | Q(Exists(ours))


def _ids(collections: QuerySet[Collection]) -> QuerySet[Collection, Any]:
    return collections.order_by().values("id")
