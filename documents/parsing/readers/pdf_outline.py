"""A PDF's own outline, placed in its text, and the finer headings that it leaves out."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import islice

import pypdfium2

from documents.parsing import clean
from documents.parsing.model import Heading, PageSpan

_ENTRIES = 2_000
_DEEPEST = 6
_LONGEST = 160  # characters of a title
_TELLING = 8  # letters of a title that is believed without ending its line
_LINE = re.compile(r"[^\n]+")
_NUMBER = re.compile(
    r"^(?:(?:chapter|section|appendix|part)\s+)?(?:\d+(?:\.\d+)*|[A-Z])[.:]?\s+", re.I
)


def outlined(
    document: pypdfium2.PdfDocument, text: str, pages: list[PageSpan], guessed: list[Heading]
) -> list[Heading]:
    """Return the outline's headings where most of them are found, else those that were guessed.

    An outline often ends at chapters: what type sizes tell of smaller headings stays, a level
    below the entry that it stands under.
    """
    entries = list(islice(document.get_toc(max_depth=_DEEPEST), _ENTRIES))
    found = _placed(entries, text, pages)
    if len(found) < max(2, len(entries) // 2):
        return guessed
    starts = [heading.start for heading in found]
    taken = set(starts)
    finer = [
        Heading(min(found[above].level + 1, _DEEPEST), heading.title, heading.start)
        for heading in guessed
        if heading.start not in taken and (above := bisect_right(starts, heading.start) - 1) >= 0
    ]
    return sorted([*found, *finer], key=lambda heading: heading.start)


def _placed(
    entries: list[pypdfium2.PdfBookmark], text: str, pages: list[PageSpan]
) -> list[Heading]:
    """Return the entries whose titles are lines of their own on their pages, as these say them."""
    lines: dict[int, list[_Line]] = {}
    found: list[Heading] = []
    reached = 0
    for entry in entries:
        title = clean.line(entry.get_title())
        destination = entry.get_dest()
        index = destination.get_index() if destination else None
        if not title or index is None or not 0 <= index < len(pages):
            continue
        if index not in lines:
            page = pages[index]
            lines[index] = [_line(found) for found in _LINE.finditer(text, page.start, page.end)]
        line = _line_of(lines[index], title, reached)
        if line is not None:
            found.append(Heading(min(entry.level + 1, _DEEPEST), line.text[:_LONGEST], line.start))
            reached = line.start + 1
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the text: what it says, its letters, and those behind its number."""

    text: str
    start: int
    letters: str
    bare: str


def _line(found: re.Match[str]) -> _Line:
    return _Line(found[0], found.start(), _letters(found[0]), _letters(_NUMBER.sub("", found[0])))


def _line_of(lines: list[_Line], title: str, reached: int) -> _Line | None:
    """Return the line that is the title, with or without its number, else one that begins with it.

    A title in the midst of a line is a word of the text, and no heading.
    """
    wanted, bare = _letters(title), _letters(_NUMBER.sub("", title))
    if not wanted or not bare:
        return None
    whole = [line for line in lines if wanted in (line.letters, line.bare) or bare == line.bare]
    begun = [
        line
        for line in lines
        if len(wanted) >= _TELLING
        and (line.letters.startswith(wanted) or line.bare.startswith(wanted))
    ]
    return next((line for line in [*whole, *begun] if line.start >= reached), None)


def _letters(text: str) -> str:
    """Return a line's letters and digits: outlines lose hyphens, quotation marks and brackets."""
    return "".join(filter(str.isalnum, text)).casefold()
