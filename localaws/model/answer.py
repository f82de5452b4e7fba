"""Answers from passages: the sentences that answer, verbatim, each with its marks."""

from __future__ import annotations

import re

import numpy as np

from localaws.embedder import Embedder
from localaws.model.forms import asks_name, form_bonus, new_names
from localaws.model.kinds import kind_bonus
from localaws.model.layout import Sentence
from localaws.model.meaning import bag, closeness
from localaws.model.prompt import Passage, Prompt
from localaws.model.rank import Scored, passage_sentences, question_terms, rank
from localaws.model.shape import LEANS_BACK
from localaws.model.text import content_stems, marked

NOT_FOUND = "I could not find the answer to that in the documents."

_SEVERAL = re.compile(
    r"\b(?:which (?:\w+ )?\w+s\b|what are|list|name the|steps|types|kinds|requirements|what happens"
    r"|what (?:should|must|do) (?:i|we|you)|what is (?:never|not)"
    r"|how (?:do|should|must|can) (?:i|we|you))",
    re.IGNORECASE,
)
POINTS_ON = re.compile(r"\b(?:below|the following|in the table|as follows)\b", re.IGNORECASE)
_UNSAID = re.compile(r"^(?:what|which)\b|\b(?:never|not|no|except|forbidden)\b", re.IGNORECASE)
_MOST = 3
_WHOLE = 0.75  # share of a question's weight from which on a sentence needs no other
_MOST_ITEMS = 8
_BESIDE = 0.40
_SECOND = 0.65
_THIRD = 0.7
_RIVAL = 0.9  # share of the best score from which on both are said


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
    chosen = _with_more(question, _read_on(question, best, ranked, everything), ranked)
    for scored in chosen:
        if scored.sentence.row:
            scored.sentence.text = scored.sentence.row.said(asked)
    for scored in chosen:
        _complete(question, scored.sentence, everything)
    first = chosen[0].sentence
    heading = re.sub(r"^(?:\d+\.?)+\s+", "", first.heading)
    if first.is_item and _UNSAID.search(heading):
        # "Minibar" under "What is never paid" says the opposite of what it says alone.
        return f"{_lead(first.heading)}\n{as_list([first])}"
    return compose(_with_antecedent([s.sentence for s in chosen], everything))


def _complete(question: str, sentence: Sentence, everything: list[Sentence]) -> None:
    """Give a sentence the label that it needs, or what its colon announces."""
    if sentence.row:
        return
    above = sentence.label or sentence.heading
    unnamed = asks_name(question) and not new_names(question, sentence.text)
    if unnamed and new_names(question, above):
        sentence.text = f"{above.rstrip(' :')}: {sentence.text}"
    at = everything.index(sentence)
    if sentence.text.endswith(":") and at + 1 < len(everything):
        after = everything[at + 1]
        if after.passage == sentence.passage and not after.is_heading and not after.row:
            sentence.text = f"{sentence.text} {after.text}"


def _with_more(question: str, chosen: list[Scored], ranked: list[Scored]) -> list[Scored]:
    """The best, and what answers a part of the question that it leaves open."""
    best = max(chosen, key=lambda scored: scored.score)
    chosen = list(chosen)
    held = np.maximum.reduce([scored.carried for scored in chosen])
    whole = _whole(question, best)
    double = bool(re.search(r"\band\b|\?.*\?", question))
    if best.sentence.row and not double:
        return chosen
    for other in ranked[:12]:
        if len(chosen) >= _MOST:
            break
        if other in chosen or other.score < _BESIDE or _says_again(other, chosen):
            continue
        adds = bool(np.any((other.own >= 0.8) & (held < 0.5)))
        useful = adds and (double or best.by_itself < 0.7)
        near = _RIVAL if whole else _SECOND if len(chosen) == 1 else _THIRD
        if (useful and other.score >= 0.8 * best.score) or other.score >= near * best.score:
            chosen.append(other)
            held = np.maximum(held, other.carried)
    return chosen


def _read_on(
    question: str, best: Scored, ranked: list[Scored], everything: list[Sentence]
) -> list[Scored]:
    """The best with the sentence near it that is likeliest to answer, where it leaves that open.

    "XML_CONTEXT_BYTES: the number of input bytes …" is followed by what that number is.
    """
    if best.sentence.row or best.sentence.is_item or _whole(question, best):
        return [best]
    at = everything.index(best.sentence)
    beside = {id(each) for each in everything[max(0, at - 1) : at + 3]}
    near = [
        other
        for other in ranked
        if other is not best and id(other.sentence) in beside and _follows(best, other)
    ]
    if not near:
        return [best]
    other = max(near, key=lambda each: each.score + _expected(question, each))
    return sorted([best, other], key=lambda each: each.sentence.position)


