"""Running headers, footers and page numbers: what a page repeats and nobody reads."""

from __future__ import annotations

import re
from collections import Counter

from documents.parsing.readers.pdf_lines import Line

_DIGITS = re.compile(r"\d+")
_NUMBERED = re.compile(r"^(?:.{1,120} \| )?[-\u2013\s]*(\d{1,4})[-\u2013\s]*$")
_NUMBERED_FIRST = re.compile(r"^(\d{1,4}) \| .{1,120}$")
_EDGE_LINES = 3
_SHORT_PAGE = 4
"""A page of fewer lines is all content: a slide, a cover, a form."""
_SHARE = 0.4
"""Left and right pages may differ, so half of the pages is the most a header can have."""


def drop_running_lines(pages: list[list[Line]]) -> None:
    """Remove from every page the lines that others repeat at the same place."""
    full = [page for page in pages if len(page) >= _SHORT_PAGE]
    if len(full) < 2:
        return
    keys = Counter(key for page in full for key in {_key(line) for line in _edges(page)})
    offsets = Counter(
        offset
        for index, page in enumerate(pages)
        if len(page) >= _SHORT_PAGE
        for offset in {n - index for n in map(_number, _outermost(page)) if n is not None}
    )
    least = max(3, round(len(full) * _SHARE))
    for index, page in enumerate(pages):
        if len(page) < _SHORT_PAGE:
            continue
        outermost = _outermost(page)
        running = [line for line in _edges(page) if keys[_key(line)] >= least]
        if len(full) == 2:
            running += [line for line in outermost if keys[_key(line)] == 2]
        for line in outermost:
            number = _number(line)
            if number is not None and offsets[number - index] >= 3:
                running.append(line)
        gone = {id(line) for line in running}
        page[:] = [line for line in page if id(line) not in gone]


def _edges(page: list[Line]) -> list[Line]:
    ordered = sorted(page, key=lambda line: -line.baseline)
    return ordered[:_EDGE_LINES] + ordered[_EDGE_LINES:][-_EDGE_LINES:]


def _outermost(page: list[Line]) -> list[Line]:
    """Return the lines at the very top and the very bottom."""
    top = max(line.baseline for line in page)
    bottom = min(line.baseline for line in page)
    return [line for line in page if top - line.baseline < 3 or line.baseline - bottom < 3]


def _key(line: Line) -> tuple[str, int]:
    return _DIGITS.sub("#", line.text), round(line.baseline / 4)


def _number(line: Line) -> int | None:
    """Return the page number that a line seems to carry."""
    match = _NUMBERED.match(line.text) or _NUMBERED_FIRST.match(line.text)
    return int(match[1]) if match else None
