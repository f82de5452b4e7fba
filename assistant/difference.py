"""Two versions of a text side by side: line against line, and in these word against word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

# Beyond this the words of two lines are not compared: the time grows with their product.
WORDS_COMPARED: Final = 2_000
_WORD: Final = re.compile(r"\w+|\s+|[^\w\s]")

Piece = tuple[str, bool]  # text, and whether the other side has it otherwise


@dataclass(frozen=True, slots=True)
class Row:
    """A line of each side in pieces; None where a side has no such line."""

    before: list[Piece] | None
    after: list[Piece] | None

    @property
    def changed(self) -> bool:
        """Return whether the sides differ."""
        return self.before != self.after


def side_by_side(before: str, after: str) -> list[Row]:
    """Return the rows of both texts, in order. The pieces of a side make up its text exactly."""
    old, new = before.splitlines(), after.splitlines()
    rows: list[Row] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            rows += [Row([(line, False)], [(line, False)]) for line in old[i1:i2]]
            continue
        paired = min(i2 - i1, j2 - j1)
        rows += [_pair(old[i1 + at], new[j1 + at]) for at in range(paired)]
        rows += [Row([(line, True)], None) for line in old[i1 + paired : i2]]
        rows += [Row(None, [(line, True)]) for line in new[j1 + paired : j2]]
    return rows


def _pair(before: str, after: str) -> Row:
    old, new = _WORD.findall(before), _WORD.findall(after)
    if max(len(old), len(new)) > WORDS_COMPARED:
        return Row([(before, True)], [(after, True)])
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        _put(left, old[i1:i2], kind != "equal")
        _put(right, new[j1:j2], kind != "equal")
    return Row(left, right)


def _put(side: list[Piece], words: Sequence[str], changed: bool) -> None:
    if words:
        side.append(("".join(words), changed))
