"""The kind of answer a question wants, and whether a sentence has one."""

from __future__ import annotations

import re
from functools import lru_cache

from localaws.model.meaning import bag, closeness, terms
from localaws.model.text import words

_FIGURES = (
    r"(?<![a-z_])\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|"
    r"thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half|none|no|once|"
    r"twice|unlimited)\b"
)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


NUMBER = _pattern(_FIGURES)
RATE = _pattern(
    rf"{_FIGURES}|\b(?:never|always|annually|daily|weekly|monthly|yearly|quarterly|every|each)\b"
)
PHONE = _pattern(
    r"(?<![\w-])(?!\d{4}-\d\d-\d\d\b)\+?\d[\d /()-]{5,}\d|\bextension \d+"  # no day, no article
)
MONEY = _pattern(
    r"[$€£¥]|\b(?:usd|eur|gbp|chf|dollars?|euros?|pounds?|francs?|free|cents?|price|costs?)\b"
)
DATE = _pattern(
    r"\b(?:\d{4}|\d{1,2}[./-]\d{1,2}|\d{1,2}:\d\d|\d{1,2}(?:st|nd|rd|th)"
    r"|(?:jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)[a-z]*|may \d+"
    r"|mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:days?)?\b|\b(?:days?|weeks?"
    r"|months?|years?|hours?|minutes?|o'clock|am|pm|midnight|noon|quarter|annually|daily|weekly"
    r"|monthly|before|after|until|once|when|if|during|first|above|below)\b"
)
PERSON = re.compile(
    r"\b[A-ZÀ-Þ][a-zà-ÿ]+ (?:(?:de|van|von|el) )?[A-ZÀ-Þ][a-zà-ÿ]+"
    r"|\b(?:[Mm]anager|[Tt]eam|[Dd]irector|[Oo]fficer|"
    r"[Dd]epartment|[Cc]ommittee|[Bb]oard|[Oo]wner|[Ll]ead|[Oo]ffice|[Hh]ead|[Ee]mployees?|"
    r"[Pp]lanner|[Dd]octor|[Nn]urse|[Aa]uditor|[Dd]esk|[Nn]obody|[Ee]verybody|[Ss]upervisor)\b"
)
CAUSE = _pattern(
    r"\b(?:because|since|due to|so that|in order to|caused? by|reason|therefore|otherwise)\b|: "
)
MANNER = _pattern(
    r"\b(?:by|via|using|through|submit|send|open|click|select|use|contact|press|call|report|file|"
    r"complete|follow|enter|first|then|with|run|ask|write|book)\b"
)
PLACE = _pattern(
    r"\b(?:in|at|on|from|under|behind|near|inside|into|located|stored|floor|room|building|office"
    r"|region|portal|site|street|desk|warehouse|to)\b"
)

_TO_THE_VERB = (r"((?:[\w'’-]+\s+){0,4}?[\w'’-]+)"
                r"(?=\s+(?:is|are|do|does|did|can|may|must|will|has|have|had|was|were|of|per|a|in"
                r"|on|at|for|until|after|before|to|that|which|should|could|would|might|work|live|need"
                r"|use|get|exist|belong)\b|[?.,]|$)")  # fmt: skip
