"""Cut a document's text into the segments a reader scrolls through, with one passage marked."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from documents.renditions import Rendition

WHOLE_CHARACTERS: Final = 200_000  # a text up to this size is sent at once
AROUND: Final = 3  # segments on each side of the wanted one that come with the page itself
PART_CHARACTERS: Final = 6_000  # length of a segment where the format has no pages
OUTLINE: Final = 200  # headings listed


@dataclass(frozen=True, slots=True)
class Segment:
    """A page (`number` from 1), or a part of a text without pages (`number` None)."""

    index: int
    number: int | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one style."""

    text: str
    heading: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring runs, marked or not."""

    marked: bool
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A segment as it is rendered; `pieces` is None for one that is fetched when scrolled to."""

    segment: Segment
    pieces: tuple[Piece, ...] | None
    first_mark: bool = False


@dataclass(frozen=True, slots=True)
class OutlineItem:
    title: str
    level: int
    start: int
    end: int


def segments(content: Rendition) -> list[Segment]:
    """Return the pages of the text, or parts cut between paragraphs."""
    if content.pages:
        return [
            Segment(index, number, start, end)
            for index, (number, start, end) in enumerate(content.pages)
        ]
    found: list[Segment] = []
    start = 0
    while start < len(content.text):
        end = min(start + PART_CHARACTERS, len(content.text))
        if end < len(content.text):
            gap = content.text.rfind("\n\n", start + PART_CHARACTERS // 2, end)
            gap = gap if gap >= 0 else content.text.rfind("\n", start + 1, end)
            end = gap + 1 if gap >= 0 else end
        found.append(Segment(len(found), None, start, end))
        start = end
    return found


def segment_at(found: Sequence[Segment], start: int) -> int:
    """Return the index of the segment that holds the offset."""
    return max(bisect_right([segment.start for segment in found], start) - 1, 0)


def shown(
    content: Rendition, *, at: int = 0, passage: tuple[int, int] | None = None
) -> list[Shown]:
    """Return all segments; those far from the one of index `at` without text, if it is long."""
    found = segments(content)
    everything = len(content.text) <= WHOLE_CHARACTERS
    marked_at = segment_at(found, passage[0]) if passage else -1
    return [
        Shown(
            segment,
            pieces(content, segment, passage)
            if everything or abs(segment.index - at) <= AROUND
            else None,
            first_mark=segment.index == marked_at,
        )
        for segment in found
    ]


def pieces(
    content: Rendition, segment: Segment, passage: tuple[int, int] | None
) -> tuple[Piece, ...]:
    """Return the segment's text cut at the borders of the passage and of headings."""
    first, last = _within(segment, passage)
    cuts = [(segment.start, first, False), (first, last, True), (last, segment.end, False)]
    return tuple(
        Piece(marked, _runs(content, start, end)) for start, end, marked in cuts if start < end
    )


def _within(segment: Segment, passage: tuple[int, int] | None) -> tuple[int, int]:
    if passage is None or passage[1] <= segment.start or passage[0] >= segment.end:
        return segment.end, segment.end
    return max(passage[0], segment.start), min(passage[1], segment.end)


def _runs(content: Rendition, start: int, end: int) -> tuple[Run, ...]:
    runs: list[Run] = []
    at = start
    for head_start, head_end in _headings(content, start, end):
        if at < head_start:
            runs.append(Run(content.text[at:head_start], False))
        runs.append(Run(content.text[head_start:head_end], True))
        at = head_end
    if at < end:
        runs.append(Run(content.text[at:end], False))
    return tuple(runs)


def _headings(content: Rendition, start: int, end: int) -> list[tuple[int, int]]:
    """Return the parts of headings that lie between the offsets."""
    found = []
    for _, title, at in content.headings:
        if at >= end:
            break
        if at + len(title) > start:
            found.append((max(at, start), min(at + len(title), end)))
    return found


def outline(content: Rendition) -> list[OutlineItem]:
    """Return the headings, the first `OUTLINE` of them, levels counted from the highest in use.

    Their offsets are the original's, as all offsets in addresses are.
    """
    top = min((level for level, _, _ in content.headings), default=1)
    return [
        OutlineItem(title, min(level - top + 1, 4), *content.origin(start, start + len(title)))
        for level, title, start in content.headings[:OUTLINE]
    ]
