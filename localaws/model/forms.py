"""What a question's form expects of its answer, beside its kind: a default, a name, a yes or no."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from localaws.model.meaning import terms

_Pattern = re.Pattern[str]


class _Form(NamedTuple):
    """What a question says, what an answer has then, what it is worth to have it and not to."""

    asks: _Pattern
    answers: _Pattern
    gain: float
    loss: float


def _pattern(text: str) -> _Pattern:
    return re.compile(text, re.IGNORECASE)


_FORMS = (
    _Form(
        _pattern(
            r"\bdefault\w*|\bnormally\b|\busually\b|\bunless\b|\botherwise\b|\bagain\b"
            r"|\bif (?:none|nothing|no|not|it is not|\w+ (?:is|are) not)(?: \w+)?"
        ),
        _pattern(
            r"\bdefault\w*|\bnormally\b|\busually\b|\btypically\b|\bunless\b|\botherwise\b"
            r"|\bnot (?:set|given|specified|configured|present|used)\b|\bomitted\b|\bunset\b"
        ),
        0.14,
        -0.06,
    ),
    _Form(
        _pattern(r"\bshort for\b|\bstands? for\b|\babbreviat\w*(?: of)?|\bacronym\b"),
        _pattern(r"\bstands? for\b|\bshort for\b|\babbreviat\w*"),
        0.25,
        -0.12,
    ),
    _Form(
        _pattern(r"\breturn(?:s|ed)?\b|\b(?:gives?|comes?|goes) back\b|\bresult of\b"),
        _pattern(r"\breturn(?:s|ed|ing)?\b|\bresults?\b"),
        0.10,
        -0.04,
    ),
    _Form(
        _pattern(r"\bhow (?:big|large|long|much|many|far|high|fast|slow)\b|\bwhat size\b"),
        _pattern(
            r"(?<![\w.])\d[\d.,]*(?:[-–]\d+)?[ -]?(?:[kmgt]i?b?\b|%|(?:bytes?|bits?|octets?"
            r"|characters?|times|cycles|\w*seconds?|minutes?|hours?|days?|years?)\b)"
        ),
        0.06,
        0.0,
    ),
    _Form(
        _pattern(r"\b(?:good|used?|meant|purpose|need) (?:for|of)\b|\bfor\?$"),
        _pattern(r"\bused? (?:for|to|by)\b|\bpurpose\b|\bmeant\b|\bintended\b|\ballows?\b"),
        0.08,
        0.0,
    ),
    _Form(
        _pattern(r"^(?:may|can|does|do|is|are|should|must|will)\b"),
        _pattern(
            r"\b(?:not|never|may|can|must|allowed|prohibited|forbidden|supported|possible|always"
            r"|yes|no|provided|cannot)\b"
        ),
        0.06,
        -0.02,
    ),
    _Form(
        _pattern(r"\b(?:which|what|since which) version\b|^since when\b"),
        _pattern(r"\d+\.\d"),
        0.10,
        -0.12,
    ),
)
_ASKS_PLACE = _pattern(r"\bwhere\b|\b(?:directory|folder)\b")
_ASKS_NAME = _pattern(
    r"\b(?:which|what)\s+(?:[\w-]+\s+){0,2}?(?:option|flag|switch|function|call|command|symbol"
    r"|variable|constant|error|status|file|macro|type|package|parameter|argument|setting|tool"
    r"|class|method|field|property|attribute|element|directory|folder|path)s?\b"
)
_PATH = re.compile(r"(?<!\w)[~$]?/?[\w.{}-]+/[\w./{}-]+")
_NAME = re.compile(
    r"(?<![\w-])--?[a-zA-Z][\w-]+|\b\w+_\w+|\b[a-z]+[A-Z]\w*|\b\w+\(\)"
    r"|(?<!\w)[~$]?/?\w[\w.-]*/[\w./-]+|\b[A-Z][A-Z0-9]+\b|\b\w+\.(?:[a-z]{2,4})\b"
    r"|\b[a-z]\w*-[a-z]\w*-\w+"
)
_NAME_GAIN, _NAME_LOSS = 0.08, -0.06
_PATH_GAIN = 0.14


def names_in(text: str) -> set[str]:
    """What looks like a name of a program's: options, identifiers, files, abbreviations."""
    return {found.group().lower().strip("().") for found in _NAME.finditer(text)}


def new_names(question: str, text: str) -> set[str]:
    """The names in a text that the question does not say itself."""
    return names_in(text) - _named(question)


def asks_name(question: str) -> bool:
    """Whether the answer is a name of a program's: an option, a function, a file."""
    return _ASKS_NAME.search(question) is not None


def form_bonus(question: str, text: str) -> float:
    """What a sentence gains or loses by what the question's form expects."""
    asked = _asked(question)
    bonus = sum(form.gain if form.answers.search(text) else form.loss for form, _ in asked.forms)
    if asked.name:
        bonus += _NAME_GAIN if new_names(question, text) else _NAME_LOSS
    if asked.place and _PATH.search(text):
        bonus += _PATH_GAIN
    return bonus


def said_by_form(question: str, text: str) -> list[str]:
    """Terms of the question that an answer of its form says in other words."""
    asked = _asked(question).forms
    return [term for form, said in asked if form.answers.search(text) for term in said]


class _Asked(NamedTuple):
    forms: tuple[tuple[_Form, tuple[str, ...]], ...]  # with the terms that ask for each
    name: bool
    place: bool


@lru_cache(maxsize=256)
def _asked(question: str) -> _Asked:
    found = ((form, form.asks.search(question)) for form in _FORMS)
    return _Asked(
        tuple((form, tuple(terms(asks[0]))) for form, asks in found if asks),
        asks_name(question),
        _ASKS_PLACE.search(question) is not None,
    )


@lru_cache(maxsize=256)
def _named(question: str) -> frozenset[str]:
    return frozenset(names_in(question))
