"""Read documents: lists, states, text and exact slices of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Lower

from documents.access import documents_visible
from documents.models import IN_FLIGHT, Document, DocumentText, Status
from search.models import Chunk
from tenants.context import Actor
from tenants.errors import NotFound

Sort: TypeAlias = Literal["-created", "created", "name", "-name", "size", "-size"]
SORTS: Final[tuple[str, ...]] = get_args(Sort)
Span: TypeAlias = tuple[UUID, int, int]

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
        raise NotFound("The text of this document is not available yet.")
    return content


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a document's text and the page on which it begins (None without pages)."""

    text: str
    page: int | None


def text_slices(spans: Sequence[Span]) -> dict[Span, Slice]:
    """Return `text[start:end]` of each span, in one query; missing documents are left out."""
    if not spans:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT span.id, span.first, span.last,
                   substr(content.text, span.first + 1, span.last - span.first),
                   (SELECT max((page ->> 0)::int) FROM jsonb_array_elements(content.pages) page
                    WHERE (page ->> 1)::int <= span.first)
            FROM unnest(%s::uuid[], %s::int[], %s::int[]) AS span (id, first, last)
            JOIN documents_documenttext content ON content.document_id = span.id
            """,
            [
                [span[0] for span in spans],
                [span[1] for span in spans],
                [span[2] for span in spans],
            ],
        )
        return {(row[0], row[1], row[2]): Slice(row[3], row[4]) for row in cursor.fetchall()}


def chunk_span(document_id: UUID, chunk_id: UUID) -> tuple[int, int] | None:
    """Return where an indexed passage of the document begins and ends in its text."""
    found = Chunk.objects.filter(chunk_id=chunk_id, source_id=document_id)
    return found.values_list("start", "end").first()


def document_list(
    actor: Actor, *, query: str = "", sort: str = "-created", status: str = ""
) -> QuerySet[Document]:
    """Return the visible documents whose names hold every word of `query`."""
    found = documents_visible(actor).select_related("created_by")
    for word in query.split()[:10]:
        found = found.filter(name__icontains=word)
    if status == "in_flight":
        found = found.filter(status__in=IN_FLIGHT)
    elif status:
        found = found.filter(status=status)
    column = _ORDER.get(sort.lstrip("-"), _ORDER["created"])
    falls = sort.startswith("-") or sort not in SORTS
    first = column.desc() if falls else column.asc()
    return found.order_by(first, F("id").desc() if falls else F("id").asc())


def document_counts(actor: Actor) -> dict[str, int]:
    """Return how many documents there are in all, under way, ready and failed."""
    return documents_visible(actor).aggregate(
        all=Count("id"),
        in_flight=Count("id", filter=Q(status__in=IN_FLIGHT)),
        ready=Count("id", filter=Q(status=Status.READY)),
        failed=Count("id", filter=Q(status=Status.FAILED)),
    )


def documents_ready(actor: Actor, *, limit: int) -> list[Document]:
    """Return documents that can be asked, by name, for a chooser."""
    ready = documents_visible(actor).filter(status=Status.READY)
    return list(
        ready.order_by(Lower("name")).only("id", "name", "title", "media_type", "pages")[:limit]
    )
