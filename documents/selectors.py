"""Read documents: lists, states, text and exact slices of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args
from uuid import UUID

from django.db import connection
from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Lower, Substr
from django.utils.translation import gettext

from bedrock.offsets import Masking
from documents.access import documents_current
from documents.models import IN_FLIGHT, Document, DocumentText, Status
from search.access import collection_of, collections_holding, documents_in
from search.filters import media_types_of
from search.models import Chunk
from search.tagging import tagged
from tenants.context import Actor
from tenants.errors import NotFound

Sort: TypeAlias = Literal["-created", "created", "name", "-name", "size", "-size"]
SORTS: Final[tuple[str, ...]] = get_args(Sort)
Span: TypeAlias = tuple[UUID, int, int, int]  # document, passage, first, last: see text_slices
Place: TypeAlias = tuple[UUID, int, int]

_ORDER: Final[dict[str, Any]] = {
    "created": F("created_at"),
    "name": Lower("name"),
    "size": F("size"),
}


def document_text(document_id: UUID | str) -> DocumentText:
    """Return the document's canonical text with its pages. Raises NotFound until it is parsed.

    For callers that have checked access by `document_of`.
    """
    content = DocumentText.objects.filter(document_id=document_id).first()
    if content is None:
        raise NotFound(gettext("The text of this document is not available yet."))
    return content


def page_text(document_id: UUID, number: int) -> tuple[int, str]:
    """Return where a page of the original's text begins, and the text of it alone.

    Nothing of a page without text. For callers that have checked access by `document_of`.
    """
    kept = DocumentText.objects.filter(document_id=document_id)
    pages = kept.values_list("pages", flat=True).first() or []
    span = next(((start, end) for page, start, end in pages if page == number), None)
    if span is None:
        return 0, ""
    start, end = span
    part = Substr("text", start + 1, end - start)
    return start, kept.annotate(part=part).values_list("part", flat=True).first() or ""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a document's text, where it stands in the original, and the page it begins on.

    The text is the masked one where the document is masked. `page` is None without pages;
    `recognized` says that it was read by text recognition. `beside` are the titles of the
    document's other sections, those that follow the part first, without masked ones.
    """

    text: str
    start: int
    end: int
    page: int | None
    recognized: bool = False
    beside: tuple[str, ...] = ()


def text_slices(spans: Sequence[Span]) -> dict[Span, Slice]:
    """Return what stands `first` to `last` characters behind the offset `passage`, for each span.

    A span is (document, passage, first, last): the offset counts in the original, what follows it
    in the text that passages are of. Missing documents are left out, and so is a span that cuts
    what stands for an entity. One query, two more where a document is masked.
    """
    if not spans:
        return {}
    wanted = {span: (span[0], span[1] + span[2], span[1] + span[3]) for span in set(spans)}
    read = _sliced("text", wanted, wanted)
    kept = {span: found for span, (found, is_masked) in read.items() if not is_masked}
    covered = {span[0] for span, (_, is_masked) in read.items() if is_masked}
    if covered:
        kept |= _masked_slices([span for span in wanted if span[0] in covered])
    return kept


def _masked_slices(spans: Sequence[Span]) -> dict[Span, Slice]:
    maps = {
        document_id: Masking.stored("", stored)
        for document_id, stored in DocumentText.objects.filter(
            document_id__in={span[0] for span in spans}
        ).values_list("document_id", "mask_spans")
    }
    places: dict[Span, Place] = {}
    origins: dict[Span, Place] = {}
    for span in spans:
        document_id, passage, first, last = span
        masking = maps[document_id]
        begin = masking.to_masked(passage)
        place = (begin + first, begin + last)
        if masking.whole(*place) == place:
            places[span] = (document_id, *place)
            origins[span] = (
                document_id,
                masking.to_original(place[0]),
                masking.to_original(place[1], end=True),
            )
    read = _sliced("masked", places, origins, maps)
    return {span: found for span, (found, _) in read.items()}


