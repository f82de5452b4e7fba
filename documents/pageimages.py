"""Pages as they look: drawn when first looked at, then kept in the tenant's prefix.

Of PDF files, and of pictures, which are one page.

Pages are drawn a few at a time, since reading the file costs more than drawing one. What is kept
can be made anew from the file at any time, belongs to nobody's storage, and goes with the document.
"""

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from bedrock.gateway import masks
from documents.errors import PageMissing, PagesBusy, PagesHidden, StoredFileMissing
from documents.models import Document, LooseObject, Status
from documents.pagemarks import Box, boxes_of
from documents.pagewords import Line, lines_of
from documents.parsing import MediaType, limits_for
from documents.parsing.model import PICTURES
from documents.parsing.pictures import (
    LIMITS,
    Letters,
    Pictures,
    letters_checked,
    pictures,
)
from documents.renditions import Rendition
from documents.selectors import page_text
from tenants.context import current
from tenants.objects import DERIVED, object_get, object_parts, object_put

log = structlog.get_logger(__name__)

WIDTHS: Final = (1240, 2480)  # pixels: a page at 100 %, and for zoom and dense screens
TOGETHER: Final = {1240: 4, 2480: 2}  # pages that one run draws
RUNS: Final = 2  # at once in one process
PATIENCE: Final = 30.0  # seconds that a request waits for its turn

_room = threading.BoundedSemaphore(RUNS)
_turns = [threading.Lock() for _ in range(64)]  # by what is drawn: nothing twice at once


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of the viewer: its size in points, and the boxes that are marked on it."""

    number: int
    width: int
    height: int
    marks: tuple[Box, ...] = ()


def has_pictures(document: Document) -> bool:
    """Return whether the document's pages can be shown as they look.

    Pages show personal data as it was uploaded: where any is masked, only the text is shown.
    """
    return (
        document.media_type in (MediaType.PDF, *PICTURES)
        and document.status == Status.READY
        and not document.masked_with
        and not masks()
    )


def sheets(
    document: Document, content: Rendition, *, at: int, passage: tuple[int, int] | None
) -> list[Sheet]:
    """Return all pages in order, the passage's boxes on those that it touches.

    Draws what is looked at first where it is not kept yet: the page of index `at` and its
    neighbours. Raises a ParsingError, PagesBusy, StoredFileMissing, AwsError.
    """
    sizes = _sizes(document, at + 1)
    marks = {
        number: _marks(document, content, number, (start, end), passage)
        for number, start, end in content.pages
        if passage and passage[0] < end and passage[1] > start
    }
    return [
        Sheet(number, round(width), round(height), tuple(marks.get(number, ())))
        for number, (width, height) in enumerate(sizes, start=1)
    ]


def page_image(document: Document, number: int, width: int) -> bytes:
    """Return a page as a JPEG, `width` pixels wide; a picture at most that wide and high.

    Raises PageMissing, PagesHidden, and what `sheets` raises.
    """
    if not has_pictures(document):
        raise PagesHidden
    if not 1 <= number <= document.pages or width not in WIDTHS:
        raise PageMissing
    return _kept(document, f"{width}/{number}.jpg", number, width)


def page_lines(document: Document, number: int) -> list[Line]:
    """Return the words of a page as it is drawn, line by line; none of a page without text.

    Raises PageMissing, PagesHidden, and what `sheets` raises.
    """
    if not has_pictures(document):
        raise PagesHidden
    if not 1 <= number <= document.pages:
        raise PageMissing
    start, text = page_text(document.id, number)
    letters = _letters(_kept(document, f"{number}.json", number, WIDTHS[0]))
    return [replace(line, start=start + line.start) for line in lines_of(letters, text)]


def folder_of(document_id: UUID | str) -> str:
    """Return the folder of what is kept of a document's pages."""
    return f"{DERIVED}/documents/{document_id}"


def _marks(
    document: Document,
    content: Rendition,
    number: int,
    page: tuple[int, int],
    passage: tuple[int, int],
) -> list[Box]:
    start, end = page
    text = content.text[start:end]
    first, last = max(passage[0], start) - start, min(passage[1], end) - start
    try:
        found = _kept(document, f"{number}.json", number, WIDTHS[0])
    except PageMissing:
        return []
    return boxes_of(_letters(found), text, first, last)


def _letters(stored: bytes) -> Letters:
    return letters_checked(json.loads(stored))


def _sizes(document: Document, number: int) -> list[tuple[float, float]]:
    stored = _kept(document, "sizes.json", number, WIDTHS[0])
    return [(width, height) for width, height in json.loads(stored)]


def _kept(document: Document, name: str, number: int, width: int) -> bytes:
    """Return what is kept under `name`, after drawing around the page of that number if need be.

    Raises PageMissing where the page cannot be drawn.
    """
    key = f"{folder_of(document.id)}/{name}"
    found = object_get(key)
    if found is not None:
        return found
    first = number - (number - 1) % TOGETHER[width]
    with _turn(f"{current().id}:{document.id}:{width}:{first}"):
        found = object_get(key)
        if found is None:
            _draw(document, list(range(first, first + TOGETHER[width])), width)
            found = object_get(key)
    if found is None:
        raise PageMissing
    return found


@contextmanager
def _turn(key: str) -> Iterator[None]:
    """Wait until nobody in this process draws the same, and there is room. Raises PagesBusy."""
    if not connection.in_atomic_block:  # whoever waits must not keep a pooled connection
        connection.close()
    lock = _turns[hash(key) % len(_turns)]
    if not lock.acquire(timeout=PATIENCE):
        raise PagesBusy
    try:
        if not _room.acquire(timeout=PATIENCE):
            raise PagesBusy
        try:
            yield
        finally:
            _room.release()
    finally:
        lock.release()


def _draw(document: Document, numbers: list[int], width: int) -> None:
    parts = object_parts(document.object_key)
    if parts is None:
        raise StoredFileMissing
    with tempfile.NamedTemporaryFile(prefix="pages-") as file:
        file.writelines(parts)
        file.flush()
        limits, kind = limits_for(document.size, LIMITS), document.media_type
        drawn = pictures(Path(file.name), numbers, width=width, media_type=kind, limits=limits)
    pages_keep(document.id, drawn, width)
    if not Document.objects.filter(id=document.id).exists():  # deleted meanwhile: nothing stays
        LooseObject.objects.get_or_create(
            key=document.object_key, defaults={"remove_after": timezone.now()}
        )
    log.info("documents.drawn", document_id=str(document.id), pages=len(drawn.pages), width=width)


def pages_keep(document_id: UUID, drawn: Pictures, width: int) -> None:
    """Keep drawn pages, so that they need not be drawn again."""
    folder = folder_of(document_id)
    for page in drawn.pages:
        letters = {"letters": page.letters.text, "places": page.letters.places}
        text = json.dumps(letters, separators=(",", ":")).encode()
        object_put(f"{folder}/{page.number}.json", text, content_type="application/json")
        object_put(f"{folder}/{width}/{page.number}.jpg", page.image, content_type="image/jpeg")
    sizes = json.dumps(drawn.sizes, separators=(",", ":")).encode()
    object_put(f"{folder}/sizes.json", sizes, content_type="application/json")
