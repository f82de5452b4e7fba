"""Pages: one document, as it looks and as text, opened at a passage; its file."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.utils.http import content_disposition_header, parse_etags
from django.views.decorators.http import require_GET

from bedrock.gateway import masks
from documents import inside, viewer
from documents.access import may_unmask
from documents.attaching import document_readable, holder_address
from documents.errors import StoredFileMissing
from documents.masking import mask_stale
from documents.models import Document, Status
from documents.pageimages import WIDTHS, Sheet, has_pictures, page_image, page_lines, sheets
from documents.pages import opened_at, upload_limits
from documents.parsing import NAME_CHARACTERS
from documents.renditions import Rendition
from documents.selectors import document_text
from documents.unmasking import original_checked, text_shown
from documents.versions import newest_of, versions_of
from search.tagging import tags_known
from tenants.accounts.models import role_reaches
from tenants.accounts.permissions import role_required
from tenants.accounts.selectors import actor_of
from tenants.errors import NotFound, TenantryError
from tenants.objects import object_parts
from tenants.streaming import streamed

log = structlog.get_logger(__name__)

VERSIONS_SHOWN: Final = 50
PLACES: Final = ("start", "end", "chunk", "page")  # what an address may open a document at
# A stored file is somebody's upload: never shown as a page of ours, never guessed at, no scripts.
FILE_POLICY: Final = "default-src 'none'; sandbox"
# Asked for each time, so that the authority is checked; sent again only when it changed.
PICTURE_CACHING: Final = "private, no-cache"


@require_GET
@role_required("viewer")
def document_view(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Show the document, opened at the passage `?start=&end=`, `?chunk=` or `?page=`.

    PDF files as they look, others and with `?as=text` as text; `?q=` lists where words stand.
    """
    return document_shown(request, document_id)


def document_shown(request: HttpRequest, document_id: UUID, **more: Any) -> HttpResponse:
    """Show the document; `error` is why it was not renamed to `name_given`, and so for its tags."""
    actor = actor_of(request)
    document = document_readable(actor, document_id)
    attached = document.attached_to is not None
    may_write = role_reaches(actor.role, "member") and not attached
    context: dict[str, Any] = {
        "nav": "documents",
        "document": document,
        "may_write": may_write,
        "holder": holder_address(actor, document),
        "tags_known": tags_known(actor) if may_write else [],
        "may_unmask": may_unmask(actor),
        "versions": list(versions_of(actor, document)[:VERSIONS_SHOWN]),
        "name_most": NAME_CHARACTERS,
        "newest": newest_of(actor, document_id) if document.replaced_at else None,
        "limits": upload_limits() if may_write else None,
        "file_open": may_unmask(actor) or not (document.masked_with or masks()),
    }
    if document.status == Status.READY:
        context |= _reading(request, document)
    refused = more.get("error") or more.get("tags_error")
    status = refused.status if refused else 200
    return render(request, "documents/view.html", context | more, status=status)


def _reading(request: HttpRequest, document: Document) -> dict[str, Any]:
    """Return what the template shows of a document that is ready."""
    content, unmasked = _text(request, document)
    at, passage = opened_at(request.GET, content)
    kept = {key: request.GET[key] for key in PLACES if key in request.GET}
    pictures = has_pictures(document)
    drawn: list[Sheet] | None = None
    if pictures and request.GET.get("as") != "text":
        drawn = _sheets(document, content, at, passage)
    query = inside.asked_for(request.GET.get("q", ""))
    text_kept = {"as": "text"} if pictures and request.GET.get("as") == "text" else {}
    return {
        "masked": content.masking is not None,
        "unmasked": unmasked,
        "entities": len(content.masking.found) if content.masking else 0,
        "stale": mask_stale(document),
        "passage_asked": urlencode({key: kept[key] for key in kept if key != "page"}),
        "as_text": "?" + urlencode({**kept, "as": "text"}),
        "as_pages": "?" + urlencode(kept),
        "kept": urlencode(text_kept),
        "pictures": pictures,
        "sheets": drawn,
        "widths": [str(width) for width in WIDTHS],
        "not_drawn": pictures and drawn is None and not text_kept,
        "unplaced": bool(drawn and passage and not any(sheet.marks for sheet in drawn)),
        "passage_page": viewer.segment_at(viewer.segments(content), passage[0]) + 1
        if passage and content.pages
        else None,
        "passage_text": content.text[slice(*passage)] if passage else "",
        "shown": None if drawn else viewer.shown(content, at=at, passage=passage),
        "passage": passage,
        "outline": viewer.outline(content),
        "has_pages": bool(content.pages),
        "recognized": content.recognized,
        "unread": content.unread,
        "inside": _inside(content, query, passage) if query else None,
    }


