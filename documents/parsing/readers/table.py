"""CSV: every row a line that can be understood alone."""

from __future__ import annotations

import csv
import io
import re

from documents.parsing import clean
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, ParsedText, Refused
from documents.parsing.readers.encodings import decode

_SAMPLE = 64 * 1024
_FIELD_CHARACTERS = 1_000_000
_SEPARATOR = re.compile(r"\Asep=.\r?\n", re.I)  # which Excel writes for itself
_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMBER = re.compile(r"^[-+€$£ ]*\d[\d.,' ]*%?$")


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read rows as `Column: value; Column: value`, so that a passage carries its columns."""
    text = _SEPARATOR.sub("", decode(data))
    csv.field_size_limit(_FIELD_CHARACTERS)
    builder = TextBuilder(limits)
    header: list[str] | None = None
    try:
        for row in csv.reader(io.StringIO(text, newline=""), _dialect(text[:_SAMPLE])):
            cells = [clean.line(cell) for cell in row]
            if not any(cells):
                continue
            if header is None:
                if is_title(cells):
                    builder.row(" ".join(filter(None, cells)))
                    continue
                header = cells if is_header(cells) else []
                titled = builder.length
                builder.apart()
                if header:
                    continue
            builder.row(sentence(header, cells))
    except csv.Error as error:
        raise Refused("corrupt_file") from error
    if header and builder.length == titled:  # a table that waits for its first row
        builder.row(" | ".join(header))
    return builder.finish()


def _dialect(sample: str) -> type[csv.Dialect]:
    try:
        return csv.Sniffer().sniff(sample[: sample.rfind("\n") + 1] or sample, ",;\t|")
    except csv.Error:
        return csv.excel


def is_title(cells: list[str]) -> bool:
    """Say whether a row stands above a table: it has one cell alone where others have more."""
    return len(cells) > 1 and sum(map(bool, cells)) == 1


def is_header(cells: list[str]) -> bool:
    """Say whether a row names its columns: short, different from one another, no numbers.

    Years are names, where they do not stand alone.
    """
    named = [cell for cell in cells if cell]
    return (
        len(named) == len(set(named)) >= max(1, len(cells) - 1)
        and not any(_NUMBER.match(cell) and not _YEAR.fullmatch(cell) for cell in named)
        and (len(named) < len(cells) or not all(map(_YEAR.fullmatch, named)))
        and all(len(cell) <= 80 for cell in named)
    )


def sentence(header: list[str], cells: list[str]) -> str:
    """Return a row as `Column: value; Column: value`."""
    pairs = []
    for index, cell in enumerate(cells):
        if cell:
            name = header[index] if index < len(header) and header[index] else ""
            pairs.append(f"{name}: {cell}" if name else cell)
    return "; ".join(pairs)
