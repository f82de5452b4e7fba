"""The arm of words: a query's terms, read in each language that there is, and their BM25 scores.

A word that no passage in sight has is read as one that they do have, if it is mistyped or typed in
part. What it is read as comes from passages in sight alone: a word of others' must not be told.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from django.db.models.expressions import RawSQL

from search.arms import COUNTED, Sources, Within, place_of, placed, rows
from search.phrases import Phrase
from search.ranking import ENTRY, NOTHING, Numbers, Ranked, TermPostings, bm25
from search.typos import PREFIX, Reading, one_off, readings, spelling, stems_forgiven

GUESSED: Final = 12  # words of a query that nothing has and that are looked at, at most
CORRECTED: Final = 4  # of which so many are read as others
LAST: Final = "\U0010ffff"  # sorts after every text that it is put behind
_LAST_WORD: Final = re.compile(r"\w+$")

# What `placed` begins goes on so: where to look and the query's words there, by one statement.
# Frequencies count every posting of the tenant, the entries only those in scope; all postings of a
# term come as one value. A term that two languages share counts once, in the sources of both.
POSTINGS: Final = """
    , asked AS MATERIALIZED (
        SELECT lexeme, array_agg(spoken) AS languages, array_agg(cardinality(positions)) AS times
        FROM (SELECT DISTINCT unnest(languages || %s::text[]) FROM counted WHERE inside > 0)
                 AS these (spoken),
             unnest(to_tsvector(spoken::regconfig, %s))
        GROUP BY lexeme
    )
    SELECT counted.*, said.* FROM counted LEFT JOIN (
        SELECT asked.lexeme, asked.languages, asked.times,
               coalesce(sum(length(posting.entries)), 0) / 8,
               string_agg(posting.entries, ''::bytea) FILTER (
                   WHERE (SELECT inside = everything FROM counted)
                      OR posting.source_id IN (SELECT id FROM placed))
        FROM asked LEFT JOIN search_posting posting ON posting.term = asked.lexeme
         AND ((SELECT cardinality(languages) = 1 FROM counted)
              OR EXISTS (SELECT FROM search_source source WHERE source.id = posting.source_id
                                AND source.language = ANY(asked.languages)))
        GROUP BY asked.lexeme, asked.languages, asked.times
    ) AS said ON true
"""
# Words of the query as it has them, with their stem in each language; a stop word has none.
STEMS: Final = """
    SELECT token, array_agg(lexeme) FROM (
        SELECT DISTINCT lower(token) AS token, spoken
        FROM ts_parse('default', %s), unnest(%s::text[]) spoken
    ) AS said LEFT JOIN LATERAL unnest(to_tsvector(spoken::regconfig, token)) ON true
    GROUP BY token
"""
# Those words, and terms that some of them may stand for with the number of their passages.
NEARBY: Final = f"""
    (SELECT found.*, NULL::bigint FROM ({STEMS}) AS found)
    UNION ALL
    SELECT term, NULL, sum(length(entries)) / 8 FROM search_posting
    WHERE {{within}} AND (term = ANY(ARRAY(SELECT unnest(%s::text[]))) {{begun}})
    GROUP BY term
"""  # noqa: S608 - the parts are constants
BEGUN: Final = "OR (term >= %s AND term < %s)"
# Terms that are read for others, and how a passage in sight spells each: its words of that stem.
READ: Final = """
    SELECT term, chunks, part, ARRAY(
        SELECT DISTINCT lower(token) FROM search_chunk chunk
        JOIN search_source source ON source.id = chunk.source_id,
             ts_parse('default', chunk.heading || ' ' || chunk.text)
        WHERE chunk.number = ('x' || encode(substr(part, 1, 4), 'hex'))::bit(32)::bigint
          AND tsvector_to_array(to_tsvector(source.language::regconfig, token)) = ARRAY[term])
    FROM (
        SELECT term, sum(length(entries)) / 8 AS chunks,
               string_agg(entries, ''::bytea) FILTER (WHERE {within}) AS part
        FROM search_posting WHERE term = ANY(%s) GROUP BY term
    ) AS read
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
    sources: Sources,
    query: str,
    phrases: Sequence[Phrase] = (),
    *,
    stems_in: Sequence[str] = (),
    unfinished: bool = False,
) -> tuple[Within, Words]:
    """Return where to look and the BM25 score of every chunk there that has the query's words.

    And all of the phrases. One statement; one or two more where nothing in the place has some of
    the words, or for phrases. `stems_in` are further languages to give the query's stems in.
    `unfinished` says that the query is being typed: a short last word may be typed in part too.
    """
    place, found, stems = words_asked(sources, query, stems_in)
    if not (place.anything and place.languages):
        return place, Words(NOTHING)
    words = Words(NOTHING)
    if phrases:
        return place, _with_phrases(place, found, phrases)
    unknown = [stem for stem, term in found.items() if not term.entries]
    short = last_word(query) if unfinished else ""
    mistakes = stems_forgiven(unknown, query)
    if any(mistakes[stem] or _begins(short, stem) for stem in unknown):
        words = corrected(place, query, found, unknown, short=short)
    return place, replace(words, ranked=scored(place, found.values()), stems=stems)


