"""Headings in plain text, as people set them: underlined, numbered, in capitals."""

from __future__ import annotations

import re
from collections.abc import Iterator

from documents.parsing.model import Heading

_LONGEST = 90
_RULE = re.compile(r"^([=\-~^*#])\1{2,}\s*$")
_RULES = {"=": 1, "#": 1, "*": 1, "-": 2, "~": 3, "^": 4}
_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2})*)\.?\s+[^\W\d_]")
_LETTERED = re.compile(r"^(?:([IVX]+)|[A-Z])\.\s+[^\W\d_]")
_CHAPTER = re.compile(r"^(?:chapter|appendix|part)\s+(?:\d{1,2}|[IVXLC]+|[A-Z])\b[.:]?\s*", re.I)
_SENTENCE = re.compile(r"[.!?:;,][\"'”\u2019)\]]*$")
_SIGN = re.compile(r"[^\w\s&/,()'\u2019\u2013\u2014-]|_")
_NESTED = 2  # headings of a second level, before single numbers are taken for chapters


def headings_of(text: str) -> list[Heading]:
    """Return the headings of a plain text, in order.

    A line without a rule under it must stand alone, at the margin, and not end as a sentence does.
    Numbers count chapters only where there are sections too: else they count a list. Capitals are
    the sections of a manual page, or, beside headings that are surer, names of things.
    """
    found = list(_found(text))
    numbered = [heading for heading, kind in found if kind == "number"]
    nested = sum(1 for heading in numbered if heading.level > 1) >= _NESTED
    sure = [(heading, kind) for heading, kind in found if kind != "number" or nested]
    ruled = [heading for heading, kind in sure if kind != "capitals"]
    return ruled or [heading for heading, _ in sure]


def _found(text: str) -> Iterator[tuple[Heading, str]]:
    """Yield what may be headings, and what makes each one: rule, number, letter or capitals."""
    lines = text.split("\n")
    start = 0
    for at, line in enumerate(lines):
        before = lines[at - 1] if at else ""
        after = lines[at + 1] if at + 1 < len(lines) else ""
        title = line.strip()
        if 0 < len(title) <= _LONGEST and any(map(str.isalpha, title)) and not before.strip():
            if _underlines(after, title):
                yield Heading(_RULES[after.strip()[0]], title, start), "rule"
            elif not line[0].isspace() and not _SENTENCE.search(title):
                alone = not after.strip()
                if alone and (number := _NUMBERED.match(title)):
                    yield Heading(min(number[1].count(".") + 1, 6), title, start), "number"
                elif alone and (letter := _LETTERED.match(title)):
                    yield Heading(1 if letter[1] else 2, title, start), "letter"
                elif alone and _CHAPTER.match(title):
                    yield Heading(1, title, start), "letter"
                elif _shouted(title):
                    yield Heading(1, title, start), "capitals"
        start += len(line) + 1


def _underlines(rule: str, title: str) -> bool:
    """Whether the line below is a rule about as long as the title, which is no row of a table."""
    fits = 0.6 * len(title) <= len(rule.strip()) <= 1.5 * len(title) + 3
    return fits and "  " not in title and bool(_RULE.match(rule))


def _shouted(title: str) -> bool:
    """Whether a line is in capitals, as the sections of manual pages are."""
    letters = [character for character in title if character.isalpha()]
    return title.isupper() and len(letters) >= 4 and not _SIGN.search(title)
