"""The words of a page over its picture, line by line: to be chosen, copied and read aloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from documents.pagemarks import Box, follows, parts_of
from documents.parsing.letters import letters
from documents.parsing.pictures import Letters

MOST: Final = 2_000  # lines of one page; a page of scattered letters has no more


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is drawn: where it stands, its words, and where they begin in the page's text.

    Places are in parts of `PLACE` of the page's width and height.
    """

    box: Box
    text: str
    start: int


def lines_of(page: Letters, text: str) -> list[Line]:
    """Return the lines of a page's text that are found on the page, in the order of the text."""
    owners: list[int] = []  # the character of the text that each letter is of
    folded: list[str] = []
    for at, character in enumerate(text):
        own = letters(character)
        folded.append(own)
        owners += [at] * len(own)
    runs: list[tuple[Box, int, int]] = []  # a line, and the first and last of its characters
    for first, last, done in parts_of(page.text, "".join(folded)):
        begun = len(runs)
        for letter in range(first, last):
            left, top, right, bottom = page.places[4 * letter : 4 * letter + 4]
            owner = owners[done + letter - first]
            if len(runs) > begun and follows(runs[-1][0], left, top, bottom):
                box, start, _ = runs[-1]
                wider = Box(
                    min(box.left, left),
                    min(box.top, top),
                    max(box.right, right),
                    max(box.bottom, bottom),
                )
                runs[-1] = (wider, start, owner)
            else:
                runs.append((Box(left, top, right, bottom), owner, owner))
    return _whole(runs[:MOST], text)


def _whole(runs: list[tuple[Box, int, int]], text: str) -> list[Line]:
    """Give each line what stands around its letters: points, brackets, the mark of a list."""
    found = []
    for place, (box, first, last) in enumerate(runs):
        before = runs[place - 1][2] + 1 if place else 0
        after = runs[place + 1][1] if place + 1 < len(runs) else len(text)
        start = first - len(_led(text[before:first]))
        end = last + 1 + len(_followed(text[last + 1 : after]))
        found.append(Line(box, text[start:end], start))
    return found


def _followed(gap: str) -> str:
    """Return what of a gap between lines belongs to the one before: its first line, or word."""
    signs = gap[: next((at for at, each in enumerate(gap) if each.isalnum()), len(gap))]
    return signs[: _cut(signs, signs.find("\n"))].rstrip()


def _led(gap: str) -> str:
    """Return what of a gap between lines belongs to the one behind: the mark of a list, say."""
    at = next((at for at in range(len(gap), 0, -1) if gap[at - 1].isalnum()), 0)
    signs = gap[at:]
    return signs[_cut(signs, signs.rfind("\n")) :].lstrip("\n")


def _cut(signs: str, line_end: int) -> int:
    """Return where a gap is cut: at the end of a line, else behind its last space."""
    return line_end if line_end >= 0 else signs.rfind(" ") + 1 or len(signs)
