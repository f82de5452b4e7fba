"""Turn a model's Markdown into safe HTML, its marks into links to the cited passages."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

import nh3
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from documents.citations import Citation
from documents.highlighting import TOKEN, highlighted
from documents.marks import HELD, markdown_parser, marks_held

_LINK: Final = re.compile(r"<a(?: href=\"([^\"]*)\")?[^>]*>(.*?)</a>", re.DOTALL)
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_WHOLE: Final = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)

_TAGS: Final = {
    "p", "br", "strong", "em", "code", "pre", "ul", "ol", "li", "blockquote", "h3", "h4", "hr",
    "table", "thead", "tbody", "tr", "th", "td", "a", "s", "span",
}  # fmt: skip

_SCROLLED: Final = ("pre", "table")  # where they are wider than the page: by keys, too


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Keep of classes those of highlighted words, and the number that a list goes on from."""
    if name == "class":
        return value if tag == "span" and TOKEN.fullmatch(value) else None
    return value if name != "start" or _NUMBER.fullmatch(value) else None


def _code(code: str, language: str, _attributes: str) -> str:
    """Return a block of code as HTML."""
    return highlighted(code, language) or escape(code)


# A mark with what ends the sentence after it: no line begins with a full stop.
_MARK: Final = re.compile(f"{HELD.pattern}([.,:;!?…]*)")
_markdown: Final = markdown_parser(highlight=_code)


def viewer_address(citation: Citation) -> str:
    """Return the address of the viewer, opened at the cited passage; or of what is no document."""
    if citation.url:
        return citation.url
    query = urlencode({"start": citation.start, "end": citation.end})
    return f"{reverse('document_view', args=[citation.document_id])}?{query}#passage"


def answer_html(text: str, citations: Sequence[Citation]) -> SafeString:
    """Return the answer as HTML: no images, links inert, marks as links to the passages."""
    rendered = re.sub(r"<(/?)h[1256]>", r"<\1h3>", _markdown.render(marks_held(text)))
    clean = nh3.clean(
        rendered,
        tags=_TAGS,
        attributes={"a": {"href"}, "span": {"class"}, "ol": {"start"}},
        attribute_filter=_attribute,
        set_tag_attribute_values={each: {"tabindex": "0"} for each in _SCROLLED},
        url_schemes={"https", "http", "mailto"},
    )
    inert = _LINK.sub(_inert, clean)
    by_number = {citation.number: citation for citation in citations}

    def chip(mark: re.Match[str]) -> str:
        citation = by_number.get(int(mark[1]))
        if citation is None:
            return mark[2]
        return (
            f'<span class="cited">{_chip(citation)}{mark[2]}</span>' if mark[2] else _chip(citation)
        )

    # Sanitized above, and chips are escaped.
    return mark_safe(_MARK.sub(chip, inert))  # noqa: S308


def _inert(link: re.Match[str]) -> str:
    """Show a link's words; its address opens only after it was shown in full (`data-href`)."""
    if not _WHOLE.match(link[1]):  # without a host there is nothing to show or to open
        return link[2]
    return f'<button type="button" class="link" data-href="{link[1]}">{link[2]}</button>'


def _chip(citation: Citation) -> str:
    told = {"number": citation.number, "document": citation.document_name, "page": citation.page}
    if citation.page is None:
        label = escape(_("Source %(number)s: %(document)s") % told)
    else:
        label = escape(_("Source %(number)s: %(document)s, page %(page)s") % told)
    address = escape(viewer_address(citation))
    return f'<a class="cite" href="{address}" aria-label="{label}">{citation.number}</a>'
