"""Passages: exact offsets, right pages and headings, nothing lost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from documents.chunking import MAX_CHARS, chunk
from documents.parsing import Heading, MediaType, PageSpan, ParsedText, parse
from tests.support import files

WORDS = st.sampled_from(
    [
        "plain",
        "größer",
        "naïve",
        "日本語の文章。",
        "مرحبا",
        "👩‍🚀🎿",
        "e\u0301",
        "word.",
        "- item",
        "#",
    ]
)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", "\n", "\n\n", "  "])), max_size=150).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(20, 300), st.data())
def test_offsets_are_exact_and_nothing_is_lost(text: str, size: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)))
    borders = [0, *cuts, len(text)]
    parsed = ParsedText(
        text,
        pages=tuple(PageSpan(n, a, b) for n, (a, b) in enumerate(pairwise(borders), start=1)),
        headings=tuple(Heading(1 + n % 3, f"h{n}", at) for n, at in enumerate(cuts)),
    )
    chunks = chunk(parsed, max_chars=size)
    assert chunks == chunk(parsed, max_chars=size)
    assert [c.ordinal for c in chunks] == list(range(len(chunks)))
    for one in chunks:
        assert parsed.text[one.start : one.end] == one.text
        assert one.text.strip()
        assert len(one.text) <= size
    assert all(a.end <= b.start for a, b in pairwise(chunks))
    assert "".join("".join(c.text for c in chunks).split()) == "".join(text.split())


def test_a_tiny_document_is_one_chunk() -> None:
    assert [c.text for c in chunk(ParsedText("Short."))] == ["Short."]
    assert chunk(ParsedText(" \n ")) == []


def test_chunks_of_a_long_pdf_stay_on_their_pages(tmp_path: Path) -> None:
    path = tmp_path / "manual.pdf"
    path.write_bytes(files.long_pdf(60, {41: "The winch is rated for 4,200 kilograms."}))
    parsed = parse(path, MediaType.PDF)
    chunks = chunk(parsed)
    for one in chunks:
        page = parsed.pages[(one.page or 0) - 1]
        assert page.start <= one.start < one.end <= page.end
        assert one.heading.startswith(f"Chapter {one.page}:")
    (fact,) = [c for c in chunks if "4,200 kilograms" in c.text]
    assert fact.page == 41
    assert sum(len(c.text) for c in chunks) / len(chunks) > MAX_CHARS / 2


def test_a_paragraph_over_a_page_border_belongs_to_the_page_it_begins_on() -> None:
    text = "It ends when both parties have signed.\n\nNext."
    parsed = ParsedText(text, pages=(PageSpan(1, 0, 17), PageSpan(2, 18, len(text))))
    assert [(c.text, c.page) for c in chunk(parsed)] == [
        ("It ends when both parties have signed.", 1),
        ("Next.", 2),
    ]


def test_sections_are_not_mixed_unless_too_short_to_stand_alone() -> None:
    long = "A sentence of some length stands here. " * 15
    text = f"One\n\n{long}\n\nTwo\n\n{long}\n\nThree\n\nBrief.\n\nFour\n\nAlso brief."
    titles = ["One", "Two", "Three", "Four"]
    levels = [1, 2, 1, 2]
    parsed = ParsedText(
        text,
        headings=tuple(
            Heading(level, title, text.index(f"{title}\n\n"))
            for level, title in zip(levels, titles, strict=True)
        ),
    )
    chunks = chunk(parsed)
    assert [c.heading for c in chunks] == ["One", "One \u203a Two", "Three"]
    assert chunks[2].text == "Three\n\nBrief.\n\nFour\n\nAlso brief."
