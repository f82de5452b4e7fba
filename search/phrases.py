"""What stands in quotation marks in a query: words that must follow one another exactly."""

import re
from dataclasses import dataclass
from typing import Final

MOST: Final = 5  # phrases of a query; further ones count as words
_QUOTED: Final = re.compile(r'["“”„«»]([^"“”„«»]*\w[^"“”„«»]*)["“”„«»]')
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in their order, whatever the case; between them only spaces and punctuation."""

    words: tuple[str, ...]

    @property
    def sought(self) -> str:
        """Return it as an expression of PostgreSQL, whose words need no escaping."""
        return r"\m" + r"[\W_]+".join(self.words) + r"\M"

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return where a text has it."""
        found = re.compile(r"\b" + r"[\W_]+".join(self.words) + r"\b", re.IGNORECASE)
        return [match.span() for match in found.finditer(text)]


def phrases_of(query: str) -> list[Phrase]:
    """Return the phrases of a query; a mark without its other one is none."""
    return [Phrase(tuple(_WORD.findall(inside))) for inside in _QUOTED.findall(query)[:MOST]]


def without_phrases(query: str) -> str:
    """Return what a query says beside its phrases."""
    return _QUOTED.sub(" ", query, count=MOST)
