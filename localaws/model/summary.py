"""Summaries by selection: whole sentences from all over the text, in their own order."""

from __future__ import annotations

import re

import numpy as np

from localaws.embedder import Embedder
from localaws.model.answer import as_list, compose
from localaws.model.layout import Sentence, sentences
from localaws.model.meaning import terms
from localaws.model.prompt import Prompt
from localaws.model.rank import passage_sentences
from localaws.model.shape import LEANS_BACK
from localaws.model.text import marked, words

_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}
_PURPOSE = re.compile(
    r"^(?:this|the) (?:policy|plan|guide|handbook|document|report|agreement|release|procedure)\b"
    r"|\b(?:applies to|is for|is about|describes|sets out|explains|says (?:what|how|who))\b",
    re.IGNORECASE,
)
_DEPENDS = re.compile(
    r"^(?:if|otherwise|then|above|below|but|and|or|for example|do not|never|after that|here)\b",
    re.IGNORECASE,
)
_ROWS = 5


def summarize(prompt: Prompt, embedder: Embedder) -> str:
    """The central sentences in their own order; with marks when passages are given."""
    units = sentences(prompt.text) if prompt.text else passage_sentences(prompt.passages)
    whole = [s for s in units if s.is_prose]
    if len(whole) < 2:
        whole = [s for s in units if not s.is_heading and len(words(s.text)) >= 3]
    if not whole:
        return "There is no text to summarize."
    wanted = _wanted(prompt.instructions, len(whole))
    chosen = central(whole, wanted, embedder, prompt.instructions)
    if re.search(r"bullet|list|points", prompt.instructions, re.IGNORECASE):
        return "\n".join(f"- {marked(s.text, s.marks)}" for s in chosen)
    if all(s.row for s in chosen):
        return as_list(chosen[:_ROWS])
    return compose(chosen)


def _wanted(instructions: str, available: int) -> int:
    found = re.search(
        r"\b(\d{1,2}|"
        + "|".join(_NUMBERS)
        + r")\s+(?:\w+\s+)?(?:sentences?|bullets?|points?|lines?)",
        instructions,
        re.IGNORECASE,
    )
    if found:
        number = found[1].lower()
        return max(1, min(available, _NUMBERS.get(number) or int(number)))
    most = max(3, min(6, round(available / 8) + 2))
    if re.search(r"\b(?:short|brief|concise|one[- ]line)", instructions, re.IGNORECASE):
        most = max(1, most // 2)
    return min(available, most)


def central(units: list[Sentence], wanted: int, embedder: Embedder, focus: str) -> list[Sentence]:
    """The most central sentence of each of `wanted` equal stretches, without repeating.

    A stretch that has nothing readable leaves its place to the best of the rest.
    """
    vectors = embedder.embed([s.text for s in units])
    centre = vectors.mean(axis=0)
    score = vectors @ (centre / (np.linalg.norm(centre) or 1.0))
    if len(terms(focus)) >= 2:
        score = score + 0.3 * (vectors @ embedder.embed([focus])[0])
    score = score + np.array([_readable(units, at) for at in range(len(units))], dtype=np.float32)
    sizes = np.cumsum([len(words(s.text)) for s in units])
    stretch = np.minimum((sizes - 1) * wanted // max(1, int(sizes[-1])), wanted - 1)
    picked: list[int] = []
    for turn in range(2 * wanted):
        if len(picked) >= min(wanted, len(units)):
            break
        inside = stretch == turn if turn < wanted else np.ones(len(units), dtype=bool)
        redundancy = np.max(vectors @ vectors[picked].T, axis=1) if picked else np.zeros(len(units))
        gain = np.where(inside, score - 0.4 * redundancy, -9.0)
        gain[picked] = -9.0
        best = int(np.argmax(gain))
        if gain[best] > (-0.1 if turn < wanted else -8.0):
            picked.append(best)
    return [units[at] for at in sorted(picked)]


def _readable(units: list[Sentence], at: int) -> float:
    """What a sentence gains or loses by how it stands alone."""
    sentence = units[at]
    length = len(words(sentence.text))
    opens = at == 0 or units[at - 1].heading != sentence.heading
    gain = (0.16 if _PURPOSE.search(sentence.text) else 0.0) + (0.08 if opens else 0.0)
    gain += 0.04 if re.search(r"\d", sentence.text) else 0.0
    gain -= 0.30 if LEANS_BACK.match(sentence.text) else 0.0
    gain -= 0.15 if _DEPENDS.match(sentence.text) else 0.0
    gain -= 0.12 if sentence.is_item else 0.0
    gain -= 0.25 if sentence.row else 0.0
    gain -= 0.25 if length < 6 else 0.12 if length > 40 else 0.0
    return gain - (0.3 if sentence.text.endswith("?") else 0.0)