def _sliced(
    column: Literal["text", "masked"],
    places: Mapping[Span, Place],
    origins: Mapping[Span, Place],
    maps: Mapping[UUID, Masking] = MappingProxyType({}),
) -> dict[Span, tuple[Slice, bool]]:
    """Return each place of the column with its origin's offsets and page, and whether masked."""
    if not places:
        return {}
    ordered = list(places)
    text = "CASE WHEN content.masked IS NULL THEN content.text END"
    if column == "masked":
        text = "content.masked"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT span.place, substr({text}, span.first + 1, span.last - span.first),
                   begun.page, content.masked IS NOT NULL,
                   coalesce(content.recognized @> to_jsonb(begun.page), false),
                   CASE row_number() OVER (PARTITION BY span.id ORDER BY span.place)
                        WHEN 1 THEN content.headings END
            FROM unnest(%s::int[], %s::uuid[], %s::int[], %s::int[], %s::int[])
                 AS span (place, id, first, last, origin)
            JOIN documents_documenttext content ON content.document_id = span.id,
            LATERAL (SELECT max((page ->> 0)::int) AS page
                     FROM jsonb_array_elements(content.pages) page
                     WHERE (page ->> 1)::int <= span.origin) begun
            ORDER BY span.place
            """,  # noqa: S608 - the columns' names are ours
            [
                list(range(len(ordered))),
                [places[span][0] for span in ordered],
                [places[span][1] for span in ordered],
                [places[span][2] for span in ordered],
                [origins[span][1] for span in ordered],
            ],
        )
        found = {}
        headings: dict[UUID, list[Any]] = {}
        for place, part, page, is_masked, seen, told in cursor.fetchall():
            document_id, start, end = origins[ordered[place]]
            if told is not None:
                headings[document_id] = json.loads(told)
            beside = _beside(headings[document_id], start, maps.get(document_id))
            found[ordered[place]] = (Slice(part or "", start, end, page, seen, beside), is_masked)
    return found


def _beside(headings: list[Any], at: int, masking: Masking | None) -> tuple[str, ...]:
    """Return the titles of the sections that follow an offset, then of those before, nearest first.

    Without that of the whole document.
    """
    here = sum(start <= at for _, _, start in headings) - 1
    near = headings[here + 1 :] + headings[: max(here, 0)][::-1]
    return tuple(
        title
        for level, title, start in near
        if level > 1 and not (masking and masking.hides(start, start + len(title)))
    )


def chunk_span(document_id: UUID, chunk_id: UUID) -> tuple[int, int] | None:
    """Return where an indexed passage of the document begins and ends in its text."""
    found = Chunk.objects.filter(chunk_id=chunk_id, source_id=document_id)
    return found.values_list("start", "end").first()


def document_list(
    actor: Actor,
    *,
    query: str = "",
    sort: str = "-created",
    status: str = "",
    collection: UUID | None = None,
    tag: str = "",
    kind: str = "",
    added_from: datetime | None = None,
    added_before: datetime | None = None,
) -> QuerySet[Document]:
    """Return the visible documents whose names hold every word of `query`.

    Of one collection, with one tag, of one kind and added within a time, if they are given. Raises
    CollectionNotFound, FilterUnknown.
    """
    found = documents_current(actor).select_related("created_by")
    found = found.annotate(collection_names=collections_holding(actor, value="collection__name"))
    if collection is not None:
        found = found.filter(id__in=documents_in([collection_of(actor, collection).id]))
    if kind:
        found = found.filter(media_type__in=media_types_of([kind]))
    if added_from is not None:
        found = found.filter(created_at__gte=added_from)
    if added_before is not None:
        found = found.filter(created_at__lt=added_before)
    if tag:
        found = found.filter(tagged([tag]))
    for word in query.split()[:10]:
        found = found.filter(name__icontains=word)
    if status == "in_flight":
        found = found.filter(status__in=IN_FLIGHT)
    elif status:
        found = found.filter(status=status)
    column, falls = sorting(sort)
    first = column.desc() if falls else column.asc()
    return found.order_by(first, F("id").desc() if falls else F("id").asc())


def sorting(sort: str) -> tuple[Any, bool]:
    """Return the expression that a list is sorted by, and whether it falls."""
    column = _ORDER.get(sort.lstrip("-"), _ORDER["created"])
    return column, sort.startswith("-") or sort not in SORTS


def document_counts(actor: Actor) -> dict[str, int]:
    """Return how many documents there are in all, under way, ready and failed."""
    return documents_current(actor).aggregate(
        all=Count("id"),
        in_flight=Count("id", filter=Q(status__in=IN_FLIGHT)),
        ready=Count("id", filter=Q(status=Status.READY)),
        failed=Count("id", filter=Q(status=Status.FAILED)),
    )


def documents_ready(
    actor: Actor,
    *,
    limit: int,
    chosen: Sequence[UUID] = (),
    find: str = "",
    collections: Sequence[UUID] = (),
) -> list[Document]:
    """Return documents that can be asked, for a chooser: those chosen already, then by name.

    Of those that are not chosen, the ones whose names hold every word of `find`; of all, those in
    one of `collections`, if there are any, which must be the actor's to read.
    """
    ready = documents_current(actor).filter(status=Status.READY)
    if collections:
        ready = ready.filter(id__in=documents_in(collections))
    for word in find.split()[:10]:
        ready = ready.filter(Q(id__in=list(chosen)) | Q(name__icontains=word))
    first = Case(When(id__in=list(chosen), then=0), default=1) if chosen else Value(0)
    ordered = ready.order_by(first, Lower("name"))
    return list(ordered.only("id", "name", "title", "media_type", "pages")[:limit])
