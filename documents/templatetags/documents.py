"""How documents are shown: an icon by type, a share in percent."""

from django import template

from documents.errors import reason_told
from documents.models import Document
from documents.parsing import MediaType

register = template.Library()

_ICONS: dict[str, str] = {
    MediaType.PDF: "file-pdf",
    MediaType.DOCX: "file-word",
    MediaType.PPTX: "file-slides",
    MediaType.XLSX: "file-table",
    MediaType.CSV: "file-table",
    MediaType.EMAIL: "file-mail",
    MediaType.HTML: "file-code",
    MediaType.PNG: "file-image",
    MediaType.JPEG: "file-image",
    MediaType.WEBP: "file-image",
    MediaType.GIF: "file-image",
}


@register.filter
def file_icon(document: Document) -> str:
    """Return the name of the icon for the document's type."""
    return _ICONS.get(document.media_type, "file-text")


@register.filter
def reason(document: Document) -> str:
    """Return why the document failed."""
    return reason_told(document)


@register.filter
def percent(share: float) -> int:
    """Return 0 to 100 for a share of 0 to 1."""
    return round(share * 100)
