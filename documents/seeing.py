"""Pictures that are attached to something: looked at by people and models, read where they can be.

What is shown of one is its page as the viewer draws it: the first frame, upright, at most 1,240
pixels wide and high, on white, as a JPEG without what the file tells of place and camera. Text
recognition, where it is installed, reads it besides. Where the workspace masks, nothing is drawn:
what a picture shows cannot be masked.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from django.db.models import Q

from bedrock.gateway import masks
from documents.models import Document, Status
from documents.pageimages import WIDTHS, page_image, pages_keep
from documents.parsing import PageSpan, ParsedText, parse
from documents.parsing.errors import NoText
from documents.parsing.model import PICTURES
from documents.parsing.ocr import ocr_installed
from documents.parsing.pictures import pictures
from search.access import may_read
from tenants.context import Actor

WIDTH: Final = WIDTHS[0]


def is_looked_at(document: Document) -> bool:
    """Return whether the document is a picture that is attached to something."""
    return document.attached_to is not None and document.media_type in PICTURES


def picture_read(document: Document, path: Path) -> ParsedText:
    """Return the text of an attached picture, which may have none; keep how it looks.

    Raises a ParsingError for one that cannot be drawn.
    """
    drawn = pictures(path, [1], width=WIDTH, media_type=document.media_type)
    if not masks():
        pages_keep(document.id, drawn, WIDTH)
    if ocr_installed():
        with suppress(NoText):
            return parse(path, document.media_type)
    return ParsedText("", (PageSpan(1, 0, 0),))


def pictures_attached(actor: Actor, holder: UUID, ids: Iterable[UUID]) -> list[Document]:
    """Return the pictures among `ids` that are attached to the holder, or were and are kept."""
    seen = Q(attached_to=holder) | (Q(attached_to=None) & may_read(actor))
    ready = Document.objects.filter(
        seen, id__in=list(ids), media_type__in=PICTURES, status=Status.READY
    )
    return list(ready)


def picture_image(document: Document) -> bytes:
    """Return the JPEG that a model is shown. Raises PagesHidden and what `page_image` raises."""
    return page_image(document, 1, WIDTH)
