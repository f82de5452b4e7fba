"""Plain text of any common encoding."""

from __future__ import annotations

from documents.parsing import clean
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, PageSpan, ParsedText
from documents.parsing.readers.encodings import decode
from documents.parsing.readers.plain_headings import headings_of

_FORM_FEED = "\f"  # where a printer begins a new page


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read plain text as it stands, cleaned, and tell its headings; form feeds part pages."""
    builder = TextBuilder(limits)
    pages = [clean.block(page) for page in decode(data).split(_FORM_FEED)]
    while len(pages) > 1 and not pages[-1].strip():  # the last page ends with one, too
        pages.pop()
    for number, page in enumerate(pages, start=1):
        start = builder.write(page) if page.strip() else builder.length
        if 1 < len(pages) <= limits.pages:
            builder.pages.append(PageSpan(number, start, builder.length))
    builder.headings = headings_of(builder.text())
    return builder.finish()
