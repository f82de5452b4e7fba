"""Make collections, say who may read them, and put documents into them."""

from collections.abc import Collection as Ids
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from search.access import (
    collection_known,
    collection_to_add,
    collection_to_manage,
    collections_writable,
)
from search.errors import (
    CollectionExists,
    CollectionNameWrong,
    CollectionNotEmpty,
    GroupNotFound,
    MemberNotFound,
)
from search.models import Collection, CollectionGroup, CollectionMember, Filing, Right
from tenants.accounts.audit import audit_write
from tenants.accounts.models import MemberGroup, User
from tenants.context import Actor
from tenants.naming import one_line

NAME_CHARACTERS: Final = 120
BATCH: Final = 500  # rows an INSERT


@transaction.atomic
def collection_create(*, actor: Actor, name: str, open: bool = True) -> Collection:
    """Make a collection of the actor's, open to the whole workspace or to those it names.

    Raises CollectionNameWrong, CollectionExists; names differ by more than case.
    """
    collection = Collection(name=_named(name), owner_id=actor.user_id, open=open)
    _save(collection)
    _audit(actor, collection, "create", name=collection.name, open=open)
    return collection


@transaction.atomic
def collection_change(
    *, actor: Actor, collection_id: UUID, name: str | None = None, open: bool | None = None
) -> Collection:
    """Rename a collection, or open or close it to the workspace.

    Raises CollectionNotFound, CollectionReadOnly, CollectionNameWrong, CollectionExists.
    """
    collection = collection_to_manage(actor, collection_id)
    if name is not None:
        collection.name = _named(name)
    if open is not None:
        collection.open = open
    _save(collection)
    _audit(actor, collection, "change", name=collection.name, open=collection.open)
    return collection


@transaction.atomic
def collection_delete(*, actor: Actor, collection_id: UUID) -> None:
    """Delete a collection, never a document.

    Raises CollectionNotFound, CollectionReadOnly, and CollectionNotEmpty where documents would
    become visible to more people than now.
    """
    collection = collection_to_manage(actor, collection_id)
    held = Filing.objects.filter(collection=collection)
    if not collection.open:
        elsewhere = Filing.objects.exclude(collection=collection).values("document_id")
        if held.exclude(document_id__in=elsewhere).exists():
            raise CollectionNotEmpty
    held.delete()
    _audit(actor, collection, "delete", name=collection.name)
    collection.delete()


@transaction.atomic
def member_set(*, actor: Actor, collection_id: UUID, user_id: UUID, right: Right) -> None:
    """Share a collection with a user, or change the right of one.

    Raises CollectionNotFound, CollectionReadOnly, MemberNotFound.
    """
    collection_known(actor, collection_id)
    if not User.objects.filter(id=user_id, is_active=True).exists():
        raise MemberNotFound
    collection = collection_to_manage(actor, collection_id)
    CollectionMember.objects.update_or_create(
        collection=collection, user_id=user_id, defaults={"right": right}
    )
    _audit(actor, collection, "share", user_id=str(user_id), right=right)


@transaction.atomic
def member_remove(*, actor: Actor, collection_id: UUID, user_id: UUID) -> None:
    """Take a collection away from a user, from the next retrieval on.

    Raises CollectionNotFound, CollectionReadOnly, MemberNotFound.
    """
    member = CollectionMember.objects.filter(
        collection=collection_known(actor, collection_id), user_id=user_id
    )
    if not member.exists():
        raise MemberNotFound
    collection = collection_to_manage(actor, collection_id)
    member.delete()
    _audit(actor, collection, "unshare", user_id=str(user_id))


@transaction.atomic
def group_set(*, actor: Actor, collection_id: UUID, group_id: UUID, right: Right) -> None:
    """Share a collection with a group, or change its right.

    Raises CollectionNotFound, CollectionReadOnly, GroupNotFound.
    """
    collection_known(actor, collection_id)
    if not MemberGroup.objects.filter(id=group_id).exists():
        raise GroupNotFound
    collection = collection_to_manage(actor, collection_id)
    CollectionGroup.objects.update_or_create(
        collection=collection, group_id=group_id, defaults={"right": right}
    )
    _audit(actor, collection, "share", group_id=str(group_id), right=right)


@transaction.atomic
def group_remove(*, actor: Actor, collection_id: UUID, group_id: UUID) -> None:
    """Take a collection away from a group, from the next retrieval on.

    Raises CollectionNotFound, CollectionReadOnly, GroupNotFound.
    """
    shared = CollectionGroup.objects.filter(
        collection=collection_known(actor, collection_id), group_id=group_id
    )
    if not shared.exists():
        raise GroupNotFound
    collection = collection_to_manage(actor, collection_id)
    shared.delete()
    _audit(actor, collection, "unshare", group_id=str(group_id))


def file_new(*, actor: Actor, document_id: UUID, collection_id: UUID) -> None:
    """Put a document that is being taken in into a collection, in the caller's transaction.

    Raises CollectionNotFound, CollectionReadOnly.
    """
    collection = collection_to_add(actor, collection_id)
    Filing.objects.create(document_id=document_id, collection=collection)


def file_like(*, document_id: UUID, like: UUID) -> None:
    """File what is being taken in where another document is, in the caller's transaction.

    For a caller that has checked that the actor may change that one. Also where the actor may not
    add: what replaces a document must not be open to more people than it was.
    """
    held = Filing.objects.order_by().filter(document_id=like).values_list("collection", flat=True)
    Filing.objects.bulk_create(
        [Filing(document_id=document_id, collection_id=each) for each in held], batch_size=BATCH
    )


def file_in(*, actor: Actor, document_ids: Ids[UUID], collection_ids: Ids[UUID]) -> None:
    """Let the documents be in exactly these of the collections that the actor may add to.

    For a caller that has checked that the actor may change the documents, in its transaction. They
    stay in collections that the actor may not add to: nobody takes from a collection what is not
    theirs. Raises CollectionNotFound, CollectionReadOnly.
    """
    wanted = [collection_to_add(actor, each) for each in collection_ids]
    held = Filing.objects.filter(
        document_id__in=document_ids, collection__in=collections_writable(actor).order_by()
    )
    held.exclude(collection__in=wanted).delete()
    Filing.objects.bulk_create(
        [
            Filing(document_id=document_id, collection=collection)
            for document_id in document_ids
            for collection in wanted
        ],
        batch_size=BATCH,
        ignore_conflicts=True,
    )


def unfile(document_ids: Ids[UUID]) -> None:
    """Take deleted documents out of all collections."""
    Filing.objects.filter(document_id__in=document_ids).delete()


def _named(name: str) -> str:
    shown = one_line(name)
    if not 1 <= len(shown) <= NAME_CHARACTERS:
        raise CollectionNameWrong
    return shown


def _save(collection: Collection) -> None:
    try:
        with transaction.atomic():
            collection.save()
    except IntegrityError as error:
        raise CollectionExists from error


def _audit(actor: Actor, collection: Collection, deed: str, **data: object) -> None:
    audit_write(
        actor,
        action=f"collection.{deed}",
        object_type="collection",
        object_id=collection.id,
        **data,
    )
