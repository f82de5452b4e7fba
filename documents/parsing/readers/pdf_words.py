"""Hyphens at line ends: which were put there by the line break, which belong to the word."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_TAIL = re.compile(r"([^\W\d_]+(?:-[^\W\d_]+)*)-$")
_HEAD = re.compile(r"^([^\W\d_]+)")
_KEEPS = frozenset({
    "all", "cross", "ex", "full", "half", "high", "long", "low", "mid", "multi", "non", "one",
    "part", "self", "semi", "short", "three", "two", "vice", "well",
})  # fmt: skip
"""First parts of English compounds that keep their hyphen when nothing else tells."""


class Hyphens:
    """Joins lines, taking the document's other words as the judge of each hyphen."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._words = {word.lower() for line in lines for word in _WORD.findall(line)}

    def joint(self, before: str, after: str, soft: bool = False) -> tuple[str, bool]:
        """Return what stands between two lines, and whether the hyphen before it goes.

        `soft` says that the PDF itself calls the hyphen a line break's.
        """
        if not before.endswith("-"):
            return " ", False
        tail, head = _TAIL.search(before), _HEAD.match(after)
        if tail is None or head is None:
            return ("", False) if soft or after[:1].isdigit() else (" ", False)
        first, second = tail[1].lower(), head[1].lower()
        if first + second in self._words:
            return "", True
        if f"{first}-{second}" in self._words or first in _KEEPS or not head[1][0].islower():
            return "", False
        return "", True
