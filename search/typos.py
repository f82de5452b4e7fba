"""Which known terms a word that no passage has may stand for: mistyped, or typed in part.

A word is compared with terms (stems) by Damerau and Levenshtein's distance: letters left out, put
in, changed, or two beside each other changed over.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

SHORTEST: Final = 5  # letters of a word that may be mistyped; shorter ones are near to too much
LONGEST: Final = 40  # what one mistake makes of a word takes room by the square of its letters
LONG: Final = 8  # letters from which on two mistakes are forgiven
PREFIX: Final = 3  # letters that a word with two mistakes must begin with rightly
READ_AS: Final = 3  # terms at most that stand in for one word
# What stems consist of: PostgreSQL's stemmers leave accents to French, Portuguese and the northern
# languages.
LETTERS: Final = "abcdefghijklmnopqrstuvwxyzàâåäæçéèêëíîïñóôöøúûü"
_WORDS: Final = re.compile(r"\w+")
DISCOUNT: Final = 0.8  # what a mistake leaves of a term's weight


@dataclass(frozen=True, slots=True)
class Reading:
    """A term that stands in for a word, and how much it counts beside one typed rightly."""

    term: str
    weight: float


def forgiven(word: str) -> int:
    """Return how many mistakes a word may have: none in numbers, codes, short and endless words."""
    if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
        return 0
    return 2 if len(word) >= LONG else 1


def stems_forgiven(stems: Iterable[str], query: str) -> dict[str, int]:
    """Return how many mistakes each stem of a query may have.

    A stem is often a letter shorter than its word: `hotle` is one that may be mistyped, as `hotl`.
    """
    words = _WORDS.findall(query.lower())
    return {
        stem: forgiven(stem)
        or int(
            len(stem) == SHORTEST - 1
            and stem.isalpha()
            and any(forgiven(word) and word.startswith(stem) for word in words)
        )
        for stem in stems
    }


def one_off(word: str) -> set[str]:
    """Return all that one mistake makes of a word: some 90 for each of its letters."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    return (
        {head + tail[1:] for head, tail in cuts if tail}
        | {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
        | {head + letter + tail[1:] for head, tail in cuts if tail for letter in LETTERS}
        | {head + letter + tail for head, tail in cuts for letter in LETTERS}
    ) - {word, ""}


def distance(one: str, other: str) -> int:
    """Return the number of mistakes between two words (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        row = [at]
        for to, against in enumerate(other, start=1):
            cost = min(last[to] + 1, row[to - 1] + 1, last[to - 1] + (letter != against))
            crossed = at > 1 and to > 1 and letter == other[to - 2] and one[at - 2] == against
            row.append(min(cost, before[to - 2] + 1) if crossed else cost)
        before, last = last, row
    return last[-1]


def readings(
    stems: Mapping[str, int], known: Mapping[str, int], *, unfinished: bool
) -> list[Reading]:
    """Return the terms that a word of these stems most likely stands for, the best first.

    With a stem goes how many mistakes it may have. `known` are terms that there are, with the
    number of passages of each. What the word is the beginning of comes first where it is
    `unfinished`; then only those with the fewest mistakes.
    """
    if unfinished:
        begun = [term for term in known if any(term.startswith(stem) for stem in stems)]
        if begun:
            return [Reading(term, 1.0) for term in _most(begun, known)]
    near: dict[int, list[str]] = {}
    for term in known:
        mistakes = min((distance(stem, term) for stem in stems if stems[stem]), default=99)
        if mistakes <= max(stems.values(), default=0):
            near.setdefault(mistakes, []).append(term)
    if not near:
        return []
    fewest = min(near)
    return [Reading(term, DISCOUNT**fewest) for term in _most(near[fewest], known)]


def spelling(word: str, tokens: Iterable[str], *, unfinished: bool) -> str | None:
    """Return the token that the word most likely stands for; None where all are too far from it.

    Stems are short and soon alike: `maternity` and `material` differ by one letter in theirs, and
    by three in what one reads. So the whole words decide.
    """
    tokens = sorted(tokens)
    if unfinished:
        begun = [token for token in tokens if token.startswith(word)]
        if begun:
            return min(begun, key=len)
    near = [token for token in tokens if distance(word, token) <= forgiven(word)]
    return min(near, key=lambda token: distance(word, token), default=None)


def _most(terms: Iterable[str], known: Mapping[str, int]) -> list[str]:
    return sorted(terms, key=lambda term: (-known[term], term))[:READ_AS]
