"""Answers from passages: the sentences that answer, verbatim, each with its marks."""

from __future__ import annotations

import re

from localaws.embedder import Embedder
from localaws.model.prompt import Passage, Prompt
from localaws.model.rank import ANSWERS, Scored, passage_sentences, rank
from localaws.model.text import Sentence, content_stems, marked, words

NOT_FOUND = "I could not find the answer to that in the documents."

_LEANS_BACK = re.compile(
    r"^(?:it|this|these|those|they|he|she|such|that|however|also|in this case|the latter)\b",
    re.IGNORECASE,
)
_LIST_QUESTION = re.compile(
    r"\b(?:which|what are|list|name the|steps|types|kinds|documents? (?:do|are)|requirements)\b",
    re.IGNORECASE,
)


def answer(prompt: Prompt, embedder: Embedder) -> str | None:
    """One to four sentences that answer the question; None when none is good enough."""
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
    ranked = rank(question, passages, everything, embedder)
    if not ranked or ranked[0].score < ANSWERS:
        return None
    best = ranked[0]
    limit = 4 if _LIST_QUESTION.search(question) else 3
    chosen = [best.sentence]
    for other in ranked[1:12]:
        if len(chosen) >= limit:
            break
        if other.score < max(ANSWERS, 0.80 * best.score) or _says_again(other, chosen):
            continue
        chosen.append(other.sentence)
    chosen = _with_context(chosen, everything, limit)
    lead = best.sentence.passage
    chosen.sort(key=lambda s: (s.passage != lead, s.passage, s.position))
    return compose(chosen)


def _says_again(candidate: Scored, chosen: list[Sentence]) -> bool:
    mine = set(content_stems(candidate.sentence.text))
    for sentence in chosen:
        theirs = set(content_stems(sentence.text))
        if mine and len(mine & theirs) / len(mine) > 0.75:
            return True
    return False


def _with_context(chosen: list[Sentence], everything: list[Sentence], limit: int) -> list[Sentence]:
    """Add what the best sentence cannot be read without: its antecedent, or its list."""
    best = chosen[0]
    at = next(i for i, s in enumerate(everything) if s is best)
    if _LEANS_BACK.match(best.text) and at > 0:
        before = everything[at - 1]
        if before.passage == best.passage and not before.is_heading and before not in chosen:
            chosen = [before, *chosen][: limit + 1]
    if best.text.endswith(":"):
        items = []
        for item in everything[at + 1 : at + 8]:
            if item.passage != best.passage or not item.is_item:
                break
            items.append(item)
        chosen = [best, *items, *(s for s in chosen[1:] if s not in items)][: max(limit, 1) + 5]
    return chosen


def compose(chosen: list[Sentence]) -> str:
    """Sentences as prose; list items of one list as bullets."""
    lines: list[str] = []
    for sentence in chosen:
        text = marked(sentence.text, sentence.marks)
        if sentence.is_item and len(words(sentence.text)) < 14 and lines:
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
