"""Tie each sentence of an answer to the exact words of a document, or say that it has none.

The model only says which passage a sentence rests on: `[2]`. What is quoted, from where, and
whether it bears the sentence out, is found here, by words and numbers, and read back from the
stored text: a citation that is not an exact quotation of the document as it is now is dropped.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from uuid import UUID

from documents.marks import marks, remarked
from documents.selectors import text_slices
from documents.sentences import negated, numbers, sentences, words
from search.retrieval import Passage

Grounded: TypeAlias = Literal["full", "partly", "none"]

_NOT_FOUND: Final = re.compile(
    r"\b(?:could(?: not|n['’]t) (?:find|be found)|(?:can(?:not|['’]t)|unable to) (?:find|answer)"
    r"|do(?:es)?(?: not|n['’]t) (?:contain|mention|say|state|cover|include|answer|provide|specify)"
    r"|(?:is|are|was) not (?:mentioned|stated|covered|found|specified|in the (?:passage|document)s)"
    r"|no (?:passage|document|information|mention|answer)s?\b)",
    re.IGNORECASE,
)
_MARKUP: Final = re.compile(r"^\s*(?:[-*•+]|\d{1,3}[.)]|#{1,6}|>)\s+|[*_`|]+", re.MULTILINE)

SUPPORTED: Final = 0.5  # share of a sentence's words that a quotation must hold to bear it out
QUOTED: Final = 0.25  # below this a passage has nothing worth quoting for the sentence
NEAR_VERBATIM: Final = 0.8  # from here on, a negation on one side only is a contradiction
WINDOW: Final = 3  # sentences that one quotation may span
LONGER_COSTS: Final = 0.08  # share that each further sentence of a quotation must add


@dataclass(frozen=True, slots=True)
class Citation:
    """An exact quotation: `quote` is the document's `text[start:end]`, masked where that is.

    `number` is what the answer's marks say, and `marks` where in the answer they stand, as
    (start, end) of each `[n]`. One passage quoted at two places gives two citations of one number;
    `renumbered` gives each its own.
    """

    number: int
    document_id: UUID
    document_name: str
    page: int | None
    quote: str
    start: int
    end: int
    chunk_id: UUID
    url: str = ""  # where it is read, if not in the viewer
    recognized: bool = False  # its page was read by text recognition
    marks: tuple[tuple[int, int], ...] = ()
    beside: tuple[str, ...] = ()  # titles of the document's other sections, following ones first


@dataclass(frozen=True, slots=True)
class _Claim:
    """A sentence of the answer without its marks; `marks` are (number, start, end)."""

    text: str
    marks: tuple[tuple[int, int, int], ...]
    paragraph: int

    @property
    def is_claim(self) -> bool:
        """Whether it states something: no heading, no lead-in, no 'I could not find …'."""
        if not self.marks and (self.text.endswith(":") or _NOT_FOUND.search(self.text)):
            return False
        return bool(words(self.text) or numbers(self.text))


@dataclass(frozen=True, slots=True)
class _Quote:
    passage: int  # from 1
    start: int  # within the passage
    end: int
    share: float


def cite(
    answer: str, passages: Sequence[Passage], built_in: Mapping[UUID, str] = MappingProxyType({})
) -> tuple[list[Citation], Grounded]:
    """Return the answer's verified citations, and how far its sentences are borne out.

    `full`: every sentence that states something is; `none`: not one is. Costs one query. `built_in`
    holds texts, by their ids, that are no documents of the workspace's.
    """
    claims = [claim for claim in _claims(answer) if claim.is_claim]
    found = {
        (start, end): quote
        for claim in claims
        for number, start, end in claim.marks
        if 1 <= number <= len(passages)
        and (quote := _best_quote(claim.text, passages[number - 1].text, number))
    }
    places = _places(set(found.values()), passages, built_in)
    quotes = {mark: quote for mark, quote in found.items() if quote in places}
    supported = [_is_supported(claim, claims, quotes, passages) for claim in claims]
    citations = _citations(quotes, places, passages)
    if not any(supported):
        return citations, "none"
    return citations, "full" if all(supported) else "partly"


def renumbered(answer: str, citations: Sequence[Citation]) -> tuple[str, list[Citation]]:
    """Return the answer and its citations with one number each, from 1 in the order of the text.

    Marks that no citation stands for are taken out of the text; what stands in code is no mark.
    """
    by_mark = {mark: citation for citation in citations for mark in citation.marks}
    numbers_given: dict[tuple[UUID, int, int], int] = {}
    placed: dict[int, list[tuple[int, int]]] = {}
    parts: list[str] = []
    length = last = 0
    for found in marks(answer):
        citation = by_mark.get(found.span())
        before = answer[last : found.start()]
        last = found.end()
        number = None
        if citation is None:
            before = before.rstrip(" ")
        else:
            key = (citation.document_id, citation.start, citation.end)
            number = numbers_given.setdefault(key, len(numbers_given) + 1)
        parts.append(before)
        length += len(before)
        if number is not None:
            mark = f"[{number}]"
            placed.setdefault(number, []).append((length, length + len(mark)))
            parts.append(mark)
            length += len(mark)
    text = "".join(parts) + answer[last:]
    given = []
    seen: set[int] = set()
    for citation in citations:
        key = (citation.document_id, citation.start, citation.end)
        new = numbers_given.get(key)
        if new is not None and new not in seen:
            seen.add(new)
            given.append(replace(citation, number=new, marks=tuple(placed[new])))
    return text, sorted(given, key=lambda citation: citation.number)


def _claims(answer: str) -> Iterator[_Claim]:
    """Yield the answer's sentences; marks that follow a full stop belong to the sentence before."""
    found = list(sentences(remarked(answer, lambda mark: " " * len(mark.group()))))
    said = [(int(mark[1]), mark.start(), mark.end()) for mark in marks(answer)]
    for place, sentence in enumerate(found):
        until = found[place + 1].start if place + 1 < len(found) else len(answer)
        since = sentence.start if place else 0
        own = tuple(mark for mark in said if since <= mark[1] < until)
        text = _MARKUP.sub("", sentence.text).strip()
        yield _Claim(text, own, answer.count("\n\n", 0, sentence.start))


