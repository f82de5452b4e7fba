"""Short lines about a question: a conversation's title, and a question that stands alone."""

from __future__ import annotations

import re

from localaws.model.meaning import WEAK, terms
from localaws.model.prompt import Prompt

_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|dear \w+|good (?:morning|afternoon|evening))\b[,!. ]*)?"
    r"(?:please[, ]+)?"
    r"(?:(?:can|could|would|will) you (?:please |kindly )?(?:tell me|show me|explain|find(?: out)?|"
    r"say|give me|help me with)(?: about)? |"
    r"(?:tell me|show me|explain|describe|find|give me)(?: about)? |"
    r"i(?:'d| would) like to know |i want to know |i need to know |do you know )?"
    r"(?:please[, ]+)?",
    re.IGNORECASE,
)
_AUXILIARY = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|may|might|must|shall|should|will|would)"
)
_SUBJECT = (
    r"(?:(?:i|we|you|they|he|she|it|one|there)\b|(?:the|our|my|your|its|an?)\s+"
    r"(?:company|employees?|staff|customers?|nurse|user|team|clinic staff)\b"
    r"|(?:employees|staff|customers|people|nurses|users)\b)"
)
_ASKED = re.compile(
    r"^(?:(?:at|in|on|within|after|for|by|from|to|until|with|of|since|about)\s+)?"
    r"(?:what(?:['’]s)?|which|who(?:m|se|['’]s)?|when|where|why|how(?: (?:much|many|long|often|far|"
    r"soon|fast|quickly|large|big|old|high))?)\b\s*",
    re.IGNORECASE,
)
_HELPED = re.compile(rf"^{_AUXILIARY}\b\s*(?:to\s+)?(?:not\s+)?(?:{_SUBJECT}\s*)?", re.IGNORECASE)
_INSIDE = re.compile(
    rf"^(?P<what>[\w'’ /-]+?)\s+{_AUXILIARY}\s+{_SUBJECT}\s+(?P<rest>.+)$", re.IGNORECASE
)
_FILLING = re.compile(r"\b(?:my|our|your|have to|need to|please)\s+", re.IGNORECASE)
_LEADING = re.compile(r"^(?:(?:the|an?|my|our|your|to|if|that|any)\s+)+", re.IGNORECASE)
_HANGING = frozenset(
    """the a an of to and in for on with my or at is are be by from per during after before within
    than as not must may can i we you this that its each any when where which who how long if
    until about between into over under our your their""".split()
)
_PREPOSITIONS = "in|at|for|on|from|to|with|during|by|of|after|before|outside|inside|as"
_OPENER = re.compile(r"^(?:and|or|but|also|so|then)\b[, ]*|^(?:what|how) about\s+", re.IGNORECASE)
_PRONOUN = re.compile(
    r"\b(?:it|its|that|this|they|them|their|those|these|he|she|him|her|his|ones?|same)\b",
    re.IGNORECASE,
)
_VERBAL = re.compile(
    rf"^(?:(?:what|which|who|whom|when|where|why|how)|{_AUXILIARY})\b", re.IGNORECASE
)
# How something is done, with what it is done to: it leans on nothing that was said.
_HOW_TO = re.compile(
    rf"^how (?:do|can|could|should|would|may) (?:i|we|you|people) \w+ (?!(?:{_PREPOSITIONS})\b)\w+",
    re.IGNORECASE,
)
_THE = r"(?:the|an?|my|our|your)\b"
_IS = r"(?:is|are|was|were)"
# Questions that a noun stands for; all others are their own title.
_NAMED = re.compile(rf"^(?:what|who)(?:['’]s| {_IS}) {_THE} (?P<what>.+)$", re.IGNORECASE)
_ENDED = re.compile(rf"^(?:what|who) {_THE} (?P<what>.+) {_IS}$", re.IGNORECASE)
_NEEDED = re.compile(
    rf"^do(?:es)? {_SUBJECT} need (?!to\b|not\b)(?:an? )?(?P<what>.+)$", re.IGNORECASE
)
_TRAIT = re.compile(
    r"^(?:what|which) (?P<trait>colou?r|size|weight|price|length|width|height|name|address|"
    rf"version|temperature|age|type|shape) {_IS} (?P<of>{_THE} .+?)"
    r"(?: (?:painted|made|called|sold))?$",
    re.IGNORECASE,
)
_WORTH = re.compile(
    rf"^(?:what|how much) (?:does|do|did|may|can|will|would) (?P<of>{_THE} .+?) "
    r"(?P<verb>cost|weigh)(?P<rest> (?:per|in|for|at) .+)?$",
    re.IGNORECASE,
)
_WORTHS = {"cost": "Cost", "weigh": "Weight"}
_SAYING = re.compile(
    rf"(?<!\ba)(?<!\ban)(?<!\bthe)(?<!\bof) \w{{2,}}(?:ed|ing)\b|\b{_IS}\b", re.IGNORECASE
)
MOST_WORDS = 7


