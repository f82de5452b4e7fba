"""The arm of words: a query's terms, read in each language that there is, and their BM25 scores.

A word that no passage in sight has is read as one that they do have, if it is mistyped or typed in
part. What it is read as comes from passages in sight alone: a word of others' must not be told.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from search.arms import Within, rows
from search.phrases import Phrase
from search.ranking import ENTRY, NOTHING, Numbers, Ranked, TermPostings, bm25
from search.typos import PREFIX, Reading, forgiven, one_off, readings, spelling

CORRECTED: Final = 4  # words of a query at most
LAST: Final = "\U0010ffff"  # sorts after every text that it is put behind

# Frequencies count every posting of the tenant, the entries only those in scope; all postings of a
# term come as one value. A term that two languages share counts once, in the sources of both.
POSTINGS: Final = """
    WITH asked AS MATERIALIZED (
        SELECT lexeme, array_agg(spoken) AS languages, array_agg(cardinality(positions)) AS times
        FROM unnest(%s::text[]) spoken, unnest(to_tsvector(spoken::regconfig, %s))
        GROUP BY lexeme
    )
    SELECT asked.lexeme, asked.languages, asked.times,
           coalesce(sum(length(posting.entries)), 0) / 8,
           string_agg(posting.entries, ''::bytea) FILTER (WHERE {within})
    FROM asked LEFT JOIN search_posting posting ON posting.term = asked.lexeme {alike}
    GROUP BY asked.lexeme, asked.languages, asked.times
"""
ALIKE: Final = """
    AND EXISTS (SELECT FROM search_source source
                WHERE source.id = posting.source_id AND source.language = ANY(asked.languages))
"""
# Words of the query as it has them, with their stem in each language; a stop word has none.
STEMS: Final = """
    SELECT token, array_agg(lexeme) FROM (
        SELECT DISTINCT lower(token) AS token, spoken
        FROM ts_parse('default', %s), unnest(%s::text[]) spoken
    ) AS said LEFT JOIN LATERAL unnest(to_tsvector(spoken::regconfig, token)) ON true
    GROUP BY token
"""
NEARBY: Final = """
    SELECT term, sum(length(entries)) / 8 FROM search_posting
    WHERE {within} AND (term = ANY(%s) {begun})
    GROUP BY term
"""
BEGUN: Final = "OR (term >= %s AND term < %s)"
ENTRIES: Final = """
    SELECT term, sum(length(entries)) / 8,
           string_agg(entries, ''::bytea) FILTER (WHERE {within})
    FROM search_posting WHERE term = ANY(%s) GROUP BY term
"""
# How a passage spells a term: the words of it that have this stem.
SPELT: Final = """
    SELECT DISTINCT lower(token) FROM search_chunk chunk
    JOIN search_source source ON source.id = chunk.source_id,
         ts_parse('default', chunk.heading || ' ' || chunk.text)
    WHERE chunk.number = %s
      AND tsvector_to_array(to_tsvector(source.language::regconfig, token)) = ARRAY[%s]
"""
HAVING: Final = """
    SELECT number FROM search_chunk WHERE {within} AND {phrases} {among}