def _best_quote(claim: str, passage: str, number: int) -> _Quote | None:
    """Return the run of sentences that holds most of the claim's words, shortest first."""
    wanted, needed = words(claim), numbers(claim)
    parts = list(sentences(passage))
    best: _Quote | None = None
    best_worth = 0.0
    for size in range(1, WINDOW + 1):
        for first in range(len(parts) - size + 1):
            run = parts[first : first + size]
            share = _share(wanted, needed, passage[run[0].start : run[-1].end])
            worth = share - LONGER_COSTS * (size - 1)
            if worth > best_worth:
                best, best_worth = _Quote(number, run[0].start, run[-1].end, share), worth
    return best if best is not None and best.share >= QUOTED else None


def _share(wanted: set[str], needed: set[str], text: str) -> float:
    """Return the part of the claim's words and numbers that the text holds, 0 to 1."""
    total = len(wanted) + len(needed)
    if not total:
        return 0.0
    return (len(wanted & words(text)) + len(needed & numbers(text))) / total


@dataclass(frozen=True, slots=True)
class _Place:
    quote: str
    start: int  # in the original, as `end`
    end: int
    page: int | None
    recognized: bool = False
    beside: tuple[str, ...] = ()


def _places(
    quotes: set[_Quote], passages: Sequence[Passage], built_in: Mapping[UUID, str]
) -> dict[_Quote, _Place]:
    """Return where in its document each quotation stands that is there word for word."""
    inside = {quote for quote in quotes if passages[quote.passage - 1].document_id in built_in}
    found = {}
    for quote in inside:
        passage = passages[quote.passage - 1]
        start, end = passage.start + quote.start, passage.start + quote.end
        if (text := built_in[passage.document_id][start:end]) == _quoted(quote, passages):
            found[quote] = _Place(text, start, end, None)
    return found | _document_places(quotes - inside, passages)


