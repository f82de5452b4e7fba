"""Sentences, words and stems of ordinary and of noisy text (PDF extracts, tables, lists)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:[.,:'’][^\W_]+)*", re.UNICODE)
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|no|nos|fig|figs|sec|vs|etc|approx|inc|ltd|co|corp|dept|est"
    r"|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|art|para|pp|vol|ed|e\.g|i\.e|cf|al)"
    r"|\b[A-Z])\.$",
    re.IGNORECASE,
)
_BOUNDARY = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9À-ÖØ-Þ\u0400-\u042f])")
_BULLET = re.compile(r"^\s*(?:[-*•▪◦–·‣]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+")
_HEADING = re.compile(r"^\s*(#{1,6})\s+")

STOPWORDS = frozenset(
    """
    a an the this that these those is are was were be been being am do does did doing done have
    has had having i you he she it we they me him her us them my your his its our their mine
    yours and or but if so than then as of at by for with about into onto to from in on off over
    under out up down what which who whom whose when where why how there here not no nor can
    could may might must shall should will would s t re ve ll d m please tell show give find
    list explain describe any some each every all such only own same just also very much many
    get got let long often say says said according does there's what's need
    """.split()
)


def words(text: str) -> list[str]:
    """The lower-case words and numbers of a text."""
    return [match.group().lower() for match in _WORD.finditer(text)]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A light English stem: enough that plural, tense and -ly forms meet. Numbers stay."""
    if word[0].isdigit() or len(word) <= 3:
        return word.replace(",", "")
    word = re.sub(r"['’]s?$", "", word)
    for ending, keep in (
        ("ational", "ate"), ("ization", "ize"), ("isation", "ize"), ("fulness", "ful"),
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


@dataclass
class Sentence:
    """One sentence, verbatim but for white space, with the heading it stands under."""

    text: str
    heading: str = ""
    passage: int = 0
    position: int = 0
    marks: list[str] = field(default_factory=list)
    is_heading: bool = False
    is_item: bool = False


def _lines(text: str) -> list[str]:
    text = text.replace("\r\n", "\n").replace("\u00ad", "").replace("\u00a0", " ")
    text = re.sub(r"(?<=[a-zà-ÿ])[-‐]\n\s*(?=[a-zà-ÿ])", "", text)
    return text.split("\n")


def _joins(line: str, following: str) -> bool:
    """Whether a line break only wraps a paragraph."""
    if _BULLET.match(following) or _HEADING.match(following) or _HEADING.match(line):
        return False
    if following.lstrip().startswith("|") or "\t" in following:
        return False
    if re.search(r"[.!?:;]\s*$", line) and len(line) < 45:
        return False
    return following.lstrip()[:1].islower() or len(line) >= 45


def sentences(text: str) -> list[Sentence]:
    """Split a passage. Headings are kept as context of what follows, and marked."""
    blocks: list[str] = []
    current = ""
    for line in _lines(text):
        stripped = line.strip()
        if not stripped:
            if current:
                blocks.append(current)
            current = ""
        elif current and _joins(current.rsplit("\n", 1)[-1], stripped):
            current += "\n" + stripped
        else:
            if current:
                blocks.append(current)
            current = stripped
    if current:
        blocks.append(current)
    found: list[Sentence] = []
    heading = ""
    for block in blocks:
        flat = re.sub(r"\s+", " ", block)
        if re.fullmatch(r"[\s|:\-=_*.#]*", flat):
            continue
        is_heading = bool(_HEADING.match(flat)) or _looks_like_heading(flat)
        is_item = bool(_BULLET.match(flat))
        flat = _HEADING.sub("", _BULLET.sub("", flat)) if not is_heading else _bare(flat)
        if is_heading:
            heading = flat
        for part in [flat] if is_heading else split(flat):
            found.append(
                Sentence(part, heading, position=len(found), is_heading=is_heading, is_item=is_item)
            )
    return found


def _bare(flat: str) -> str:
    return _HEADING.sub("", flat).strip("*_ ")


def _looks_like_heading(flat: str) -> bool:
    if len(flat) > 70 or re.search(r"[.!?;,:|]$", flat) or (_BULLET.match(flat) and "  " in flat):
        return False
    if any(mark in flat for mark in ("|", "\t", ": ", ",", "=")):
        return False
    count = len(flat.split())
    verbs = {"is", "are", "was", "were", "has", "have", "may", "must", "will", "can", "should"}
    return count <= 8 and flat[:1].isupper() | flat[:1].isdigit() and not verbs & set(words(flat))


def split(paragraph: str) -> list[str]:
    """The sentences of one paragraph; abbreviations and initials do not end one."""
    parts: list[str] = []
    start = 0
    for boundary in _BOUNDARY.finditer(paragraph):
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
