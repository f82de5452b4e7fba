"""From lines to blocks: paragraphs, list items, table rows and headings."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from documents.parsing.readers.pdf_lines import Line
from documents.parsing.readers.pdf_words import Hyphens

_ITEM = re.compile(r"^(?:[•◦▪‣·●○■□]|[\u2013—*-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_BULLET = re.compile(r"^[•◦▪‣·●○■□\u2013—*]\s+")
_SENTENCE_END = re.compile(r"[.!?:;…。\uff01\uff1f][\"'”\u2019)\]]*$")
_CELL_LINES = 8
_JUSTIFIED = 5  # lines that end at one place, at least
_SLACK = 1.0  # times the size of type: what is still unsure about a word that would have fitted


@dataclass(slots=True)
class Block:
    """A run of text of one kind: `text`, `item`, `row` or `heading`."""

    kind: str
    text: str
    level: int = 0
    soft: bool = False


def body_size(pages: list[list[Line]]) -> float:
    """Return the size that most characters are set in."""
    weights: Counter[float] = Counter()
    for page in pages:
        for line in page:
            weights[line.size] += len(line.text)
    return weights.most_common(1)[0][0] if weights else 0.0


def heading_sizes(pages: list[list[Line]], body: float) -> list[float]:
    """Return the sizes above the text's own, largest first: a size's rank is its level."""
    sizes = {
        line.size
        for page in pages
        for line in page
        if line.size >= body * 1.12
        and not line.cells
        and not _BULLET.match(line.text)
        and any(c.isalpha() for c in line.text)
    }
    return sorted(sizes, reverse=True)[:5]


def layout(lines: list[Line], body: float, sizes: list[float], hyphens: Hyphens) -> list[Block]:
    """Group a page's lines into blocks."""
    blocks: list[Block] = []
    spacing = _spacing(lines)
    right = max((line.right for line in lines), default=0.0)
    left = min((line.left for line in lines), default=0.0)
    edges = _justified(lines)
    group: list[Line] = []
    for line in lines:
        joins = bool(group) and _joins(group, line, spacing, left, right)
        if joins and _ends(group[-1], line, edges):
            joins = group[-1].term = len(group) == 1 and _is_term(group[-1], line)
        if group and not joins:
            blocks += _close(group, body, sizes, hyphens)
            group = []
        group.append(line)
    if group:
        blocks += _close(group, body, sizes, hyphens)
    return blocks


def _spacing(lines: list[Line]) -> float:
    """Return the usual distance between lines, in units of their size."""
    gaps = [
        (a.baseline - b.baseline) / a.size
        for a, b in pairwise(lines)
        if a.size == b.size and 0.8 < (a.baseline - b.baseline) / a.size < 2.2
    ]
    return median(gaps) if gaps else 1.2


def _justified(lines: list[Line]) -> list[float]:
    """Return where the page's justified columns end: where many lines do, to the point."""
    ends = Counter(round(line.right) for line in lines if not line.cells)
    near = {end: count + ends[end - 1] + ends[end + 1] for end, count in ends.items()}
    return sorted(end for end, count in near.items() if count >= max(_JUSTIFIED, len(lines) / 6))


def _ends(previous: Line, line: Line, edges: list[float]) -> bool:
    """Whether a line of a justified column ends its paragraph: the next word would have fitted."""
    edge = next((edge for edge in edges if edge > previous.right - 3), None)
    if edge is None or previous.soft or previous.cells or line.cells:
        return False
    if line.left > previous.right or line.baseline > previous.baseline - 1:
        return False
    if edge < line.left + 2 * line.size:  # of a column beside
        return False
    word = len(line.text.split(" ", 1)[0]) + 1
    width = (line.right - line.left) / max(len(line.text), 1)
    return previous.right + word * width < edge - _SLACK * previous.size


def _is_term(line: Line, below: Line) -> bool:
    """Whether the line is an option, a name, a term, told by the indented one below."""
    return below.left > line.left + line.size / 2 and not _SENTENCE_END.search(line.text)


