"""Read: search results for a person, and collections."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import CharField, Count, Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils.safestring import SafeString

from search.access import (
    collections_known,
    collections_manageable,
    collections_visible,
    collections_writable,
    sources_visible,
)
from search.errors import CollectionNotFound, LimitOutOfRange, QueryEmpty, QueryTooLong
from search.filters import Kind, kind_of
from search.highlight import Text, excerpts
from search.models import Collection, CollectionGroup, CollectionMember, Filing
from search.phrases import phrases_of
from search.retrieval import EVERYTHING, Findings, Passage, RetrievalScope, find, find_typed
from tenants.accounts.models import MemberGroup, User
from tenants.context import Actor

QUERY_CHARACTERS: Final = 1_000
LIMIT: Final = 50
LIMIT_USUAL: Final = 10


@dataclass(frozen=True, slots=True)
class Result:
    """A passage as it is shown: an excerpt with its words marked, and where it leads."""

    passage: Passage
    excerpt: SafeString
    kind: Kind
    address: str


def query_checked(query: str) -> str:
    """Return the query without surrounding space. Raises QueryEmpty or QueryTooLong."""
    asked = query.replace("\x00", "").strip()
    if not asked:
        raise QueryEmpty
    if len(asked) > QUERY_CHARACTERS:
        raise QueryTooLong
    return asked


def search(
    *,
    actor: Actor,
    query: str,
    scope: RetrievalScope = EVERYTHING,
    limit: int = LIMIT_USUAL,
    request_id: UUID,
    unfinished: bool = False,
) -> Findings:
    """Return the best passages, and how the query was read; `unfinished` while it is typed.

    Raises Invalid for a query or limit out of bounds, and NotFound.
    """
    asked = query_checked(query)
    if not 1 <= limit <= LIMIT:
        raise LimitOutOfRange
    return find(
        actor=actor,
        scope=scope,
        query=asked,
        limit=limit,
        request_id=request_id,
        unfinished=unfinished,
    )


def search_typed(
    *, actor: Actor, query: str, scope: RetrievalScope = EVERYTHING, limit: int = LIMIT_USUAL
) -> Findings:
    """Return what the words typed so far find, by the passages' words alone and for nothing.

    What is in quotation marks finds nothing: it is looked for word for word, once it is searched.
    Raises as `search`.
    """
    asked = query_checked(query)
    if not 1 <= limit <= LIMIT:
        raise LimitOutOfRange
    if phrases_of(asked):
        return Findings([])
    return find_typed(actor=actor, scope=scope, query=asked, limit=limit)


def results_of(found: Findings, query: str) -> list[Result]:
    """Return the passages as the page shows them."""
    texts = [Text(passage.text, passage.language) for passage in found.passages]
    shown = excerpts(texts, query, terms=found.words.terms)
    return [
        Result(
            passage=passage,
            excerpt=excerpt,
            kind=kind_of(passage.media_type),
            address=f"/documents/{passage.document_id}/?"
            + urlencode({"chunk": passage.chunk_id, "start": passage.start, "end": passage.end})
            + "#passage",
        )
        for passage, excerpt in zip(found.passages, shown, strict=True)
    ]


def collection_list(actor: Actor) -> QuerySet[Collection]:
    """Return the collections that the actor may read, by name: those to search in."""
    return collections_visible(actor)


def collection_overview(actor: Actor) -> QuerySet[Collection]:
    """Return all collections that the actor knows of, by name, with what they may do and hold.

    Each row tells its owner's name, how many members and documents it has, whether its documents
    are `readable`, and the collection itself `writable` and `manageable`. One statement.
    """
    return collections_known(actor).annotate(
        owner_name=Subquery(
            User.objects.filter(id=OuterRef("owner_id")).values(
                shown=Coalesce(NullIf("name", Value("")), "email", output_field=CharField())
            )[:1]
        ),
        member_count=_count(CollectionMember),
        document_count=_count(Filing),
        readable=_among(collections_visible(actor)),
        writable=_among(collections_writable(actor)),
        manageable=_among(collections_manageable(actor)),
    )


def _count(model: type[CollectionMember] | type[Filing]) -> Coalesce:
    rows = model._default_manager.filter(collection=OuterRef("pk")).order_by()
    counted = rows.values("collection").annotate(count=Count("id")).values("count")
    return Coalesce(Subquery(counted), Value(0))


def _among(collections: QuerySet[Collection]) -> Exists:
    return Exists(collections.order_by().filter(pk=OuterRef("pk")))


def collection_shown(actor: Actor, collection_id: UUID) -> Collection:
    """Return one row of the overview. Raises CollectionNotFound."""
    collection = collection_overview(actor).filter(id=collection_id).first()
    if collection is None:
        raise CollectionNotFound
    return collection


def collection_members(collection: Collection) -> QuerySet[CollectionMember]:
    """Return whom the collection is shared with, for callers that have checked access to it."""
    members = CollectionMember.objects.filter(collection=collection).select_related("user")
    return members.order_by("user__email")


def collection_groups(collection: Collection) -> QuerySet[CollectionGroup]:
    """Return the groups that the collection is shared with, for callers that checked access."""
    rows = CollectionGroup.objects.filter(collection=collection).select_related("group")
    return rows.order_by("group__name")


def groups_to_add(collection: Collection) -> QuerySet[MemberGroup]:
    """Return the groups that the collection can still be shared with."""
    has = CollectionGroup.objects.filter(collection=collection).values("group_id")
    return MemberGroup.objects.exclude(id__in=has)


def users_to_add(collection: Collection) -> QuerySet[User]:
    """Return the active users whom the collection can still be shared with."""
    has = CollectionMember.objects.filter(collection=collection).values("user_id")
    others = User.objects.filter(is_active=True).exclude(id__in=has)
    return others.exclude(id=collection.owner_id) if collection.owner_id else others


def has_sources(actor: Actor) -> bool:
    """Return whether there is anything to search."""
    return sources_visible(actor).exists()
