"""Plain text of any common encoding."""

from __future__ import annotations

import codecs

from documents.parsing import clean
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, ParsedText
from documents.parsing.readers.plain_headings import headings_of

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 256 * 1024


def decode(data: bytes) -> str:
    """Decode by byte order mark, then UTF-8, then by the likeliest legacy encoding."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        from charset_normalizer import from_bytes

        best = from_bytes(data[:_SAMPLE_BYTES]).best()
        return data.decode(best.encoding if best else "cp1252", errors="replace")


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read plain text as it stands, cleaned, and tell its headings."""
    builder = TextBuilder(limits)
    text = clean.block(decode(data))
    builder.write(text)
    builder.headings = headings_of(text)
    return builder.finish()
