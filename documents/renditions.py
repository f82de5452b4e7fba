"""A document's text as it may be used: masked where its workspace masks, else as it was read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from bedrock.gateway import Masked
from bedrock.offsets import Masking
from documents.chunking import Chunk, chunk
from documents.models import DocumentText
from documents.parsing import Heading, PageSpan, ParsedText


@dataclass(frozen=True, slots=True)
class Rendition:
    """A text with its own pages and headings; `masking` leads to the original's offsets and back.

    `pages`, `headings`, `recognized` and `unread` have the shapes of `DocumentText`.
    """

    document_id: UUID
    text: str
    pages: list[list[int]]
    headings: list[Any]
    masking: Masking | None = None
    recognized: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)

    def chunks(self) -> list[Chunk]:
        """Return the text's passages."""
        parsed = ParsedText(
            text=self.text,
            pages=tuple(PageSpan(*page) for page in self.pages),
            headings=tuple(Heading(*heading) for heading in self.headings),
        )
        return list(self._uncut(chunk(parsed)))

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return where a span of the original stands in this text."""
        if self.masking is None:
            return start, end
        return self.masking.to_masked(start), self.masking.to_masked(end, end=True)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return where a span of this text stands in the original."""
        if self.masking is None:
            return start, end
        return self.masking.to_original(start), self.masking.to_original(end, end=True)

    def _uncut(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yield the chunks, marked as masked, with their borders moved out of placeholders."""
        if self.masking is None:
            yield from chunks
            return
        until = ordinal = 0
        for part in chunks:
            start, end = self.masking.whole(part.start, part.end)
            start = max(start, until)
            if start < end:
                yield replace(
                    part,
                    ordinal=ordinal,
                    text=Masked(self.text[start:end]),
                    start=start,
                    end=end,
                    heading=Masked(part.heading),
                )
                until, ordinal = end, ordinal + 1


def original(content: DocumentText) -> Rendition:
    """Return the text as it was read: for the eyes of whoever may see it, and for masking."""
    return Rendition(
        content.document_id,
        content.text,
        content.pages,
        content.headings,
        recognized=content.recognized,
        unread=content.unread,
    )


def rendition(content: DocumentText) -> Rendition:
    """Return the text that everybody may see and that everything else uses."""
    if content.masked is None:
        return original(content)
    return masked(content, Masking.stored(content.masked, content.mask_spans))


def masked(content: DocumentText, masking: Masking) -> Rendition:
    """Return the masked text; what a page break or a heading cuts goes to what follows."""
    headings = []
    for level, title, start in content.headings:
        begin = masking.to_masked(start)
        end = masking.to_masked(start + len(title), end=True)
        headings.append([level, masking.text[begin:end], begin])
    return Rendition(
        document_id=content.document_id,
        text=masking.text,
        pages=[
            [number, masking.to_masked(start), masking.to_masked(end)]
            for number, start, end in content.pages
        ],
        headings=headings,
        masking=masking,
        recognized=content.recognized,
        unread=content.unread,
    )
