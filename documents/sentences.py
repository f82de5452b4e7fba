"""Sentences, words and numbers of plain text, with offsets: what citations are checked by."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_BREAK: Final = re.compile(
    r"\n\s*\n|\n(?=\s*(?:[-*•+]|\d{1,3}[.)])\s)|\n(?=\s*#{1,6}\s)|(?<=\|)\n"
    r"|\n(?=[^\n]* \| )|\n(?=[^\n:;]{1,48}: [^\n;]*; [^\n:;]{1,48}: )"  # rows, records
)
# What a guardrail puts in place of personal data: {NAME}, {PHONE}, a regex's own name.
_MASK: Final = re.compile(r"\{[A-Z][A-Za-z0-9_]*\}")
_END: Final = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+|(?<=[:;])\n")
_SHORT: Final = frozenset(
    "e.g i.e dr mr mrs ms prof no nos vs cf al approx dept inc ltd co corp st fig figs eq sec ch"
    " pp p vol art para ca est u.s u.k a.m p.m".split()
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*", re.UNICODE)
_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:[.,:/-]\d+)*|\d+(?:[.,]\d+)*", re.UNICODE)
_ISO_DATE: Final = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_MONTH_NEAR: Final = re.compile(
    r"(?:\d{1,4}(?:st|nd|rd|th)?(?:\s+of)?[\s.,-]+(?P<after>[a-z]{3,9})\b)"
    r"|(?:\b(?P<before>[a-z]{3,9})\.?[\s,-]+\d{1,4})"
)
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun",
            "july jul", "august aug", "september sep sept", "october oct", "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_SPELLED: Final = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
        " fifteen sixteen seventeen eighteen nineteen twenty".split()
    )
} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
    "ninety": "90",
}  # fmt: skip
# Words that carry no claim of their own.
_EMPTY: Final = frozenset(
    """a about above according after all also am an and any are as at be because been before being
    below between both but by can could did do does doing down during each few for from further had
    has have having he her here hers him his how i if in into is it its itself just may me might
    more most must my nor of off on once only or other our out over own per s same shall she should
    so some such t than that the their them then there these they this those through to too under
    until up upon us very was we were what when where which while who whom why will with would you
    your yes passage passages document documents states stated says""".split()
)
_NEGATIVE: Final = re.compile(
    r"\b(?:never|none|cannot|nor|neither|without)\b|n['’]t\b"
    r"|\b(?:not|no)\b(?! (?:more|less|fewer|later|earlier|longer|sooner) than\b| only\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence found at `start` to `end`, without surrounding white space."""

    text: str
    start: int
    end: int


def sentences(text: str) -> Iterator[Sentence]:
    """Yield the sentences of `text` in order; list items, headings and table rows are their own."""
    begin = 0
    for block_end in [*(found.start() for found in _BREAK.finditer(text)), len(text)]:
        yield from _of_block(text, begin, block_end)
        begin = block_end


def _of_block(text: str, begin: int, end: int) -> Iterator[Sentence]:
    start = begin
    for found in _END.finditer(text, begin, end):
        if _is_short(text, begin, found.start()) or _is_list_number(text, start, found.end()):
            continue
        yield from _trimmed(text, start, found.end())
        start = found.end()
    yield from _trimmed(text, start, end)


def _is_short(text: str, begin: int, dot: int) -> bool:
    """Whether the full stop belongs to an abbreviation or an initial."""
    if text[dot : dot + 1] != ".":
        return False
    word = re.split(r"[\s(\[“\"']", text[max(begin, dot - 12) : dot])[-1].lower()
    return word in _SHORT or (len(word) == 1 and word.isalpha() and word not in "ai")


def _is_list_number(text: str, start: int, end: int) -> bool:
    return re.fullmatch(r"\s*\(?\d{1,3}[.)]", text[start:end]) is not None


def _trimmed(text: str, start: int, end: int) -> Iterator[Sentence]:
    part = text[start:end]
    stripped = part.strip()
    if stripped:
        first = start + len(part) - len(part.lstrip())
        yield Sentence(stripped, first, first + len(stripped))


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """Return a rough stem: enough for `days` to meet `day` and `approved` to meet `approves`."""
    for suffix in ("ations", "ation", "ings", "ing", "ies", "ied", "ed", "es", "ly", "s", "e"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)] + ("y" if suffix in ("ies", "ied") else "")
    return word


def words(text: str) -> set[str]:
    """Return the stems of the words that carry meaning."""
    return {
        stem(word)
        for found in _WORD.finditer(_MASK.sub(" ", text).casefold().replace("’", "'"))
        if (word := found.group().removesuffix("'s")) not in _EMPTY and word not in _SPELLED
    }


def numbers(text: str) -> set[str]:
    """Return numbers and the parts of dates in one spelling: 1,000 = 1000, March 3 = 2025-03-03's.

    Spelled numbers up to ninety count, `one` aside, which mostly is no number.
    """
    folded = text.casefold()
    found = {f"month {int(month)}" for _, month, _ in _ISO_DATE.findall(folded)}
    for near in _MONTH_NEAR.finditer(folded):
        if month := _MONTHS.get(near.group("after") or near.group("before")):
            found.add(f"month {month}")
    plain = _ISO_DATE.sub(lambda date: f" {date[1]} {int(date[3])} ", folded)
    for raw in _NUMBER.findall(plain):
        found.update(_spellings(raw))
    found.update(
        _SPELLED[word] for word in _WORD.findall(folded) if word in _SPELLED and word != "one"
    )
    return found


def _spellings(raw: str) -> set[str]:
    """Split a number as written into comparable ones."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", raw):
        return {_plain(raw.replace(",", ""))}
    if re.fullmatch(r"\d+\.\d+", raw):
        return {_plain(raw)}
    return {_plain(part) for part in re.split(r"[^\d]", raw) if part}


def _plain(number: str) -> str:
    whole, _, rest = number.partition(".")
    rest = rest.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{rest}" if rest else whole


def negated(text: str) -> bool:
    """Whether a word turns the statement around."""
    return _NEGATIVE.search(text) is not None
