"""Find a workspace's own words in a text, and in one that still grows.

A word is found whole, in any case, also where it is written in full-width letters or with
characters inside that nobody sees. Words of scripts without spaces are found anywhere.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tenants.naming import CONTROLS, INVISIBLE

_UNSEEN: Final = re.compile(f"[{CONTROLS}{INVISIBLE}]")  # by which a word would be hidden
HELD_AT_MOST: Final = 400  # characters held back of a text without spaces; longer than any phrase


def folded(text: str) -> str:
    """Return a text as it is compared."""
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).casefold()


@lru_cache(maxsize=512)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    found = [_of(folded(word)) for word in words if folded(word).strip()]
    return re.compile("|".join(found)) if found else None


def _of(word: str) -> str:
    body = r"\s+".join(re.escape(part) for part in word.split())
    before = "" if _spaceless(word.strip()[0]) else r"(?<!\w)"
    after = "" if _spaceless(word.strip()[-1]) else r"(?!\w)"
    return f"{before}{body}{after}"


def _spaceless(letter: str) -> bool:
    """Say whether a boundary cannot be asked for beside this character."""
    return unicodedata.east_asian_width(letter) in "WF" or not re.match(r"\w", letter)


def holds(text: str, words: Sequence[str]) -> bool:
    """Say whether one of `words` stands in `text`."""
    pattern = _pattern(tuple(words))
    return pattern is not None and pattern.search(folded(text)) is not None


@dataclass(slots=True)
class GrowingText:
    """A text that arrives in pieces, released only where no word can still be in the making.

    As many words as the longest phrase has are held back, so that a word that is split over pieces
    is found before its first letter is shown.
    """

    words: tuple[str, ...]
    _text: str = ""
    _released: int = 0
    _most: int = 1

    def __post_init__(self) -> None:
        self._most = max((len(word.split()) for word in self.words), default=1)

    def grown(self, piece: str) -> str | None:
        """Add a piece; return what may be shown now, or None where a word was found."""
        self._text += piece
        # A word at the very end may be the beginning of a longer one: `x` stands for what follows.
        return None if self._holds("x") else self._shown(self._safe_end())

    def ended(self) -> str | None:
        """Return the rest, or None where a word was found in it."""
        return None if self._holds("") else self._shown(len(self._text))

    def _holds(self, following: str) -> bool:
        """Look at what is held back, with some of what came before as a phrase's beginning."""
        start = max(0, self._released - HELD_AT_MOST)
        return holds(self._text[start:] + following, self.words)

    def _shown(self, end: int) -> str:
        shown = self._text[self._released : end]
        self._released = max(end, self._released)
        return shown

    def _safe_end(self) -> int:
        words = [match.start() for match in re.finditer(r"\S+", self._text[self._released :])]
        if len(words) > self._most:
            return self._released + words[-self._most]
        return max(self._released, len(self._text) - HELD_AT_MOST)
