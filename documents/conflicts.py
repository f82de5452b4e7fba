"""Find sources that say different numbers or dates about the same thing, to show side by side.

By words and numbers alone, no model: a sentence of another document that says what a cited one
says, in the same words, with other figures. Which of both holds is the reader's to decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from documents.citations import Citation
from documents.selectors import Span, text_slices
from documents.sentences import Sentence, negated, numbers, sentences, words
from search.retrieval import Passage

ALIKE: Final = 0.6  # share of all words of both sentences that both have
LEAST_WORDS: Final = 4  # that both have
MOST: Final = 3  # pairs that are shown


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two exact quotations of two documents: the cited sentence, and one that differs."""

    cited: Citation
    other: Citation


@dataclass(frozen=True, slots=True)
class _Differs:
    citation: Citation
    sentence: Sentence  # of the citation's quotation
    passage: Passage
    other: Sentence  # of the passage
    alike: float


def conflicts_of(citations: Sequence[Citation], passages: Sequence[Passage]) -> list[Conflict]:
    """Return what differs between the cited sentences and the other passages, likest first.

    Costs one query where something does. Quotations are exact, as citations are: what the document
    does not have word for word falls out.
    """
    found = [
        differs
        for citation in citations
        if not citation.url
        for sentence in sentences(citation.quote)
        if numbers(sentence.text)
        for passage in passages
        if passage.document_id != citation.document_id
        for other in sentences(passage.text)
        if (differs := _compared(citation, sentence, passage, other))
    ]
    found.sort(key=lambda each: -each.alike)
    best: dict[tuple[object, ...], _Differs] = {}
    for each in found:
        best.setdefault((each.citation.number, each.passage.document_id, each.sentence.start), each)
    return _verified(list(best.values())[:MOST])


def _compared(
    citation: Citation, sentence: Sentence, passage: Passage, other: Sentence
) -> _Differs | None:
    """Return the two sentences if each has a figure that the other has not, and the same words."""
    ours, theirs = numbers(sentence.text), numbers(other.text)
    if not (ours - theirs and theirs - ours) or negated(sentence.text) != negated(other.text):
        return None
    said, heard = words(sentence.text), words(other.text)
    both = said & heard
    alike = len(both) / len(said | heard) if said or heard else 0.0
    if alike < ALIKE or len(both) < LEAST_WORDS:
        return None
    return _Differs(citation, sentence, passage, other, alike)


def _verified(found: Sequence[_Differs]) -> list[Conflict]:
    spans: list[Span] = [
        (each.passage.document_id, each.passage.start, each.other.start, each.other.end)
        for each in found
    ]
    slices = text_slices(spans)
    conflicts = []
    for each, span in zip(found, spans, strict=True):
        place = slices.get(span)
        if place is None or place.text != each.other.text:
            continue
        other = Citation(
            number=0,
            document_id=each.passage.document_id,
            document_name=each.passage.document_name,
            page=place.page,
            quote=place.text,
            start=place.start,
            end=place.end,
            chunk_id=each.passage.chunk_id,
        )
        conflicts.append(Conflict(each.citation, other))
    return conflicts