def _document_places(quotes: set[_Quote], passages: Sequence[Passage]) -> dict[_Quote, _Place]:
    spans = {
        quote: (
            passages[quote.passage - 1].document_id,
            passages[quote.passage - 1].start,
            quote.start,
            quote.end,
        )
        for quote in quotes
    }
    slices = text_slices(sorted(set(spans.values())))
    return {
        quote: _Place(
            found.text, found.start, found.end, found.page, found.recognized, found.beside
        )
        for quote, span in spans.items()
        if (found := slices.get(span)) and found.text == _quoted(quote, passages)
    }


def _quoted(quote: _Quote, passages: Sequence[Passage]) -> str:
    return passages[quote.passage - 1].text[quote.start : quote.end]


def _is_supported(
    claim: _Claim,
    claims: Sequence[_Claim],
    quotes: Mapping[tuple[int, int], _Quote],
    passages: Sequence[Passage],
) -> bool:
    """Whether the cited passages bear the sentence out, every number and date in it included.

    A sentence without marks may lean on those of its paragraph, but must then be near verbatim.
    """
    if claim.marks:
        cited = [quotes[start, end] for _, start, end in claim.marks if (start, end) in quotes]
        least = SUPPORTED
    else:
        cited = _borrowed(claim, claims, passages)
        least = NEAR_VERBATIM
    if not cited:
        return False
    whole = " ".join(passages[number - 1].text for number in {quote.passage for quote in cited})
    if not numbers(claim.text) <= numbers(whole):
        return False
    quoted = " ".join(_quoted(quote, passages) for quote in cited)
    share = _share(words(claim.text), numbers(claim.text), quoted)
    contradicted = share >= NEAR_VERBATIM and len(cited) == 1 and _denies(claim.text, quoted)
    return share >= least and not contradicted


def _denies(claim: str, quoted: str) -> bool:
    """Whether the sentence of the quotation that is nearest to the claim says the contrary."""
    wanted, needed = words(claim), numbers(claim)
    nearest = max(sentences(quoted), key=lambda part: _share(wanted, needed, part.text))
    return negated(claim) != negated(nearest.text)


def _borrowed(claim: _Claim, claims: Sequence[_Claim], passages: Sequence[Passage]) -> list[_Quote]:
    """Return the best quotation for an unmarked sentence in what its paragraph cites."""
    near = {
        number
        for other in claims
        if other.paragraph == claim.paragraph
        for number, _, _ in other.marks
        if 1 <= number <= len(passages)
    }
    found = [_best_quote(claim.text, passages[number - 1].text, number) for number in sorted(near)]
    kept = [quote for quote in found if quote is not None]
    return [max(kept, key=lambda quote: quote.share)] if kept else []


def _citations(
    quotes: Mapping[tuple[int, int], _Quote],
    places: Mapping[_Quote, _Place],
    passages: Sequence[Passage],
) -> list[Citation]:
    """Return one citation for each passage and place quoted, in the order of the answer's marks."""
    marks: dict[tuple[int, _Place], list[tuple[int, int]]] = {}
    for mark, quote in sorted(quotes.items(), key=lambda item: item[0]):
        marks.setdefault((quote.passage, places[quote]), []).append(mark)
    citations = []
    for (number, place), own in marks.items():
        passage = passages[number - 1]
        citations.append(
            Citation(
                number=number,
                document_id=passage.document_id,
                document_name=passage.document_name,
                page=place.page,
                quote=place.quote,
                start=place.start,
                end=place.end,
                chunk_id=passage.chunk_id,
                recognized=place.recognized,
                marks=tuple(own),
                beside=place.beside,
            )
        )
    return citations