def words_asked(
    sources: Sources, query: str, stems_in: Sequence[str] = ()
) -> tuple[Within, dict[str, TermPostings], dict[str, dict[str, int]]]:
    """Return where to look, the postings of the query's terms there, and its stems by language.

    One statement.
    """
    statement, params, ids = placed(sources)
    recurs = isinstance(sources, RawSQL)
    read = rows(f"{statement} {POSTINGS}", [*params, list(stems_in), query], recurs=recurs)
    place = place_of(ids, read[0][:COUNTED], recurs=recurs)
    found: dict[str, TermPostings] = {}
    spoken = dict.fromkeys([*place.languages, *stems_in])
    stems: dict[str, dict[str, int]] = {language: {} for language in spoken}
    if not (place.anything and place.languages):
        return place, found, stems
    for lexeme, languages, times, chunks, part in (row[COUNTED:] for row in read if row[COUNTED]):
        told = dict(zip(languages, times, strict=True))
        for language, count in told.items():
            stems[language][lexeme] = count
        asked = max(told.get(language, 0) for language in place.languages)
        if asked:
            found[lexeme] = TermPostings(asked, int(chunks), bytes(part or b""))
    return place, found, stems


def last_word(query: str) -> str:
    """Return what a query ends with, if that is a word long enough to begin others."""
    last = _LAST_WORD.search(query.lower())
    return last[0] if last and len(last[0]) >= PREFIX else ""


def _begins(word: str, stem: str) -> bool:
    """Say whether a stem is of this unfinished word."""
    return bool(word) and len(stem) >= PREFIX and word.startswith(stem[: PREFIX - 1])


def scored(place: Within, terms: Iterable[TermPostings]) -> Ranked:
    """Return the BM25 score of every chunk that has one of the terms."""
    return bm25(
        list(terms),
        chunks=place.chunks,
        mean_length=place.terms / max(place.chunks, 1),
    )


def corrected(
    place: Within,
    query: str,
    found: dict[str, TermPostings],
    unknown: Sequence[str],
    *,
    short: str = "",
) -> Words:
    """Read words that nothing has as others, whose postings are put among those found.

    Two statements, one where none of them can be read as another. `short` is a last word that may
    be typed in part, however short it is.
    """
    likely = _likely(place, query, found, unknown, short=short)
    entries = _entries(place, [one.term for _, read, _ in likely for one in read])
    read_as: dict[str, tuple[str, ...]] = {}
    terms: list[str] = []
    for word, read, unfinished in likely:
        spelt = []
        for reading in read:
            chunks, part, tokens = entries.get(reading.term, (0, b"", []))
            spelled = spelling(word, tokens, unfinished=unfinished)
            if spelled is None:
                continue
            found.setdefault(reading.term, TermPostings(reading.weight, chunks, part))
            spelt.append(spelled)
            terms.append(reading.term)
        if spelt:
            read_as[word] = tuple(spelt)
        if len(read_as) == CORRECTED:
            break
    return Words(NOTHING, read_as, tuple(terms))


def _likely(
    place: Within,
    query: str,
    found: Mapping[str, TermPostings],
    unknown: Sequence[str],
    *,
    short: str,
) -> list[tuple[str, list[Reading], bool]]:
    """Return words that nothing has, what each may stand for, and whether it is unfinished."""
    typed = query.lower().rstrip()
    last = _LAST_WORD.search(typed)
    allowed = stems_forgiven(unknown, query)
    unknown = sorted(unknown, key=allowed.__getitem__, reverse=True)[:GUESSED]
    begins: dict[str, str] = {}  # what terms begin with that may stand for a stem
    for stem in unknown:
        if allowed[stem] > 1:
            begins[stem] = stem[:PREFIX]
        elif last and last[0].startswith(stem[: PREFIX - 1]):
            begins[stem] = stem
    near = {stem: one_off(stem) if allowed[stem] else set() for stem in unknown}
    ranges = [bound for begin in begins.values() for bound in (begin, begin + LAST)]
    statement = NEARBY.format(within=place.condition, begun=BEGUN * len(begins))
    # As PostgreSQL writes an array: of a list of a thousand the driver would look at each.
    spelt = ",".join(f'"{each}"' for each in sorted(set().union(*near.values())))
    asked = [query, list(place.languages), *place.params, f"{{{spelt}}}"]
    words: dict[str, set[str | None]] = {}
    known: dict[str, int] = {}
    for said, lexemes, chunks in rows(statement, [*asked, *ranges], recurs=place.recurs):
        if chunks is None:
            words[said] = set(lexemes)
        else:
            known[said] = int(chunks)
    likely = []
    for word, own in words.items():
        told = {stem for stem in own if stem is not None}
        if told != own or any(stem in found and found[stem].entries for stem in told):
            continue  # a stop word of some language, or found
        stems = {stem: allowed[stem] for stem in told & near.keys()}
        unfinished = typed.endswith(word)
        if not any(stems.values()) and not (unfinished and word == short):
            continue
        there = {
            term: chunks
            for term, chunks in known.items()
            if any(
                term in near[stem]
                or (
                    (unfinished or allowed[stem] > 1)
                    and stem in begins
                    and term.startswith(begins[stem])
                )
                for stem in stems
            )
        }
        if read := readings(stems, there, unfinished=unfinished):
            likely.append((word, read, unfinished))
    return likely


def _entries(place: Within, terms: list[str]) -> dict[str, tuple[int, bytes, list[str]]]:
    """Return of each term its passages in all, its entries in the place, and its spellings."""
    if not terms:
        return {}
    statement = READ.format(within=place.condition)
    known = rows(statement, [*place.params, terms], recurs=place.recurs)
    return {term: (int(chunks), bytes(part or b""), spelt) for term, chunks, part, spelt in known}


def _with_phrases(
    place: Within, found: Mapping[str, TermPostings], phrases: Sequence[Phrase]
) -> Words:
    """Return the score of all chunks that have every phrase, by whatever else is asked."""
    numbers = _having(place, phrases, _narrowed(place, found, phrases))
    ranked = scored(place, found.values()).only(numbers)
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