_HOW_MANY = _pattern(rf"\bhow many\s+{_TO_THE_VERB}")
_SUBJECT = _pattern(
    rf"\b(?:how (?:many|much)\s+[\w'’-]+|phone number|address)\s+of\s+{_TO_THE_VERB}"
)
_FULL_NAME = re.compile(r"(?<![.!?] )\b[A-ZÀ-Þ][a-zà-ÿ]+ (?:(?:de|van|von|el) )?[A-ZÀ-Þ][a-zà-ÿ]+")
_COUNT = _pattern(
    rf"(?:{_FIGURES})[\d.,]*((?:[\s-]+(?!(?:on|of|the|a|an|in|at|by|to|for)\b)[\w-]+){{1,3}}"
    r"(?:\s+of(?:\s+[\w-]+){1,2})?)"  # 29 days of paid holiday
)
# What a question says, what an answer has then, what it is worth to have it and not to.
_KINDS: list[tuple[re.Pattern[str], re.Pattern[str], float, float]] = [
    (_pattern(r"\b(?:phone|telephone|mobile|hotline)\b(?: number)?"
              r"|\bwhat number (?:do|can|should|must|to)\b"),
     PHONE, 0.2, -0.14),
    (_pattern(r"\be-?mail(?: address)?\b"), _pattern(r"\S@\S"), 0.14, -0.06),
    (_pattern(r"\bhow often\b"), RATE, 0.12, -0.16),
    (_pattern(r"\bhow (?:many|long|far|large|big|high|tall|old|hot|fast|soon|quickly|late)\b"
              r"|\bnumber of\b|\bwhat percentage\b"
              r"|\b(?:what|which) (?:number|value)\b|^by how much\b"
              r"|\bhow much (?:time|notice|does \w+ \w+ weigh|\w+er|memory|space|data|more|less"
              r"|of)\b"),
     NUMBER, 0.12, -0.16),
    (_pattern(r"\bhow (?:much|expensive)\b|\bwhat (?:does|do|did|would|will|may|can)\b.*\bcosts?\b"
              r"|\bprice\b|\bsalary\b|\bfees?\b"), MONEY, 0.12, -0.16),
    (_pattern(r"\b(?:what(?:['’]s)?|which)\s+(?:\w+\s+){0,3}?(?:availability|budget|limit|rate"
              r"|size|temperature|allowance|discount|amount|maximum|minimum|age|share|percentage|length"
              r"|number|threshold|speed|weight)\b"), NUMBER, 0.12, -0.16),
    (_pattern(r"\bwhen\b|\bwhat (?:date|day|year|month|time)\b|\bon which day\b|\bdeadline\b"
              r"|\buntil\b|\bwhich (?:day|month|year)\b"), DATE, 0.12, -0.14),
    (_pattern(r"^\W*(?:to |from |with |by |and |about )?who|\bwhose\b|\bwhom\b|\bwho\b"),
     PERSON, 0.12, -0.14),
    (_pattern(r"\bwhere\b"), PLACE, 0.06, -0.08),
    (_pattern(r"\bwhy\b"), CAUSE, 0.14, -0.04),
    (_pattern(r"\bhow (?:do|does|can|should|to|is|are|must|did)\b"), MANNER, 0.06, -0.04),
]  # fmt: skip


def kind_bonus(question: str, text: str) -> float:
    """What a sentence gains by having the kind of answer asked for, or loses by lacking it."""
    wanted = _wanted(question)
    if wanted is None:
        return 0.0
    answers, gain, loss = wanted
    bonus = gain if answers.search(text) else loss
    return bonus + 0.08 * _names_somebody(question, text) if answers is PERSON else bonus


@lru_cache(maxsize=256)
def _wanted(question: str) -> tuple[re.Pattern[str], float, float] | None:
    found = (kind[1:] for kind in _KINDS if kind[0].search(question))
    return next(found, None)


def said_by_kind(question: str, text: str) -> list[str]:
    """Terms that an answer's form says without the word: `phone number` by +49 89 5550 1180."""
    for asks, answers, _, _ in _KINDS[:2]:
        found = asks.search(question)
        if found and answers.search(text):
            return terms(found[0])
    return []


def _names_somebody(question: str, text: str) -> bool:
    """Whether a text names a person that the question does not."""
    asked = set(words(question))
    return any(not asked & set(words(name)) for name in _FULL_NAME.findall(text))


def counted(question: str) -> list[str]:
    """What `how many …` counts: the terms up to the verb, mostly one."""
    found = _HOW_MANY.search(question)
    return terms(found[1]) if found else []


def subject_of(question: str) -> list[str]:
    """What `how many days of annual leave` or `the phone number of the desk` is about."""
    found = _SUBJECT.search(question)
    return terms(found[1]) if found else []


def counts(unit: list[str], text: str, is_row: bool = False) -> bool:
    """Whether a sentence gives a number of what is counted: `10 working days` counts days.

    A row with figures counts whatever it names.
    """
    if is_row and NUMBER.search(text):
        return any(closeness(term, bag(text)) for term in unit)
    for found in _COUNT.finditer(text):
        if any(closeness(term, bag(found[1])) for term in unit):
            return True
    return False