def _plain(question: str) -> str:
    """The question without greeting, politeness and its end mark."""
    text = re.sub(r"\s+", " ", question).strip()
    text = _POLITE.sub("", text, count=1)
    first = re.split(r"(?<=[?!])\s|(?<=[.])\s(?=[A-Z])", text)[0] if text else ""
    return (first or question.strip()).strip(" ?.!\"'")


def topic(question: str) -> str:
    """What a question is about: without question word, helping verb and subject."""
    text = _plain(question)
    asked = _ASKED.match(text)
    rest = text[asked.end() :] if asked else text
    inside = _INSIDE.match(rest)
    if asked and inside and not _HELPED.match(rest):
        rest = f"{inside['what']}: {_FILLING.sub('', inside['rest'])}"
    else:
        rest = _HELPED.sub("", rest, count=1)
    rest = _LEADING.sub("", rest)
    return rest if len(terms(rest)) >= 1 else text


def title(prompt: Prompt) -> str:
    """A title of three to seven words from a conversation's first question.

    A noun where the question asks for one by itself, else the question: what is left of a sentence
    without its verb reads as nobody writes.
    """
    source = prompt.text or prompt.question
    whole = _plain(source)
    name = _noun(whole)
    if len(name.split()) < 3:
        name = f"{whole}?" if f"{whole}?" in re.sub(r"\s+", " ", source) else whole
    words = name.split()
    if len(words) < 3:
        about = name.strip("?")
        if not terms(_POLITE.sub("", about)):
            return "A new conversation"
        lead = "About" if _LEADING.match(about) and len(words) > 1 else "Question about"
        words = [*lead.split(), about]
    elif len(words) > MOST_WORDS:
        words = words[:MOST_WORDS]
        while len(words) > 3 and words[-1].lower().strip(",;:") in _HANGING:
            words.pop()
        words[-1] = words[-1].rstrip(",;:.") + "…"
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def _noun(question: str) -> str:
    """What a question asks for, as a noun; empty where only the whole question says it."""
    if found := _TRAIT.match(question):
        name = f"{found['trait']} of {found['of']}"
    elif found := _WORTH.match(question):
        name = f"{_WORTHS[found['verb'].lower()]} of {found['of']}{found['rest'] or ''}"
    elif found := _NAMED.match(question) or _ENDED.match(question) or _NEEDED.match(question):
        name = found["what"]
    else:
        return ""
    return "" if _SAYING.search(name) or name.split()[-1].lower() in _HANGING else name


def standalone(prompt: Prompt) -> str:
    """The question made self-contained with what the user asked before."""
    spoken = [
        re.sub(r"^\s*(?:user|human|question|q)\s*:\s*", "", line, flags=re.IGNORECASE).strip()
        for line in prompt.history.splitlines()
        if re.match(r"^\s*(?:user|human|question|q)\s*:", line, re.IGNORECASE)
    ]
    spoken = spoken or [
        line.strip() for line in prompt.history.splitlines() if line.strip().endswith("?")
    ]
    base = ""
    for earlier in spoken or prompt.earlier:
        base = _resolved(earlier, base)
    return _resolved(prompt.question.strip(), base)


def _resolved(question: str, before: str) -> str:
    """One question understood after another; unchanged where it stands alone."""
    if not before:
        return question
    opened = _OPENER.match(question)
    rest = _OPENER.sub("", question).strip(" ?.!")
    verbal = bool(_VERBAL.match(rest))
    if not verbal and len(rest.split()) <= 6 and (opened or len(rest.split()) <= 4):
        return _exchanged(rest, before.strip(" ?.!"))
    own = [term for term in terms(rest) if term not in WEAK]
    if not opened and _HOW_TO.match(rest) and not _PRONOUN.search(rest):
        return question
    if _PRONOUN.search(rest) or len(own) <= 1 or (opened and len(own) <= 2):
        about = " ".join(topic(before).split()[:9])
        new = [term for term in terms(about) if term not in terms(rest)]
        return f"{question.rstrip(' ?.!')} ({about})?" if new else question
    return question


def _exchanged(part: str, before: str) -> str:
    """The question before with a part of it exchanged: `in London` for `in Munich`."""
    found = re.match(rf"({_PREPOSITIONS})\b\s+(.+)", part, re.IGNORECASE)
    if found:
        names = r"(?:the |an? )?[A-ZÀ-Þ][\w'’-]*(?: [A-ZÀ-Þ][\w'’-]*)*"
        place = re.search(rf"\b{re.escape(found[1].lower())} {names}", before)
        if place and found[2][:1].isupper():
            return f"{before[: place.start()]}{part[:1].lower()}{part[1:]}{before[place.end() :]}?"
        return f"{before} {part[:1].lower()}{part[1:]}?"
    names_before = list(re.finditer(r"(?<=\s)[A-ZÀ-Þ][\w'’-]+(?: [A-ZÀ-Þ][\w'’-]+)*", before))
    if names_before and part[:1].isupper():
        last = names_before[-1]
        return f"{before[: last.start()]}{part}{before[last.end() :]}?"
    return f"{before}: {part}?"
