"""The arithmetic of hybrid ranking: BM25 over postings, and the fusion of its scores with vectors'.

The constants were chosen on a judged collection; `make bench` shows what they bring.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Scores: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

ENTRY: Final = np.dtype([("number", ">u4"), ("occurrences", ">u2"), ("length", ">u2")])

K1: Final = 1.6  # how soon further occurrences stop to count
B: Final = 0.75  # how much longer chunks are marked down
VECTOR_WEIGHT: Final = 0.6  # of the vectors in the sum; the words have the rest


@dataclass(frozen=True, slots=True)
class TermPostings:
    """A query term: how often the query has it (less for one that stands in for a mistyped word),
    how many chunks of the tenant, and the entries in scope.
    """

    asked: float
    chunks: int
    entries: bytes


@dataclass(frozen=True, slots=True)
class Ranked:
    """Chunk numbers with their scores, in no particular order."""

    numbers: Numbers
    scores: Scores

    def best(self, count: int) -> Numbers:
        """Return the numbers of the `count` best."""
        if len(self.numbers) > count:
            return self.numbers[np.argpartition(self.scores, -count)[-count:]]
        return self.numbers

    def above(self, least: float) -> "Ranked":
        """Return what scores at least this."""
        kept = self.scores >= least
        return Ranked(self.numbers[kept], self.scores[kept])

    def only(self, numbers: Numbers) -> "Ranked":
        """Return what is among `numbers`."""
        kept = np.isin(self.numbers, numbers)
        return Ranked(self.numbers[kept], self.scores[kept])


NOTHING: Final = Ranked(np.empty(0, np.int64), np.empty(0, np.float64))


def bm25(terms: Sequence[TermPostings], *, chunks: int, mean_length: float) -> Ranked:
    """Return the BM25 score of every chunk in scope that has one of the terms.

    A term counts as often as the query has it: on whole questions that is worth a fifth of nDCG.
    `chunks` and `mean_length` (terms a chunk) are of the tenant, whatever the scope.
    """
    found = [term for term in terms if term.entries]
    if not found:
        return NOTHING
    parts = [np.frombuffer(term.entries, ENTRY) for term in found]
    weights = [
        term.asked * np.log1p((chunks - term.chunks + 0.5) / (term.chunks + 0.5)) for term in found
    ]
    entries = np.concatenate(parts)
    occurrences = entries["occurrences"].astype(np.float64)
    norm = K1 * (1 - B + B * entries["length"] / max(mean_length, 1.0))
    gains: Scores = np.repeat(weights, [len(part) for part in parts])
    gains = gains * occurrences * (K1 + 1) / (occurrences + norm)
    return _summed(entries["number"].astype(np.int64), gains)


def _summed(numbers: Numbers, gains: Scores) -> Ranked:
    """Return each number once with the sum of its gains, which are positive."""
    low = int(numbers.min())
    if int(numbers.max()) - low < 32 * len(numbers):  # lying close, counting beats sorting tenfold
        counted = np.asarray(np.bincount(numbers - low, gains), dtype=np.float64)
        places = np.flatnonzero(counted)
        return Ranked(places + low, counted[places])
    once, places = np.unique(numbers, return_inverse=True)
    return Ranked(once, np.asarray(np.bincount(places, gains), dtype=np.float64))


def fused(words: Ranked, meaning: Ranked, *, count: int) -> Ranked:
    """Return the `count` best by the convex sum of both scores, best first.

    Each arm's scores are brought to its best one, so that neither's scale matters; a chunk that an
    arm does not have counts zero there, and so does a vector that points away.
    """
    numbers = np.union1d(words.numbers, meaning.numbers)
    if not len(numbers):
        return NOTHING
    sums = np.zeros(len(numbers))
    for ranked, weight in ((words, 1 - VECTOR_WEIGHT), (meaning, VECTOR_WEIGHT)):
        positive = np.maximum(ranked.scores, 0)
        if len(positive) and positive.max() > 0:
            places = np.searchsorted(numbers, ranked.numbers)
            sums[places] += weight * positive / positive.max()
    order = np.lexsort((numbers, -sums))[:count]
    return Ranked(numbers[order], sums[order])
