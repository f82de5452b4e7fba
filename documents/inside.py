"""Find words inside one document."""

import re
from dataclasses import dataclass
from typing import Final

from documents.renditions import Rendition

QUERY_CHARACTERS: Final = 200
MOST: Final = 200  # places that are listed
AROUND: Final = 60  # characters shown on each side of a place


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that holds the words; `start` and `end` are the original's, as in addresses."""

    before: str
    found: str
    after: str
    page: int | None
    start: int
    end: int


def asked_for(given: str) -> str:
    """Return what is looked for, as it was typed, without what cannot be looked for."""
    return " ".join(given.replace("\x00", "").split())[:QUERY_CHARACTERS]


def hits(content: Rendition, query: str) -> list[Hit]:
    """Return the first `MOST` places where the text has these words in this order.

    Without regard to case, and to where lines break.
    """
    words = query.split()
    if not words:
        return []
    pattern = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
    found: list[Hit] = []
    pages = iter(content.pages)
    page = next(pages, None)
    for match in pattern.finditer(content.text):
        while page is not None and match.start() >= page[2]:
            page = next(pages, None)
        start, end = content.origin(*match.span())
        found.append(
            Hit(
                before=_before(content.text, match.start()),
                found=_line(match[0]),
                after=_after(content.text, match.end()),
                page=page[0] if page else None,
                start=start,
                end=end,
            )
        )
        if len(found) == MOST:
            break
    return found


def _before(text: str, end: int) -> str:
    """Return what stands before a place, without the part of a word that it would begin with."""
    shown = _line(text[max(0, end - AROUND) : end])
    if end <= AROUND or text[end - AROUND - 1].isspace() or " " not in shown[:-1]:
        return shown
    return f"… {shown.partition(' ')[2]}"


def _after(text: str, start: int) -> str:
    """Return what stands after a place, without the part of a word that it would end with."""
    shown, end = _line(text[start : start + AROUND]), start + AROUND
    if end >= len(text) or text[end].isspace() or " " not in shown[1:]:
        return shown
    return f"{shown.rpartition(' ')[0]} …"


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text)
