"""How documents are shown: an icon by type, a share in percent, how long ago."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format

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
}


@register.filter
def file_icon(document: Document) -> str:
    """Return the name of the icon for the document's type."""
    return _ICONS.get(document.media_type, "file-text")


@register.filter
def percent(share: float) -> int:
    """Return 0 to 100 for a share of 0 to 1."""
    return round(share * 100)


@register.filter
def ago(moment: datetime) -> str:
    """Return a short age for the last week, a date before that."""
    seconds = (timezone.now() - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h ago"
    if seconds < 7 * 86400:
        days = int(seconds // 86400)
        return f"{days} day{'s' if days > 1 else ''} ago"
    return date_format(moment, "j M Y")
