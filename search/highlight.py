"""Show where a passage has the query's words, as safe HTML.

PostgreSQL marks the words, since it alone knows which of them share a stem with the query's; the
marks are two characters that text cannot hold, and everything is escaped before they become tags.
"""

from collections.abc import Sequence
from typing import Final

from django.db import connection
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# Private-use characters: dropped from the text first, so that no document can forge a mark.
OPEN: Final = "\ue000"
CLOSE: Final = "\ue001"
SHOWN: Final = 340  # characters of an excerpt
LEAD: Final = 70  # of them before the first mark

MARK: Final = r"""
    WITH asked AS MATERIALIZED (
        SELECT string_agg(
            '''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', ' | '
        )::tsquery AS words
        FROM unnest(to_tsvector('english', %s))
    )
    SELECT coalesce(ts_headline('english', passage.text, asked.words, %s), passage.text)
    FROM asked, unnest(%s::text[]) WITH ORDINALITY AS passage (text, place)
    ORDER BY place
"""
OPTIONS: Final = f"HighlightAll=true, StartSel={OPEN}, StopSel={CLOSE}"

Run = tuple[str, bool]  # text, and whether it is marked


def excerpts(texts: Sequence[str], query: str) -> list[SafeString]:
    """Return the part of each text that has most of the query's words, with these in `<mark>`.

    A text without any of them gives its beginning: it was found by its meaning.
    """
    if not texts:
        return []
    clean = [text.replace(OPEN, "").replace(CLOSE, "") for text in texts]
    with connection.cursor() as cursor:
        cursor.execute(MARK, [query, OPTIONS, clean])
        return [_html(*_excerpt(_runs(marked))) for (marked,) in cursor.fetchall()]


def _runs(marked: str) -> list[Run]:
    """Cut marked text at its marks."""
    runs: list[Run] = []
    for part in marked.split(OPEN):
        inside, mark, after = part.partition(CLOSE)
        if mark:
            runs.append((inside, True))
            inside = after
        if inside:
            runs.append((inside, False))
    return runs


def _excerpt(runs: list[Run]) -> tuple[list[Run], bool, bool]:
    """Return the densest window of the runs, and whether text before and after is left out."""
    text = "".join(part for part, _ in runs)
    spans: list[tuple[int, int]] = []
    at = 0
    for part, is_mark in runs:
        if is_mark:
            spans.append((at, at + len(part)))
        at += len(part)
    start = _start(text, spans)
    end = len(text)
    if end - start > SHOWN:
        space = text.rfind(" ", start + 1, start + SHOWN)
        end = space if space > start else start + SHOWN
    shown: list[Run] = []
    at = 0
    for part, is_mark in runs:
        piece = part[max(start - at, 0) : max(end - at, 0)]
        if piece:
            shown.append((piece, is_mark))
        at += len(part)
    return shown, start > 0, end < len(text)


def _start(text: str, spans: list[tuple[int, int]]) -> int:
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


def _html(runs: list[Run], before: bool, after: bool) -> SafeString:
    body = format_html_join(
        "", "{}", ((format_html("<mark>{}</mark>", text) if mark else text,) for text, mark in runs)
    )
    return format_html("{}{}{}", "… " if before else "", body, " …" if after else "")