def _joins(group: list[Line], line: Line, spacing: float, left: float, right: float) -> bool:
    """Whether a line belongs to the block before it."""
    previous = group[-1]
    if previous.soft:
        return True
    if _next_cell(group, line):
        return True
    row = _row_of(group)
    if row and _in_last_cell(group, line):
        return True
    if previous.cells or line.cells:
        return False
    if abs(line.size - previous.size) > 0.6 or (line.bold != previous.bold and len(group) == 1):
        return False
    gap = (previous.baseline - line.baseline) / previous.size
    if row:
        return False
    if _ITEM.match(line.text):
        return False
    if gap < -2:  # a new column: the paragraph goes on unless its sentence had ended
        return not _SENTENCE_END.search(previous.text)
    if not -0.2 < gap < spacing * 1.3:
        return False
    if len(group) > 1 and _outdents(previous, line):
        return False
    short = previous.right < right - (right - left) * 0.25
    return not (short and _SENTENCE_END.search(previous.text) and line.text[:1].isupper())


def _outdents(previous: Line, line: Line) -> bool:
    """Whether a line goes back to the left of an indented one, as the next of a list of terms does.

    Centred lines do so too, and stay together.
    """
    centred = abs(previous.left + previous.right - line.left - line.right) < 2 * line.size
    return line.left < previous.left - line.size * 0.6 and not centred


def _next_cell(group: list[Line], line: Line) -> bool:
    """Whether a line begins the next cell of a table row whose cells have several lines."""
    first = _cell_start(group)
    return (
        len(group) <= _CELL_LINES * 4
        and abs(line.baseline - first.baseline) < 3
        and line.left > max(other.right for other in group if other.left >= first.left - 3)
    )


def _in_last_cell(group: list[Line], line: Line) -> bool:
    """Whether a line goes on in the row's last cell: directly below, where that cell begins."""
    cell = _cell_start(group)
    gap = (group[-1].baseline - line.baseline) / group[-1].size
    return (
        not line.cells
        and 0 < gap < 1.7
        and abs(line.left - cell.last_left) < 3
        and cell.last_left > group[0].left + line.size
    )


def _cell_start(group: list[Line]) -> Line:
    start = group[0]
    for before, after in pairwise(group):
        if after.baseline > before.baseline - 3 and after.left > before.right - 3:
            start = after
    return start


def _row_of(group: list[Line]) -> bool:
    return group[0].cells or _cell_start(group) is not group[0]


def _close(group: list[Line], body: float, sizes: list[float], hyphens: Hyphens) -> list[Block]:
    """Turn a group into its block."""
    if _row_of(group):
        return [Block("row", _cells_text(group, hyphens))]
    text = _joined(group, hyphens)
    first = group[0]
    if _BULLET.match(text):
        return [Block("item", _BULLET.sub("- ", text))]
    if _is_heading(group, text, body):
        level = sizes.index(first.size) + 1 if first.size in sizes else len(sizes) + 1
        return [Block("heading", text, min(level, 6))]
    if _ITEM.match(text):
        return [Block("item", text)]
    return [Block("text", text, soft=group[-1].soft)]


def _is_heading(group: list[Line], text: str, body: float) -> bool:
    first = group[0]
    if len(text) > 160 or len(group) > 3 or not any(c.isalpha() for c in text):
        return False
    if first.size >= body * 1.12:
        return True
    alike = first.bold and first.size >= body * 0.95 and len(group) == 1
    return alike and len(text) <= 100 and not _SENTENCE_END.search(text)


def _joined(group: list[Line], hyphens: Hyphens) -> str:
    text = group[0].text
    soft = group[0].soft
    for before, line in pairwise(group):
        separator, cut = ("\n", False) if before.term else hyphens.joint(text, line.text, soft)
        text = (text[:-1] if cut else text) + separator + line.text
        soft = line.soft
    return text


def _cells_text(group: list[Line], hyphens: Hyphens) -> str:
    cells: list[list[Line]] = [[group[0]]]
    for before, after in pairwise(group):
        if after.baseline > before.baseline - 3 and after.left > before.right - 3:
            cells.append([after])
        else:
            cells[-1].append(after)
    return " | ".join(_joined(cell, hyphens) for cell in cells)
