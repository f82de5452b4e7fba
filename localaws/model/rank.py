"""Which sentences answer a question: lexical evidence, word meaning, and the kind of question.

The score of a sentence is mostly the share of the question's weight (rare words weigh more) that
it carries, by the same stem or by a word of close meaning; the heading and the document's name
count for part. Whole-sentence similarity and the fitting of the answer's kind (a number to "how
many", a name to "who") order sentences that say similar things.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from localaws.embedder import Embedder, Vectors
from localaws.model.prompt import Passage
from localaws.model.text import STOPWORDS, Sentence, content_stems, sentences, stem, words

# Tuned on small corpora of policies, manuals and reports; see docs/localaws.md.
ANSWERS = 0.46
_SOFT_FLOOR = 0.52
_SOFT_WORTH = 0.75
_CONTEXT_WORTH = 0.55

_NUMBER = re.compile(r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|"
                     r"thirty|forty|fifty|sixty|ninety|hundred|thousand|million|half|none|"
                     r"once|twice)\b", re.IGNORECASE)  # fmt: skip
_MONEY = re.compile(
    r"[$€£¥]|\b(?:usd|eur|gbp|chf|dollars?|euros?|pounds?|francs?)\b", re.IGNORECASE
)
_DATE = re.compile(
    r"\b(?:\d{4}|\d{1,2}[./-]\d{1,2}|(?:jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)[a-z]*|may \d"
    r"|mon|tues|wednes|thurs|fri|satur|sun)(?:day)?\b|\b(?:days?|weeks?|months?|years?|hours?"
    r"|minutes?|o'clock|am|pm|midnight|noon|quarter|annually|daily|weekly|monthly)\b",
    re.IGNORECASE,
)
_PERSON = re.compile(r"(?<!^)(?<![.!?] )\b[A-ZÀ-Þ][a-zà-ÿ]+|\b(?:manager|team|director|officer|"
                     r"department|committee|board|owner|lead|office|head|employees?)\b"
)  # fmt: skip
_CAUSE = re.compile(r"\b(?:because|since|due to|so that|in order to|caused? by|reason|therefore)\b",
                    re.IGNORECASE)  # fmt: skip
_MANNER = re.compile(r"\b(?:by|via|using|through|submit|send|open|click|select|use|contact|press|"
                     r"call|report|file|complete|follow|enter|first|then)\b", re.IGNORECASE
)  # fmt: skip
_PLACE = re.compile(r"\b(?:in|at|on|from|under|behind|near|inside|located|stored|floor|room|"
                    r"building|office|region|portal|site|street)\b", re.IGNORECASE)  # fmt: skip

_KINDS: list[tuple[re.Pattern[str], re.Pattern[str]]] = [
    (
        re.compile(
            r"\bhow (?:many|often|long|far|large|big|high|tall|old)\b|\bnumber of\b"
            r"|\bwhat percentage\b",
            re.IGNORECASE,
        ),
        _NUMBER,
    ),
    (
        re.compile(r"\bhow much\b|\bcosts?\b|\bprice\b|\bsalary\b|\bbudget\b", re.IGNORECASE),
        re.compile(f"{_MONEY.pattern}|{_NUMBER.pattern}", re.IGNORECASE),
    ),
    (
        re.compile(
            r"\bwhen\b|\bwhat (?:date|day|year|month|time)\b|\bdeadline\b|\bhow soon\b|\buntil\b",
            re.IGNORECASE,
        ),
        _DATE,
    ),
    (re.compile(r"^\W*who|\bwhose?\b|\bwhom\b", re.IGNORECASE), _PERSON),
    (re.compile(r"\bwhere\b", re.IGNORECASE), _PLACE),
    (re.compile(r"\bwhy\b", re.IGNORECASE), _CAUSE),
    (re.compile(r"\bhow (?:do|does|can|should|to|is|are|must)\b", re.IGNORECASE), _MANNER),
]


@dataclass
class Scored:
    """A sentence and how well it answers, about 0 to 1.2."""

    sentence: Sentence
    score: float
    coverage: float
    passage: int


def passage_sentences(passages: list[Passage]) -> list[Sentence]:
    """All sentences of all passages, the same sentence once with every passage's mark."""
    found: list[Sentence] = []
    seen: dict[str, Sentence] = {}
    for number, passage in enumerate(passages):
        for sentence in sentences(passage.text):
            key = " ".join(words(sentence.text))
            if key in seen and not sentence.is_heading:
                if passage.id not in seen[key].marks:
                    seen[key].marks.append(passage.id)
                continue
            sentence.passage = number
            sentence.marks = [passage.id]
            found.append(sentence)
            if len(key) > 12:
                seen[key] = sentence
    return found


