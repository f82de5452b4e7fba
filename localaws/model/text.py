"""Words, stems and sentence ends of ordinary prose, and the marks that sentences get."""

from __future__ import annotations

import re
from functools import lru_cache

WORD = re.compile(r"[^\W_]+(?:[.,:'’][^\W_]+)*", re.UNICODE)
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|no|nos|fig|figs|sec|vs|etc|approx|inc|ltd|co|corp|dept|est"
    r"|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|art|para|pp|vol|ed|e\.g|i\.e|cf|al)"
    r"|\b[A-Z])\.$",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-ÖØ-Þ\u0400-\u042f])")

_LOWER_BOUNDARY = re.compile(r"(?<=[a-z)\]]{3}[.!?])\s+(?=[a-z])")  # names that begin small

STOPWORDS = frozenset(
    """
    a an the this that these those is are was were be been being am do does did doing done have
    has had having i you he she it we they me him her us them my your his its our their mine
    yours and or but if so than then as of at by for with about into onto to from in on off over
    under out up down what which who whom whose when where why how there here not no nor can
    could may might must shall should will would s t re ve ll d m please tell show give find
    list explain describe per any some each every all such only own same just also very much many
    get got let long often say says said according does there's what's need against
    """.split()
)


def words(text: str) -> list[str]:
    """The lower-case words and numbers of a text."""
    return [match.group().lower() for match in WORD.finditer(text)]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A light English stem: enough that plural, tense and -ly forms meet. Numbers stay."""
    if word[0].isdigit() or len(word) <= 3:
        return re.sub(r"\.0+$", "", word.replace(",", ""))
    word = re.sub(r"['’]s?$", "", word)
    for ending, keep in (
        ("abilities", "able"), ("ability", "able"), ("ational", "ate"), ("ization", "ize"),
        ("isation", "ize"),
        ("fulness", "ful"),
        ("ements", ""), ("ement", ""), ("ments", ""), ("ment", ""), ("ations", "at"),
        ("ation", "at"), ("ities", "ity"), ("ingly", ""), ("edly", ""), ("ings", ""), ("ing", ""),
        ("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"),
        ("ally", "al"), ("ly", ""), ("ed", ""), ("es", "e"), ("s", ""),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: len(word) - len(ending)] + keep
            break
    if len(word) >= 7 and word.endswith("al"):
        word = word[:-2]
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def content_stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order."""
    return [stem(word) for word in words(text) if word not in STOPWORDS]


def split(paragraph: str) -> list[str]:
    """The sentences of one paragraph; abbreviations and initials do not end one."""
    parts: list[str] = []
    start = 0
    ends = [*_BOUNDARY.finditer(paragraph), *_LOWER_BOUNDARY.finditer(paragraph)]
    for boundary in sorted(ends, key=re.Match.start):
        head = paragraph[start : boundary.start()]
        if _ABBREVIATION.search(head) and not re.search(r"[!?]$", head):
            continue
        parts.append(paragraph[start : boundary.end()].strip())
        start = boundary.end()
    tail = paragraph[start:].strip()
    if tail:
        parts.append(tail)
    return parts


def marked(text: str, marks: list[str]) -> str:
    """A sentence that ends with its marks, before the full stop: `Thirty days a year [1].`"""
    joined = "".join(f"[{mark}]" for mark in marks[:3] if mark)
    if not joined:
        return text if re.search(r"[.!?…:;]['\"”’)\]]*$", text) else text + "."
    end = re.search(r"[.!?…]+$", text)
    if end is None:
        return f"{text.rstrip(' ,;:')} {joined}."
    return f"{text[: end.start()]} {joined}{end.group()}"