def _sheets(
    document: Document, content: Rendition, at: int, passage: tuple[int, int] | None
) -> list[Sheet] | None:
    """Return the pages as they look; None where the file cannot be drawn: its text is shown."""
    try:
        return sheets(document, content, at=at, passage=passage)
    except TenantryError as error:
        log.warning("documents.not_drawn", document_id=str(document.id), code=error.code)
        return None


@dataclass(frozen=True, slots=True)
class _Inside:
    """Where words stand in the document; `at` is which place is open, from 1, 0 for none."""

    query: str
    hits: list[inside.Hit]
    at: int
    more: bool

    @property
    def before(self) -> inside.Hit | None:
        return self.hits[self.at - 2] if self.at > 1 else None

    @property
    def after(self) -> inside.Hit | None:
        return self.hits[self.at] if self.at < len(self.hits) else None


def _inside(content: Rendition, query: str, passage: tuple[int, int] | None) -> _Inside:
    found = inside.hits(content, query)
    here = content.origin(*passage) if passage else None
    at = next((n for n, hit in enumerate(found, 1) if (hit.start, hit.end) == here), 0)
    return _Inside(query, found, at, more=len(found) == inside.MOST)


def _text(request: HttpRequest, document: Document) -> tuple[Rendition, bool]:
    """Return the text to show, and whether `?unmasked=1` shows the original of a masked one."""
    content = document_text(document.id)
    unmasked = request.GET.get("unmasked") == "1" and content.masked is not None
    text = text_shown(
        actor=actor_of(request), document=document, content=content, unmasked=unmasked
    )
    return text, unmasked


@require_GET
@role_required("viewer")
def document_page(request: HttpRequest, document_id: UUID, index: int) -> HttpResponse:
    """Return a page of a PDF file as it looks, counted from 1; `?w=` one of `WIDTHS`."""
    document = document_readable(actor_of(request), document_id)
    given = request.GET.get("w", str(WIDTHS[0]))
    width = int(given) if given.isdecimal() and len(given) < 6 else 0
    etag = f'"{document.sha256[:32]}-{index}-{width}"'
    seen = etag in parse_etags(request.headers.get("If-None-Match", ""))
    response: HttpResponse
    if seen and has_pictures(document):
        response = HttpResponseNotModified()
    else:
        response = HttpResponse(page_image(document, index, width), content_type="image/jpeg")
    response["ETag"] = etag
    response["Cache-Control"] = PICTURE_CACHING
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_GET
@role_required("viewer")
def document_words(request: HttpRequest, document_id: UUID, index: int) -> HttpResponse:
    """Return the words of a page that is shown as it looks, to lie over its picture."""
    lines = page_lines(document_readable(actor_of(request), document_id), index)
    return render(request, "documents/view.html#words", {"lines": lines})


@require_GET
@role_required("viewer")
def document_segment(request: HttpRequest, document_id: UUID, index: int) -> HttpResponse:
    """Return one page of a long text, when it is scrolled to."""
    document = document_readable(actor_of(request), document_id)
    content, unmasked = _text(request, document)
    found = viewer.segments(content)
    if index >= len(found):
        raise NotFound
    part = viewer.Shown(found[index], viewer.pieces(content, found[index], None))
    context = {
        "part": part,
        "document": document,
        "unmasked": unmasked,
        "masked": content.masking is not None,
        "recognized": content.recognized,
    }
    return render(request, "documents/view.html#segment", context)


@require_GET
@role_required("viewer")
def document_state(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """Return how far the ingestion is; the page reloads itself when there is text to show."""
    document = document_readable(actor_of(request), document_id)
    may_write = role_reaches(actor_of(request).role, "member") and document.attached_to is None
    context = {"document": document, "may_write": may_write}
    response = render(request, "documents/view.html#state", context)
    if document.status == Status.READY:
        response["HX-Refresh"] = "true"
    return response


@require_GET
@role_required("viewer")
def document_original(request: HttpRequest, document_id: UUID) -> Any:
    """Download the file as it was uploaded."""
    document = document_readable(actor_of(request), document_id)
    original_checked(actor=actor_of(request), document=document)
    parts = object_parts(document.object_key)
    if parts is None:
        raise StoredFileMissing
    response = streamed(request, parts, "application/octet-stream")
    response["Content-Length"] = document.size
    response["Content-Disposition"] = content_disposition_header(True, document.name) or ""
    response["Content-Security-Policy"] = FILE_POLICY
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
