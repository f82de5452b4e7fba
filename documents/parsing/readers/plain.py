"""Plain text of any common encoding."""

from __future__ import annotations

from documents.parsing import clean
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, ParsedText
from documents.parsing.readers.encodings import decode
from documents.parsing.readers.plain_headings import headings_of


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read plain text as it stands, cleaned, and tell its headings."""
    builder = TextBuilder(limits)
    text = clean.block(decode(data))
    builder.write(text)
    builder.headings = headings_of(text)
    return builder.finish()
