"""The arm of words for a query that is being typed: its last word is taken for all that begin so.

Nothing but the tenant's own tables is asked: no model, no guardrail, and nothing is metered. What a
word may become is told by passages in sight alone, as ever.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from search.arms import Sources, Within, rows
from search.ranking import NOTHING, TermPostings
from search.typos import stems_forgiven
from search.words import LAST, Words, corrected, last_word, scored, words_asked

AT_MOST: Final = 12  # terms that a beginning stands for: those that most passages have
BESIDE: Final = 0.5  # what they count for where the word itself is there too

# The last word's own stems, beside each term that begins so. A word that every language here leaves
# out ("for") begins nothing: whoever types it goes on with a space.
BEGUN: Final = """
    WITH own AS MATERIALIZED (
        SELECT array_agg(DISTINCT lexeme) AS stems
        FROM unnest(%s::text[]) spoken, unnest(to_tsvector(spoken::regconfig, %s))
    ), begun AS MATERIALIZED (
        SELECT term, string_agg(entries, ''::bytea) AS part
        FROM search_posting
        WHERE {within} AND term >= %s AND term < %s
          AND (SELECT stems IS NOT NULL AND term <> ALL(stems) FROM own)
        GROUP BY term ORDER BY sum(length(entries)) DESC, term LIMIT %s
    )
    SELECT own.stems, begun.term, begun.part,
           (SELECT sum(length(entries)) / 8 FROM search_posting posting
            WHERE posting.term = begun.term)
    FROM own LEFT JOIN begun ON true
"""


def by_words_typed(sources: Sources, query: str) -> tuple[Within, Words]:
    """Return where to look and the BM25 score of every chunk there with the words typed so far.

    Two statements, and two more where nothing in the place has some other word.
    """
    place, found, stems = words_asked(sources, query)
    if not (place.anything and place.languages):
        return place, Words(NOTHING)
    terms = _begun(place, query, found)
    words = Words(NOTHING)
    unknown = [stem for stem, term in found.items() if not term.entries]
    if any(stems_forgiven(unknown, query).values()):
        words = corrected(place, query, found, unknown)
    return place, replace(
        words,
        ranked=scored(place, found.values()),
        terms=(*words.terms, *terms),
        stems=stems,
    )


def _begun(place: Within, query: str, found: dict[str, TermPostings]) -> tuple[str, ...]:
    """Put what the last word begins among the postings found; return its terms.

    All of them count as one term, which its commonest passages lead: the rarest of many would
    outweigh them otherwise.
    """
    word = last_word(query)
    if not word:
        return ()
    statement = BEGUN.format(within=place.condition)
    params = [list(place.languages), word, *place.params, word, word + LAST, AT_MOST]
    read = rows(statement, params, recurs=place.recurs)
    begun = {term: (bytes(part), int(chunks)) for _, term, part, chunks in read if term}
    if not begun:
        return ()
    own = read[0][0]
    known = _known(own, found)
    for stem in own:
        if not known:
            found.pop(stem, None)  # it stands for those
    found[word + LAST] = TermPostings(
        BESIDE if known else 1.0,
        sum(chunks for _, chunks in begun.values()),
        b"".join(part for part, _ in begun.values()),
    )
    return tuple(begun)


def _known(stems: list[str], found: Mapping[str, TermPostings]) -> bool:
    return any(stem in found and found[stem].entries for stem in stems)