"""


@dataclass(frozen=True, slots=True)
class Words:
    """A query's words as they were found: chunks with their BM25 score, and what was read how.

    `read_as` tells what a word that no passage has was read as; `terms` are the stems that stand in
    for such words, which a highlight has to mark too. `stems` are the query's in each language that
    it was read in, with how often it has them.
    """

    ranked: Ranked
    read_as: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    terms: tuple[str, ...] = ()
    stems: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def corrected(self, query: str) -> str:
        """Return the query as it was understood: each word by the likeliest that it stands for."""
        for word, spelt in self.read_as.items():
            there = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
            query = there.sub(spelt[0].replace("\\", r"\\"), query, count=1)
        return query


def by_words(
    place: Within, query: str, phrases: Sequence[Phrase] = (), *, stems_in: Sequence[str] = ()
) -> Words:
    """Return the BM25 score of every chunk that has a word of the query, and all of the phrases.

    One statement; up to four more for each word that nothing in the place has, or for phrases.
    `stems_in` are further languages to give the query's stems in.
    """
    if not place.languages:
        return Words(NOTHING)
    several = len(place.languages) > 1
    statement = POSTINGS.format(within=place.condition, alike=ALIKE if several else "")
    spoken = list(dict.fromkeys([*place.languages, *stems_in]))
    found: dict[str, TermPostings] = {}
    stems: dict[str, dict[str, int]] = {language: {} for language in spoken}
    for lexeme, languages, times, chunks, part in rows(statement, [spoken, query, *place.params]):
        told = dict(zip(languages, times, strict=True))
        for language, count in told.items():
            stems[language][lexeme] = count
        asked = max(told.get(language, 0) for language in place.languages)
        if asked:
            found[lexeme] = TermPostings(asked, int(chunks), bytes(part or b""))
    words = Words(NOTHING)
    if phrases:
        return _with_phrases(place, found, phrases)
    if any(forgiven(lexeme) and not term.entries for lexeme, term in found.items()):
        words = _corrected(place, query, found)
    return replace(words, ranked=_scored(place, found), stems=stems)


def _scored(place: Within, found: Mapping[str, TermPostings]) -> Ranked:
    return bm25(
        list(found.values()),
        chunks=place.chunks,
        mean_length=place.terms / max(place.chunks, 1),
    )


def _corrected(place: Within, query: str, found: dict[str, TermPostings]) -> Words:
    """Read words that nothing has as others, whose postings are put among those found."""
    stems = {word: set(lexemes) for word, lexemes in rows(STEMS, [query, list(place.languages)])}
    typed = query.lower().rstrip()
    read_as: dict[str, tuple[str, ...]] = {}
    terms: list[str] = []
    for word, own in stems.items():
        if None in own or any(stem in found and found[stem].entries for stem in own):
            continue  # a stop word of some language, or found
        if not any(forgiven(stem) for stem in own) or len(read_as) == CORRECTED:
            continue
        unfinished = typed.endswith(word)
        read = _read(place, own, unfinished=unfinished)
        entries = _entries(place, [reading.term for reading in read])
        spelt = []
        for reading in read:
            chunks, part = entries[reading.term]
            spelled = spelling(word, _tokens(reading.term, part), unfinished=unfinished)
            if spelled is None:
                continue
            found.setdefault(reading.term, TermPostings(reading.weight, chunks, part))
            spelt.append(spelled)
            terms.append(reading.term)
        if spelt:
            read_as[word] = tuple(spelt)
    return Words(NOTHING, read_as, tuple(terms))


def _read(place: Within, stems: set[str], *, unfinished: bool) -> list[Reading]:
    """Return what a word may stand for, among the terms of the place."""
    near = sorted(set().union(*(one_off(stem) for stem in stems if forgiven(stem))))
    ranges: list[str] = []
    for stem in stems:
        if forgiven(stem) > 1:
            ranges += [stem[:PREFIX], stem[:PREFIX] + LAST]
        elif unfinished:
            ranges += [stem, stem + LAST]
    begun = BEGUN * (len(ranges) // 2)
    known = rows(NEARBY.format(within=place.condition, begun=begun), [*place.params, near, *ranges])
    return readings(stems, {term: int(chunks) for term, chunks in known}, unfinished=unfinished)


def _entries(place: Within, terms: list[str]) -> dict[str, tuple[int, bytes]]:
    if not terms:
        return {}
    known = rows(ENTRIES.format(within=place.condition), [*place.params, terms])
    return {term: (int(chunks), bytes(part or b"")) for term, chunks, part in known}


def _tokens(term: str, entries: bytes) -> list[str]:
    """Return how a passage in sight spells a term."""
    number = int(np.frombuffer(entries, ENTRY)["number"][0])
    return [row[0] for row in rows(SPELT, [number, term])]


def _with_phrases(
    place: Within, found: Mapping[str, TermPostings], phrases: Sequence[Phrase]
) -> Words:
    """Return the score of all chunks that have every phrase, by whatever else is asked."""
    numbers = _having(place, phrases, _narrowed(place, found, phrases))
    ranked = _scored(place, found).only(numbers)
    bare = np.setdiff1d(numbers, ranked.numbers)  # of stop words alone
    return Words(
        Ranked(
            np.concatenate([ranked.numbers, bare]),
            np.concatenate([ranked.scores, np.zeros(len(bare))]),
        )
    )


def _narrowed(
    place: Within, found: Mapping[str, TermPostings], phrases: Sequence[Phrase]
) -> Numbers | None:
    """Return the chunks that have a stem of every word of the phrases; None: any may."""
    said = " ".join(word for phrase in phrases for word in phrase.words)
    among: Numbers | None = None
    for _, stems in rows(STEMS, [said, list(place.languages)]):
        if any(stem not in found for stem in stems):
            continue  # a stop word, or part of what PostgreSQL takes for one word
        parts = [np.frombuffer(found[stem].entries, ENTRY)["number"] for stem in stems]
        having: Numbers = np.unique(np.concatenate(parts)).astype(np.int64)
        among = having if among is None else np.intersect1d(among, having, assume_unique=True)
    return among


def _having(place: Within, phrases: Sequence[Phrase], among: Numbers | None) -> Numbers:
    """Return the chunks that have the phrases word for word.

    First among those that have their stems; where none of these does, in all: an address or a path
    is one word to PostgreSQL, and holds the phrase all the same.
    """
    sought = " AND ".join(["(text ~* %s OR heading ~* %s)"] * len(phrases))
    params: list[Any] = [*place.params, *(phrase.sought for phrase in phrases for _ in range(2))]
    if among is not None and len(among):
        statement = HAVING.format(
            within=place.condition, phrases=sought, among="AND number = ANY(%s)"
        )
        near = rows(statement, [*params, among.tolist()])
        if near:
            return _numbers(near)
    return _numbers(rows(HAVING.format(within=place.condition, phrases=sought, among=""), params))


def _numbers(found: list[tuple[Any, ...]]) -> Numbers:
    return np.array([row[0] for row in found], dtype=np.int64)
