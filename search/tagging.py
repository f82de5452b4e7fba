"""Tags: short words that people put on documents to find them by, for the whole workspace.

Whoever may read a document sees its tags, whoever may change it sets them. Case does not tell two
tags apart.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower

from search.access import may_read
from search.errors import TagsWrong
from search.models import Tagging
from tenants.context import Actor
from tenants.naming import one_line

TAG_CHARACTERS: Final = 40
TAGS_AT_MOST: Final = 20  # on one document
LISTED: Final = 200  # tags that a filter offers
BATCH: Final = 500  # rows an INSERT


def tags_checked(given: Iterable[str]) -> list[str]:
    """Return tags on one line each, in the order given, each once. Raises TagsWrong."""
    found: dict[str, str] = {}
    for each in given:
        tag = one_line(each.replace(",", " "))
        if not 1 <= len(tag) <= TAG_CHARACTERS:
            raise TagsWrong
        found.setdefault(tag.lower(), tag)
    if len(found) > TAGS_AT_MOST:
        raise TagsWrong
    return list(found.values())


def tags_holding() -> ArraySubquery:
    """Return a document's tags, in their order, for an annotation of it."""
    held = Tagging.objects.filter(document_id=OuterRef("id")).order_by(Lower("name"))
    return ArraySubquery(held.values("name"))


def tagged(names: Iterable[str], document: str = "id") -> Q:
    """Return the condition that the document of that column has all of these tags."""
    condition = Q()
    for name in names:
        held = Tagging.objects.filter(document_id=OuterRef(document), name__iexact=name)
        condition &= Q(Exists(held))
    return condition


def tags_known(actor: Actor) -> list[str]:
    """Return the tags of what the actor may read, in their order, the first `LISTED` of them."""
    seen = Tagging.objects.filter(may_read(actor, "document_id"))
    spelled = seen.order_by(Lower("name"), "name").values_list("name", flat=True).distinct()
    found: dict[str, str] = {}
    for name in spelled[: 2 * LISTED]:
        found.setdefault(name.lower(), name)
    return list(found.values())[:LISTED]


def tags_set(document_ids: Iterable[UUID], names: Iterable[str]) -> None:
    """Let the documents have exactly these tags.

    For a caller that has checked that the actor may change the documents, in its transaction.
    Raises TagsWrong.
    """
    ids, wanted = list(document_ids), tags_checked(names)
    Tagging.objects.filter(document_id__in=ids).delete()
    _put(ids, wanted)


def tags_change(document_ids: Iterable[UUID], names: Iterable[str], *, on: bool) -> None:
    """Put these tags on the documents beside those that they have, or take them off.

    As `tags_set`; also raises TagsWrong where a document would have too many.
    """
    ids, wanted = list(document_ids), tags_checked(names)
    held = Tagging.objects.filter(document_id__in=ids)
    same = Q(pk__in=[])
    for name in wanted:
        same |= Q(name__iexact=name)
    held.filter(same).delete()
    if not on:
        return
    _put(ids, wanted)
    many: dict[UUID, int] = {}
    for each in held.values_list("document_id", flat=True):
        many[each] = many.get(each, 0) + 1
    if max(many.values(), default=0) > TAGS_AT_MOST:
        raise TagsWrong


def tags_like(*, document_id: UUID, like: UUID) -> None:
    """Give a document that is being taken in the tags of another, in the caller's transaction."""
    _put([document_id], Tagging.objects.filter(document_id=like).values_list("name", flat=True))


def untag(document_ids: Iterable[UUID]) -> None:
    """Forget the tags of deleted documents."""
    Tagging.objects.filter(document_id__in=list(document_ids)).delete()


def _put(ids: Iterable[UUID], names: Iterable[str]) -> None:
    wanted = list(names)
    Tagging.objects.bulk_create(
        [Tagging(document_id=each, name=name) for each in ids for name in wanted],
        batch_size=BATCH,
        ignore_conflicts=True,
    )
