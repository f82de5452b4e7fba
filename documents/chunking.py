"""Cut a parsed document into passages that keep their offsets, page and heading.

Why 1,200 characters: English runs at about 4.5 characters a token, so a chunk holds some
200 to 300 tokens. That is one or two paragraphs: enough to answer from and to be judged
alone, and short enough that a mean-pooled vector (WordLlama) or Titan's 512 dimensions still
say what it is about; longer passages blur the vector and make citations coarse. Sections
are not mixed unless they are too short to stand alone, and there is no overlap by default:
cuts fall at section, paragraph and sentence ends, and overlap would bill every embedding twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from semantic_text_splitter import TextSplitter

from documents.parsing.model import Heading, ParsedText

MAX_CHARS = 1_200
_LONE_SECTION = 400
"""A section shorter than this is joined with its neighbour on the same page."""
_PATH_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Chunk:
    """One passage: `parsed.text[start:end] == text`, always.

    `page` is the page it begins on, None for formats without pages; `heading` is the path of
    headings above it, outermost first.
    """

    ordinal: int
    text: str
    start: int
    end: int
    page: int | None
    heading: str


def chunk(parsed: ParsedText, *, max_chars: int = MAX_CHARS, overlap: int = 0) -> list[Chunk]:
    """Cut the text into chunks of at most `max_chars` characters, in order.

    The same text always gives the same chunks. A chunk stays on one page, except for a
    paragraph that itself flows onto the next.
    """
    splitter = TextSplitter(max_chars, overlap)
    page_starts = [page.start for page in parsed.pages]
    heading_starts = [heading.start for heading in parsed.headings]
    paths = _paths(parsed.headings)
    chunks: list[Chunk] = []
    for begin, finish in _sections(parsed, max_chars):
        for offset, text in splitter.chunk_indices(parsed.text[begin:finish]):
            start = begin + offset
            page = bisect_right(page_starts, start) - 1
            above = bisect_right(heading_starts, start) - 1
            chunks.append(
                Chunk(
                    ordinal=len(chunks),
                    text=text,
                    start=start,
                    end=start + len(text),
                    page=parsed.pages[max(page, 0)].number if parsed.pages else None,
                    heading=paths[above] if above >= 0 else "",
                )
            )
    return chunks


def _sections(parsed: ParsedText, max_chars: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches that are cut one by one: sections, short ones joined on their page."""
    pages = {_paragraph_end(parsed, page.start) for page in parsed.pages}
    headings = {heading.start for heading in parsed.headings}
    borders = sorted((pages | headings) - {0, len(parsed.text)})
    lone = min(_LONE_SECTION, max_chars // 3)
    begin = reached = 0
    for border in [*borders, len(parsed.text)]:
        both_fit = len(parsed.text[begin:border].strip()) <= max_chars
        long_enough = len(parsed.text[begin:reached].strip()) >= lone
        if reached > begin and (long_enough or not both_fit or reached in pages):
            yield begin, reached
            begin = reached
        reached = border
    if reached > begin:
        yield begin, reached


def _paragraph_end(parsed: ParsedText, start: int) -> int:
    """Return where a page's own text begins: after a paragraph that flows onto it."""
    if start == 0 or parsed.text[start - 1] == "\n":
        return start
    end = parsed.text.find("\n\n", start)
    return len(parsed.text) if end < 0 else end + 2


def _paths(headings: tuple[Heading, ...]) -> list[str]:
    """Return each heading's path of titles, from the outermost."""
    open_headings: list[Heading] = []
    paths = []
    for heading in headings:
        while open_headings and open_headings[-1].level >= heading.level:
            open_headings.pop()
        open_headings.append(heading)
        path = " \u203a ".join(h.title for h in open_headings)
        paths.append(path if len(path) <= _PATH_CHARACTERS else heading.title[:_PATH_CHARACTERS])
    return paths
