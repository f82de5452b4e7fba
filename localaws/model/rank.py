"""How well each sentence of the passages answers a question.

The score is the share of the question's weight that a sentence carries. A word weighs by its
rarity among the sentences given; it is carried by the same stem, by a word for the same, by one of
close meaning, and in part by the heading, the document's name and the sentence before. Terms that
are neighbours in the question count more where they are neighbours too.
Whole-sentence similarity and the kind of answer (a number to "how many", a name to "who") order
sentences that say similar things. What the passages never speak of holds the score down.
"""

from __future__ import annotations

import math
import re
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from localaws.embedder import Embedder, Vectors
from localaws.model.forms import form_bonus, said_by_form
from localaws.model.kinds import counted, counts, kind_bonus, said_by_kind, subject_of
from localaws.model.layout import Sentence, sentences
from localaws.model.meaning import WEAK, bag, closeness, terms
from localaws.model.prompt import Passage
from localaws.model.shape import LEANS_BACK, shape_costs
from localaws.model.text import STOPWORDS, WORD, words

# Tuned on policies, manuals, price lists and reports; see docs/localaws.md.
ANSWERS = 0.51  # where half of the question is carried
COVERED = 0.50
SURE = 0.57  # however little is
_SOFT_FLOOR = 0.40
_SOFT_WORTH = 0.75
_COLUMN_WORTH = 0.9
_KEY_WORTH = 0.7
_HEADING_WORTH = 0.75
_PAIR_WORTH = 0.08
_NAMED_WORTH = 1.5  # times that of a heading
_NEAR_WORTH = 0.4
_LEANING_WORTH = 0.7  # lent to a sentence that cannot be read without it
_FURTHER_WORTH = 0.7  # of what was lent to the sentence before
_PASSAGE_WORTH = 0.10
_ABSENT_COST = 0.32
_ASTRAY_COST = 0.10
_UNCOUNTED = -0.30
_WEAK_WORTH = 0.33
_COVERAGE_WORTH = 0.60
_MEANING_WORTH = 0.30
_OF_A_DEED = re.compile(r"\W*(?:when|where|who|why)\b", re.IGNORECASE)
_RANK_COST = 0.006  # for each passage that was found before a sentence's


@dataclass
class Scored:
    """A sentence and how well it answers, about 0 to 1.2.

    `carried` says for each term of the question how far the sentence and what is around it hold
    it, 0 to 1; `own` the same for the sentence alone. `by_itself` and `by_heading` are the shares
    of the question's weight that the sentence alone and the heading above it hold. `least` is the
    score from which on it may be said.
    """

    sentence: Sentence
    score: float
    coverage: float
    carried: Vectors
    own: Vectors
    by_itself: float
    by_heading: float
    least: float

    @property
    def answers(self) -> bool:
        """Whether this may be said as an answer."""
        return self.score >= self.least


def passage_sentences(passages: list[Passage]) -> list[Sentence]:
    """All sentences of all passages, the same sentence once with every passage's mark."""
    found: list[Sentence] = []
    seen: dict[str, Sentence] = {}
    for number, passage in enumerate(passages):
        for key, read in _read(passage.text):
            sentence = copy(read)  # a reader marks its own
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


@lru_cache(maxsize=2_048)
def _read(text: str) -> tuple[tuple[str, Sentence], ...]:
    """A passage's sentences, each after the words that it is told apart by."""
    return tuple((" ".join(words(each.text)), each) for each in sentences(text))


def question_terms(question: str) -> list[str]:
    """The question's terms, each once; weak ones only where there is nothing else."""
    return list(dict.fromkeys(terms(question)))


