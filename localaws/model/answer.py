"""Answers from passages: the sentences that answer, verbatim, each with its marks."""

from __future__ import annotations

import re

import numpy as np

from localaws.embedder import Embedder
from localaws.model.layout import Sentence
from localaws.model.meaning import closeness, terms
from localaws.model.prompt import Passage, Prompt
from localaws.model.rank import ANSWERS, Scored, passage_sentences, question_terms, rank
from localaws.model.text import content_stems, marked, words

NOT_FOUND = "I could not find the answer to that in the documents."

_LEANS_BACK = re.compile(
    r"^(?:it|its|their|his|her|both|this|these|those|they|he|she|such|that|however|also|in this case|the latter)\b"
    r"(?! (?:policy|plan|guide|handbook|document|release|agreement)\b)",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\b(?:which (?:\w+ )?\w+s\b|what are|list|name the|steps|types|kinds|requirements|what happens"
    r"|what (?:should|must|do) (?:i|we|you)|what is (?:never|not)|how (?:do|should|must|can) (?:i|we|you))",
    re.IGNORECASE,
)
_MOST = 3
_MOST_ITEMS = 8


def answer(prompt: Prompt, embedder: Embedder) -> str | None:
    """One to three sentences, or a list, that answer the question; None where none does."""
    question = prompt.question
    found = _choose(question, prompt.passages, embedder)
    if found is None and prompt.earlier and _depends(question):
        # A follow-up ("and for contractors?") leans on the question before it.
        found = _choose(f"{question} {prompt.earlier[-1]}", prompt.passages, embedder)
    return found


def _depends(question: str) -> bool:
    return len(content_stems(question)) <= 2 or bool(
        re.search(r"\b(?:it|that|this|they|them|those|these|there)\b", question, re.IGNORECASE)
    )


def _choose(question: str, passages: list[Passage], embedder: Embedder) -> str | None:
    everything = passage_sentences(passages)
    ranked = [s for s in rank(question, passages, everything, embedder) if s.score > 0]
    best = next((s for s in ranked[:3] if s.answers), None)
    if best is None:
        return None
    asked = question_terms(question)
    listed = _list(question, best, ranked, everything) or _table(asked, best, everything)
    if listed:
        return listed
    chosen = _with_more(question, best, ranked)
    for scored in chosen:
        if scored.sentence.row:
            scored.sentence.text = scored.sentence.row.said(asked)
    return compose(_with_antecedent([s.sentence for s in chosen], everything))


def _with_more(question: str, best: Scored, ranked: list[Scored]) -> list[Scored]:
    """The best, and what answers a part of the question that it leaves open."""
    chosen = [best]
    held = best.carried.copy()
    double = bool(re.search(r"\band\b|\?.*\?", question))
    if best.sentence.row and not double:
        return chosen
    for other in ranked[:12]:
        if len(chosen) >= _MOST:
            break
        if other is best or not other.answers or _says_again(other, chosen):
            continue
        adds = bool(np.any((other.own >= 0.8) & (held < 0.5)))
        useful = adds and (double or best.by_itself < 0.7)
        rival = other.score >= 0.96 * best.score and not other.sentence.row
        if (useful and other.score >= 0.8 * best.score) or rival:
            chosen.append(other)
            held = np.maximum(held, other.carried)
    return chosen


def _says_again(candidate: Scored, chosen: list[Scored]) -> bool:
    mine = set(content_stems(candidate.sentence.text))
    for other in chosen:
        theirs = set(content_stems(other.sentence.text))
        if mine and len(mine & theirs) / len(mine) > 0.75:
            return True
    return False


def _list(
    question: str, best: Scored, ranked: list[Scored], everything: list[Sentence]
) -> str | None:
    """A whole list, where its lead answers, or its heading does and several things are asked."""
    if best.sentence.text.endswith(":"):
        items = _items_after(everything.index(best.sentence), everything)
        return compose([best.sentence, *items]) if items else None
    if not _SEVERAL.search(question):
        return None
    for scored in ranked:
        first = scored.sentence
        if not first.is_item or scored.by_heading < max(0.6, best.by_itself - 0.02):
            continue
        at = everything.index(first)
        while at > 0 and everything[at - 1].is_item and _together(everything[at - 1], first):
            at -= 1
        items = _items_after(at - 1, everything)
        if len(items) >= 2:
            return "\n".join(f"- {marked(item.text, item.marks)}" for item in items)
    return None


def _items_after(at: int, everything: list[Sentence]) -> list[Sentence]:
    items: list[Sentence] = []
    for item in everything[at + 1 :]:
        if not item.is_item or (items and not _together(item, items[0])):
            break
        if at >= 0 and item.passage != everything[at].passage:
            break
        items.append(item)
    return items[:_MOST_ITEMS]


def _together(one: Sentence, other: Sentence) -> bool:
    return one.passage == other.passage and one.heading == other.heading


def _table(asked: list[str], best: Scored, everything: list[Sentence]) -> str | None:
    """All rows, where the question names the table and no row of it."""
    row = best.sentence.row
    if row is None or len(row.cells) < 2:
        return None
    values = frozenset(terms(row.values))
    columns = frozenset(terms(row.columns))
    if any(closeness(t, values) and not closeness(t, columns) for t in asked):
        return None
    rows = [
        s
        for s in everything
        if s.row and s.passage == best.sentence.passage and s.block == best.sentence.block
    ]
    if len(rows) < 2:
        return None
    lines = [s.row.said(asked) for s in rows if s.row]
    return "\n".join(
        f"- {marked(line, s.marks)}" for line, s in zip(lines, rows[:_MOST_ITEMS], strict=False)
    )


def _with_antecedent(chosen: list[Sentence], everything: list[Sentence]) -> list[Sentence]:
    """Add the sentence before one that cannot be read without it."""
    best = chosen[0]
    at = everything.index(best)
    if best.row or not _LEANS_BACK.match(best.text) or at == 0:
        return chosen
    before = everything[at - 1]
    if before.passage != best.passage or before.block != best.block:
        return chosen
    return [before, *(s for s in chosen if s is not before)][:_MOST]


def compose(chosen: list[Sentence]) -> str:
    """Sentences as prose; the items of a list as bullets."""
    lines: list[str] = []
    for sentence in chosen:
        text = marked(sentence.text, sentence.marks)
        if sentence.is_item and lines and chosen[0].text.endswith(":"):
            lines.append(f"\n- {text}")
        else:
            lines.append((" " if lines else "") + text)
    return "".join(lines).strip()


def from_tool(prompt: Prompt, embedder: Embedder) -> str:
    """An answer out of what a tool gave back."""
    if prompt.tool_failed:
        reason = prompt.text.strip().splitlines()
        return "The tool could not do that" + (f": {reason[0]}" if reason else ".")
    if prompt.passages:
        return answer(prompt, embedder) or NOT_FOUND
    lines = [line for line in prompt.text.strip().splitlines() if line.strip()]
    if not lines:
        return "It is done."
    if len(lines) > 6 and prompt.question:
        passage = Passage("", "\n".join(f"- {line}" for line in lines))
        ranked = rank(prompt.question, [passage], passage_sentences([passage]), embedder)
        best = [s.sentence.text for s in ranked[:4]]
        lines = [line for line in lines if line.strip() in best] or lines[:6]
    if len(lines) == 1:
        return marked(lines[0].strip(), [])
    return "\n".join(f"- {line.strip()}" for line in lines)