def rank(
    question: str, passages: list[Passage], candidates: list[Sentence], embedder: Embedder
) -> list[Scored]:
    """Candidates by how well they answer, best first; headings only lend context."""
    usable = [s for s in candidates if not s.is_heading and len(s.text) > 2]
    terms = list(dict.fromkeys(content_stems(question)))
    if not usable or not terms:
        return []
    surface = {stem(w): w for w in words(question) if w not in STOPWORDS}
    bags = [Counter(content_stems(s.text)) for s in usable]
    contexts = [
        set(content_stems(f"{s.heading} {passages[s.passage].document.rsplit('.', 1)[0]}"))
        for s in usable
    ]
    frequency = Counter(term for bag in bags for term in bag)
    weights = np.array(
        [math.log(1 + (len(usable) + 0.5) / (frequency[t] + 0.5)) for t in terms], dtype=np.float32
    )
    hits = np.zeros((len(usable), len(terms)), dtype=np.float32)
    soft = _soft_matches([surface.get(t, t) for t in terms], usable, embedder)
    for row, (bag, context) in enumerate(zip(bags, contexts, strict=True)):
        for column, term in enumerate(terms):
            if term in bag:
                hits[row, column] = 1.0
            elif not term[0].isdigit():
                worth = _CONTEXT_WORTH if term in context else 0.0
                hits[row, column] = max(worth, _SOFT_WORTH * soft[row, column])
            elif term in context:
                hits[row, column] = _CONTEXT_WORTH
    named = _named(question)
    absent = [_unnamed(named, passage) for passage in passages]
    coverage = hits @ weights / weights.sum()
    meaning = _meaning(question, usable, embedder)
    scored = []
    for row, sentence in enumerate(usable):
        score = 0.70 * coverage[row] + 0.30 * meaning[row]
        score += _kind_bonus(question, sentence.text) * min(1.0, float(coverage[row]) * 1.6)
        length = len(bags[row])
        score -= 0.12 if length < 3 else 0.05 if length > 45 else 0.0
        score -= 0.10 if sentence.text.endswith("?") else 0.0
        score -= 0.25 * absent[sentence.passage]
        score -= 0.004 * min(sentence.passage, 10)
        scored.append(Scored(sentence, float(score), float(coverage[row]), sentence.passage))
    return sorted(scored, key=lambda s: -s.score)


def _named(question: str) -> set[str]:
    """Names and numbers in a question: what an answer's passage must speak of."""
    after_first = re.sub(r"^\W*\w+", "", question)
    found = re.findall(r"\b(?:[A-ZÀ-Þ][\w'’-]+|\d[\d.,]*)\b", after_first)
    return {term for word in found for term in content_stems(word)}


def _unnamed(named: set[str], passage: Passage) -> float:
    """The share of the question's names that a passage never mentions."""
    if not named:
        return 0.0
    mentioned = set(content_stems(f"{passage.document} {passage.text}"))
    return len(named - mentioned) / len(named)


def _soft_matches(terms: list[str], usable: list[Sentence], embedder: Embedder) -> Vectors:
    """For each sentence and term: the closeness of its closest word, 0 below a floor."""
    tokens = [
        list({w for w in words(s.text) if w not in STOPWORDS and not w[0].isdigit()})
        for s in usable
    ]
    vocabulary = sorted({w for row in tokens for w in row})
    result = np.zeros((len(usable), len(terms)), dtype=np.float32)
    if not vocabulary:
        return result
    index = {word: i for i, word in enumerate(vocabulary)}
    closeness = embedder.words(vocabulary) @ embedder.words(terms).T
    closeness[closeness < _SOFT_FLOOR] = 0
    for row, found in enumerate(tokens):
        if found:
            result[row] = closeness[[index[w] for w in found]].max(axis=0)
    return result


def _meaning(question: str, usable: list[Sentence], embedder: Embedder) -> Vectors:
    vectors = embedder.embed([question, *(s.text for s in usable)])
    cosine: Vectors = vectors[1:] @ vectors[0]
    fitted: Vectors = np.clip((cosine - np.float32(0.05)) / np.float32(0.6), 0, 1)
    return fitted


def _kind_bonus(question: str, text: str) -> float:
    for asks, answers in _KINDS:
        if asks.search(question):
            return 0.14 if answers.search(text) else -0.08
    return 0.0