def rank(
    question: str, passages: list[Passage], candidates: list[Sentence], embedder: Embedder
) -> list[Scored]:
    """Candidates by how well they answer, best first; headings only lend context."""
    usable = [s for s in candidates if not s.is_heading and len(s.text) > 2]
    asked = question_terms(question)
    if not usable or not asked:
        return []
    bags = [bag(s.row.values if s.row else s.text) for s in usable]
    exact = np.array([[closeness(t, one) for t in asked] for one in bags], dtype=np.float32)
    for row, sentence in enumerate(usable):
        if sentence.row:
            columns = bag(sentence.row.columns)
            key = bag(sentence.row.cells[sentence.row.label][0])
            worth = [
                max(_COLUMN_WORTH * closeness(t, columns), _KEY_WORTH * closeness(t, key))
                for t in asked
            ]
            exact[row] = np.maximum(exact[row], np.array(worth, dtype=np.float32))
            bags[row] |= columns
        said = said_by_kind(question, sentence.text) + said_by_form(question, sentence.text)
        for term in said:
            exact[row, asked.index(term)] = 1.0
    own = np.maximum(exact, _SOFT_WORTH * _soft_matches(asked, question, bags, embedder))
    headed = _headed(asked, usable, passages)
    carried = np.maximum(own, np.maximum(_HEADING_WORTH * headed, _near(usable, own)))
    weights = _weights(asked, exact)
    coverage = carried @ weights / weights.sum()
    named = _named(question)
    absent = [_unnamed(named, passage) for passage in passages]
    whole = _whole(usable, carried, weights, len(passages))
    meaning = _meaning(question, asked, usable, embedder)
    unit = counted(question)
    held = [term for term in subject_of(question) if term in asked][-1:]
    held += [term for term in asked if term.isdigit()]
    rest = [at for at, term in enumerate(asked) if term not in named and _OF_A_DEED.match(question)]
    paired = _paired(question, usable, passages)
    scored = []
    for row, sentence in enumerate(usable):
        score = _COVERAGE_WORTH * coverage[row] + _MEANING_WORTH * meaning[row]
        kind = kind_bonus(question, sentence.text)
        least = ANSWERS if coverage[row] >= COVERED else SURE
        if unit and not counts(unit, sentence.text, sentence.row is not None):
            kind = min(kind, _UNCOUNTED)
            least = math.inf
        if sentence.row and not _answers_by_column(asked, carried[row], sentence):
            score -= _ASTRAY_COST
            least = least if kind > 0 else math.inf
        if any(carried[row][asked.index(term)] < _SOFT_FLOOR for term in held):
            least = math.inf
        if rest and carried[row][rest].max() < _SOFT_FLOOR:  # a name alone tells of no deed
            least = math.inf
        expected = kind + form_bonus(question, sentence.text)
        score += expected * min(1.0, float(coverage[row]) * 1.5)
        score -= shape_costs(sentence, len(bags[row]), question)
        score += _PAIR_WORTH * paired[row] + _PASSAGE_WORTH * whole[sentence.passage]
        score -= _ABSENT_COST * absent[sentence.passage]
        score -= _RANK_COST * min(sentence.passage, 10)
        scored.append(
            Scored(
                sentence=sentence,
                score=float(score),
                coverage=float(coverage[row]),
                carried=carried[row],
                own=own[row],
                by_itself=float(own[row] @ weights / weights.sum()),
                by_heading=float(headed[row] @ weights / weights.sum()),
                least=least,
            )
        )
    return sorted(scored, key=lambda s: -s.score)


def _whole(usable: list[Sentence], carried: Vectors, weights: Vectors, count: int) -> Vectors:
    """The share of the question's weight that each passage holds, all its sentences together."""
    held = np.zeros((count, len(weights)), dtype=np.float32)
    for row, sentence in enumerate(usable):
        held[sentence.passage] = np.maximum(held[sentence.passage], carried[row])
    shares: Vectors = np.minimum(held, 1) @ weights / weights.sum()
    return shares


def _answers_by_column(asked: list[str], carried: Vectors, sentence: Sentence) -> bool:
    """Whether a row has a column that is asked for, or all that the question speaks of."""
    columns = bag(sentence.row.columns) if sentence.row else frozenset()
    held = any(closeness(t, columns) for t in asked)
    return held or all(at >= 0.3 or t in WEAK for t, at in zip(asked, carried, strict=True))


def _weights(asked: list[str], exact: Vectors) -> Vectors:
    """A term's rarity among the sentences; one that many questions hold counts for a third."""
    count = len(exact)
    spread = (exact > 0).sum(axis=0)
    weights = np.array(
        [math.log(1 + (count + 0.5) / (seen + 0.5)) for seen in spread], dtype=np.float32
    )
    factor = np.array([_WEAK_WORTH if t in WEAK else 1.0 for t in asked], dtype=np.float32)
    weighted: Vectors = weights * factor
    return weighted


