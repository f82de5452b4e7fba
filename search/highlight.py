"""Show where a passage has the query's words, as safe HTML.

PostgreSQL marks the words, since it alone knows which of them share a stem with the query's; the
marks are two characters that text cannot hold, and everything is escaped before they become tags.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from search.languages import USUAL
from search.phrases import Phrase, phrases_of, without_phrases

# Private-use characters: dropped from the text first, so that no document can forge a mark.
OPEN: Final = "\ue000"
CLOSE: Final = "\ue001"
SHOWN: Final = 340  # characters of an excerpt
LEAD: Final = 70  # of them before the first mark

# Each passage in its language; the terms that stand in for mistyped words are stems already.
MARK: Final = r"""
    WITH asked AS MATERIALIZED (
        SELECT spoken, string_agg(
            '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', ' | '
        )::tsquery AS words
        FROM unnest(%s::text[]) spoken, LATERAL (
            SELECT lexeme FROM unnest(to_tsvector(spoken::regconfig, %s))
            UNION SELECT unnest(%s::text[])
        ) AS said
        GROUP BY spoken
    )
    SELECT coalesce(ts_headline(passage.spoken::regconfig, passage.text, asked.words, %s),
                    passage.text)
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS passage (text, spoken, place)
    LEFT JOIN asked USING (spoken)
    ORDER BY place
"""
OPTIONS: Final = f"HighlightAll=true, StartSel={OPEN}, StopSel={CLOSE}"

Span = tuple[int, int]  # of what is marked


@dataclass(frozen=True, slots=True)
class Text:
    """A passage to be shown, and the configuration that its words are read with."""

    text: str
    language: str = USUAL


def excerpts(texts: Sequence[Text], query: str, *, terms: Sequence[str] = ()) -> list[SafeString]:
    """Return the part of each text that has most of the query's words, with these in `<mark>`.

    `terms` are stems to be marked too. Of what stands in quotation marks only the whole phrase is
    marked, never its words alone. A text without any of them gives its beginning: it was found by
    its meaning.
    """
    if not texts:
        return []
    phrases = phrases_of(query)
    loose = without_phrases(query) if phrases else query
    clean = [one.text.replace(OPEN, "").replace(CLOSE, "") for one in texts]
    spoken = [one.language for one in texts]
    with connection.cursor() as cursor:
        cursor.execute(MARK, [sorted(set(spoken)), loose, list(terms), OPTIONS, clean, spoken])
        marked = [row[0] for row in cursor.fetchall()]
    return [_html(*_excerpt(*_spans(one, phrases))) for one in marked]


def _spans(marked: str, phrases: Sequence[Phrase]) -> tuple[str, list[Span]]:
    """Return the text of marked text, and where it is marked or has a phrase, in order."""
    text = ""
    spans: list[Span] = []
    for part in marked.split(OPEN):
        inside, mark, after = part.partition(CLOSE)
        if mark:
            spans.append((len(text), len(text) + len(inside)))
        text += inside + after
    for phrase in phrases:
        spans += phrase.spans(text)
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return text, joined


def _excerpt(text: str, spans: list[Span]) -> tuple[list[tuple[str, bool]], bool, bool]:
    """Return the densest window in pieces, each marked or not, and whether more stands around."""
    start = _start(text, spans)
    end = len(text)
    if end - start > SHOWN:
        space = text.rfind(" ", start + 1, start + SHOWN)
        end = space if space > start else start + SHOWN
    shown: list[tuple[str, bool]] = []
    at = start
    for first, last in spans:
        left, right = max(first, start), min(last, end)
        if left < right:
            shown += [(text[at:left], False), (text[left:right], True)]
            at = right
    shown.append((text[at:end], False))
    return shown, start > 0, end < len(text)


def _start(text: str, spans: list[Span]) -> int:
    """Return where the window with most different marked words begins, at a word's beginning."""
    best, start = 0, 0
    for first, _ in spans:
        begin = max(first - LEAD, 0)
        words = {
            text[left:right].lower()
            for left, right in spans
            if begin <= left and right <= begin + SHOWN
        }
        if len(words) > best:
            best, start = len(words), begin
    if start:
        space = text.find(" ", start)
        start = space + 1 if 0 <= space < start + LEAD else start
    return start


def _html(runs: list[tuple[str, bool]], before: bool, after: bool) -> SafeString:
    body = format_html_join(
        "", "{}", ((format_html("<mark>{}</mark>", text) if mark else text,) for text, mark in runs)
    )
    return format_html("{}{}{}", "… " if before else "", body, " …" if after else "")
