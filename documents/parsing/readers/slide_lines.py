"""Slides on which every line is a text box of its own, as programs make them of pages.

Such a slide is read like a page of a PDF file: by where its lines stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from lxml import etree

from documents.parsing import clean
from documents.parsing.readers.ooxml import child, local, named
from documents.parsing.readers.pdf_lines import Line

_POINT = 12_700  # units of length in one
_USUAL_SIZE = 12.0  # of type that does not say its size
_ONE_LINE = 2.2  # times the type's size: a higher box has several lines
_NEXT = 1.5  # times the same: what is farther away is no piece of the same line
_CLOSE = re.compile(r"[(\[{] .$| [.,;:!?)\]}]$")  # no space stands there


def drawn_lines(shapes: Iterable[etree._Element]) -> list[Line] | None:
    """Return the lines of a slide, in its own order; None where it is not drawn line by line."""
    lines: list[Line] = []
    for shape in shapes:
        if local(shape) == "graphicFrame" or child(shape, "nvSpPr", "nvPr", "ph") is not None:
            return None
        body = child(shape, "txBody")
        paragraphs = [] if body is None else [p for p in named(body, "p") if _words(p)]
        if not paragraphs:
            continue
        line = _line(shape, paragraphs[0])
        if line is None or len(paragraphs) > 1:
            return None
        lines.append(line)
    return _joined(lines)


def _line(shape: etree._Element, paragraph: etree._Element) -> Line | None:
    frame = child(shape, "spPr", "xfrm")
    start, extent = child(frame, "off"), child(frame, "ext")
    if start is None or extent is None:
        return None
    try:
        left, top = (int(start.get(side, "")) / _POINT for side in ("x", "y"))
        width, height = (int(extent.get(side, "")) / _POINT for side in ("cx", "cy"))
    except ValueError:
        return None
    sizes = [run.get("sz", "") for run in named(paragraph, "rPr")]
    size = next((int(each) / 100 for each in sizes if each.isdecimal()), _USUAL_SIZE)
    if height > size * _ONE_LINE:
        return None
    bold = all(run.get("b") in ("1", "true") for run in named(paragraph, "rPr"))
    return Line(
        text=_words(paragraph),
        left=left,
        last_left=left,
        right=left + width,
        baseline=-(top + height),
        size=round(size, 1),
        bold=bold and bool(sizes),
        soft=False,
        cells=False,
    )


def _joined(lines: list[Line]) -> list[Line]:
    """Put the pieces of one line together: a change of type begins a box of its own.

    Boxes may be wider than their words, which were measured in another type, so that only a box's
    left side can be relied on.
    """
    found = lines[:1]
    for before, line in pairwise(lines):
        level = abs(line.baseline - before.baseline) < 0.5 * max(line.size, before.size)
        if level and before.left < line.left < before.right + _NEXT * line.size:
            last = found[-1]
            close = line.size != before.size or _CLOSE.search(f"{before.text} {line.text[:1]}")
            text = f"{last.text}{'' if close else ' '}{line.text}"
            found[-1] = replace(last, text=text, right=max(last.right, line.right))
        else:
            found.append(line)
    return found


def _words(paragraph: etree._Element) -> str:
    return clean.line("".join(element.text or "" for element in named(paragraph, "t")))