def _whole(question: str, best: Scored) -> bool:
    """Whether a sentence holds nearly all that was asked, and the kind of answer."""
    text = best.sentence.text
    expected = min(kind_bonus(question, text), form_bonus(question, text))
    return best.by_itself >= _WHOLE and expected >= 0


def _expected(question: str, scored: Scored) -> float:
    text = scored.sentence.text
    return kind_bonus(question, text) + form_bonus(question, text)


def _follows(one: Scored, other: Scored) -> bool:
    return (
        one.sentence.passage == other.sentence.passage
        and one.sentence.block == other.sentence.block
        and not other.sentence.row
    )


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
    at = everything.index(best.sentence)
    if best.sentence.text.endswith(":") or POINTS_ON.search(best.sentence.text):
        items = _items_after(at, everything) or rows_after(at, everything)
        if items:
            return f"{compose([best.sentence])}\n{as_list(items)}"
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
        if len({item.block for item in items}) >= 2:
            return f"{_lead(first.heading)}\n{as_list(items)}".strip()
    return None


def _lead(heading: str) -> str:
    """A heading as the words before a list; the colon keeps it from being a statement."""
    bare = re.sub(r"^(?:\d+\.?)+\s+", "", heading).rstrip(" .:")
    return f"{bare}:" if bare else ""


def _items_after(at: int, everything: list[Sentence]) -> list[Sentence]:
    items: list[Sentence] = []
    for item in everything[at + 1 :]:
        if not item.is_item or (items and not _together(item, items[0])):
            break
        if at >= 0 and item.passage != everything[at].passage:
            break
        items.append(item)
    last = sorted({item.block for item in items})[:_MOST_ITEMS]
    return [item for item in items if item.block in last]


def rows_after(at: int, everything: list[Sentence]) -> list[Sentence]:
    """The rows of the table that a sentence points on to, past the rest of its paragraph."""
    lead = everything[at]
    later = [s for s in everything[at + 1 : at + 4] if s.row or s.block != lead.block]
    if not later or not later[0].row or not _together(later[0], lead):
        return []
    return [s for s in everything if _together(s, lead) and s.block == later[0].block][:_MOST_ITEMS]


def as_list(items: list[Sentence]) -> str:
    """Items one a line, numbered where they were; sentences of one item stay in one line."""
    lines: dict[tuple[int, int], list[Sentence]] = {}
    for item in items:
        key = (item.passage, item.position if item.row else -1 - item.block)
        lines.setdefault(key, []).append(item)
    return "\n".join(
        f"{number}. {compose(line)}" if line[0].is_counted else f"- {compose(line)}"
        for number, line in enumerate(lines.values(), start=1)
    )


def _together(one: Sentence, other: Sentence) -> bool:
    return one.passage == other.passage and one.heading == other.heading


def _table(asked: list[str], best: Scored, everything: list[Sentence]) -> str | None:
    """All rows, where the question names the table and no row of it."""
    row = best.sentence.row
    if row is None or len(row.cells) < 2:
        return None
    values = bag(row.values)
    columns = bag(row.columns)
    if any(closeness(t, values) and not closeness(t, columns) for t in asked):
        return None
    rows = [
        s
        for s in everything
        if s.row and s.passage == best.sentence.passage and s.block == best.sentence.block
    ]
    if len(rows) < 2:
        return None
    for one in rows:
        if one.row:
            one.text = one.row.said(asked)
    return as_list(rows[:_MOST_ITEMS])


def _with_antecedent(chosen: list[Sentence], everything: list[Sentence]) -> list[Sentence]:
    """Add the sentence before one that cannot be read without it."""
    best = chosen[0]
    at = everything.index(best)
    if best.row or not LEANS_BACK.match(best.text) or at == 0:
        return chosen
    before = everything[at - 1]
    if before.passage != best.passage or before.block != best.block:
        return chosen
    return [before, *(s for s in chosen if s is not before)][:_MOST]


def compose(chosen: list[Sentence]) -> str:
    """Sentences as prose, each with its marks."""
    return " ".join(marked(sentence.text, sentence.marks) for sentence in chosen)


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
    if lines[0].rstrip().endswith(":") and all(line.startswith("- ") for line in lines[1:]):
        return "\n".join(lines)  # a list with its lead says itself what it is
    if len(lines) > 6 and prompt.question:
        passage = Passage("", "\n".join(f"- {line}" for line in lines))
        ranked = rank(prompt.question, [passage], passage_sentences([passage]), embedder)
        best = [s.sentence.text for s in ranked[:4]]
        lines = [line for line in lines if line.strip() in best] or lines[:6]
    if len(lines) == 1:
        return marked(lines[0].strip(), [])
    return "\n".join(f"- {line.strip()}" for line in lines)
