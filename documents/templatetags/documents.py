"""How documents are shown: an icon by type, a share in percent, how long ago."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

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


@register.filter
def ago(moment: datetime) -> str:
    """Return a short age for the last week, a date before that."""
    seconds = (timezone.now() - moment).total_seconds()
    if seconds < 60:
        return _("just now")
    if seconds < 3600:
        return _("%(count)s min ago") % {"count": int(seconds // 60)}
    if seconds < 86400:
        return _("%(count)s h ago") % {"count": int(seconds // 3600)}
    if seconds < 7 * 86400:
        days = int(seconds // 86400)
        return ngettext("%(count)s day ago", "%(count)s days ago", days) % {"count": days}
    return date_format(moment, pgettext("day", "j M Y"))