def _headed(asked: list[str], usable: list[Sentence], passages: list[Passage]) -> Vectors:
    """How far the heading and the document's name hold each term."""
    headed = np.zeros((len(usable), len(asked)), dtype=np.float32)
    known: dict[tuple[str, str, int], Vectors] = {}
    for row, sentence in enumerate(usable):
        key = (sentence.heading, sentence.label, sentence.passage)
        if key not in known:
            name = _name(passages[sentence.passage])
            above = f"{sentence.heading} {sentence.label} {passages[sentence.passage].section}"
            held, named = bag(f"{above} {name}"), bag(name)
            whole = len(named) > 1 and named <= set(asked)  # the question names the document
            worth = [_NAMED_WORTH if whole and t in named else closeness(t, held) for t in asked]
            known[key] = np.array(worth, dtype=np.float32)
        headed[row] = known[key]
    return headed


def _paired(question: str, usable: list[Sentence], passages: list[Passage]) -> list[float]:
    """The share of the question's neighbouring terms that are neighbours in or above a sentence.

    `magic file` is more than a magic and a file.
    """
    wanted = _pairs(question)
    if not wanted:
        return [0.0] * len(usable)
    found = []
    for sentence in usable:
        passage = passages[sentence.passage]
        held = _pairs(sentence.row.values if sentence.row else sentence.text)
        for above in (sentence.heading, *passage.section.split("\u203a"), _name(passage)):
            held |= _pairs(above)
        found.append(len(wanted & held) / len(wanted))
    return found


@lru_cache(maxsize=8_192)
def _pairs(text: str) -> frozenset[tuple[str, str]]:
    return frozenset(pairwise(terms(text)))


def _near(usable: list[Sentence], own: Vectors) -> Vectors:
    """What the sentence before lends to one of its paragraph, and a lead to its list or table."""
    lent = np.zeros_like(own)
    for row in range(1, len(usable)):
        sentence, before = usable[row], usable[row - 1]
        if before.passage != sentence.passage or before.heading != sentence.heading:
            continue
        follows = before.block == sentence.block and not sentence.row
        leads = not before.row and (before.text.endswith(":") or sentence.row is not None)
        if follows or leads:
            leans = LEANS_BACK.match(sentence.text) is not None
            worth = _LEANING_WORTH if leans else _NEAR_WORTH
            lent[row] = np.maximum(worth * own[row - 1], _FURTHER_WORTH * lent[row - 1])
    return lent


def _named(question: str) -> set[str]:
    """Names and numbers in a question: what an answer's passage must speak of."""
    found = [word.group() for word in WORD.finditer(question)][1:]
    return {t for word in found if re.match(r"[A-ZÀ-Þ]..|\d", word) for t in terms(word)}


def _name(passage: Passage) -> str:
    """A document's name as words: `release-notes-4.2.html` is `release notes 4.2`."""
    return re.sub(r"[-_]+", " ", passage.document.rsplit(".", 1)[0])


def _unnamed(named: set[str], passage: Passage) -> float:
    """The share of the question's names that a passage never mentions."""
    if not named:
        return 0.0
    mentioned = bag(f"{_name(passage)} {passage.text}")
    return sum(1 for name in named if not closeness(name, mentioned)) / len(named)


def _soft_matches(
    asked: list[str], question: str, bags: list[frozenset[str]], embedder: Embedder
) -> Vectors:
    """For each sentence and term: the closeness of its closest word, 0 below a floor."""
    result = np.zeros((len(bags), len(asked)), dtype=np.float32)
    surface = {t: w for w in words(question) if w not in STOPWORDS for t in terms(w)}
    vocabulary = sorted({t for one in bags for t in one if len(t) > 2 and not t[0].isdigit()})
    if not vocabulary:
        return result
    index = {word: i for i, word in enumerate(vocabulary)}
    close = embedder.known(vocabulary) @ embedder.known([surface.get(t, t) for t in asked]).T
    close[:, [at for at, t in enumerate(asked) if any(c.isdigit() for c in t)]] = 0
    close[close < _SOFT_FLOOR] = 0
    for row, one in enumerate(bags):
        found = [index[t] for t in one if t in index]
        if found:
            result[row] = close[found].max(axis=0)
    return result


def _meaning(
    question: str, asked: list[str], usable: list[Sentence], embedder: Embedder
) -> Vectors:
    texts = [s.row.said(asked) if s.row else s.text for s in usable]
    headed = [f"{s.heading}: {text}" for s, text in zip(usable, texts, strict=True)]
    vectors = embedder.known([question, *headed])
    cosine: Vectors = vectors[1:] @ vectors[0]
    fitted: Vectors = np.clip((cosine - np.float32(0.05)) / np.float32(0.6), 0, 1)
    return fitted
