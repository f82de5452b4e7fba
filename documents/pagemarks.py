"""Where a passage of a document's text stands on the page as it is drawn."""

from dataclasses import dataclass
from typing import Final

from documents.parsing.letters import letters_of
from documents.parsing.pictures import Letters

LEAST: Final = 12  # letters that a part of a passage must have to be looked for by itself
STEP: Final = 4  # letters passed over where nothing fits
NEAR: Final = 250  # parts of the page's width between two words of one line


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a line, in parts of `PLACE` of the page's width and height."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


def boxes_of(page: Letters, text: str, start: int, end: int) -> list[Box]:
    """Return the boxes, a line each, around `text[start:end]` of a page's text.

    The page's letters are those of its content, headers included, in an order that may differ from
    the text's: what does not stand there in one piece is looked for in parts. Empty: not found.
    """
    passage = letters_of(text[start:end])
    before = letters_of(text[:start]).count(passage) if passage else 0
    found: list[Box] = []
    for first, last, _ in parts_of(page.text, passage, before):
        found += _lines(page.places[4 * first : 4 * last])
    return found


def parts_of(page: str, passage: str, before: int = 0) -> list[tuple[int, int, int]]:
    """Return where in the page's letters the passage's stand, and which letter of it begins there.

    Of equal places the one meant, or the next one behind what was found last.
    """
    if not passage:
        return []
    at = page.find(passage)
    for _ in range(before):
        further = page.find(passage, at + 1)
        if further < 0:
            break
        at = further
    if at >= 0:
        return [(at, at + len(passage), 0)]
    parts: list[tuple[int, int, int]] = []
    done = 0
    while len(passage) - done >= LEAST:
        size = _longest(page, passage, done)
        if size:
            part = passage[done : done + size]
            at = page.find(part, parts[-1][1] if parts else 0)
            at = at if at >= 0 else page.find(part)
            parts.append((at, at + size, done))
        done += size or STEP
    return parts


def _longest(page: str, passage: str, done: int) -> int:
    """Return how many letters from `done` on the page has in one piece; 0 below `LEAST`."""
    if passage[done : done + LEAST] not in page:
        return 0
    low, high = LEAST, len(passage) - done
    while low < high:
        middle = (low + high + 1) // 2
        if passage[done : done + middle] in page:
            low = middle
        else:
            high = middle - 1
    return low


def _lines(places: tuple[int, ...]) -> list[Box]:
    """Return one box for the letters of each line."""
    found: list[Box] = []
    for at in range(0, len(places), 4):
        left, top, right, bottom = places[at : at + 4]
        if found and follows(found[-1], left, top, bottom):
            last = found[-1]
            found[-1] = Box(
                min(last.left, left),
                min(last.top, top),
                max(last.right, right),
                max(last.bottom, bottom),
            )
        else:
            found.append(Box(left, top, right, bottom))
    return found


def follows(line: Box, left: int, top: int, bottom: int) -> bool:
    """Whether a letter goes on the line: at its height, and not far from its end."""
    middle = (top + bottom) // 2
    at_height = line.top <= middle <= line.bottom or top <= (line.top + line.bottom) // 2 <= bottom
    return at_height and line.right - NEAR <= left <= line.right + NEAR
