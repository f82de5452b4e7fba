"""What a person sees in a file is what its text holds: no more, no less."""

from __future__ import annotations

import time

import pytest
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, Table

from documents.parsing import MediaType
from tests.documents.reading import Read, read
from tests.support import files

__all__ = ["read"]


def test_a_pdf_gives_paragraphs_by_page(read: Read) -> None:
    parsed = read(files.pdf(["First page.\n\nSecond paragraph.", "Second page."]), MediaType.PDF)
    assert parsed.text == "First page.\n\nSecond paragraph.\n\nSecond page."
    assert [parsed.text[p.start : p.end] for p in parsed.pages] == [
        "First page.\n\nSecond paragraph.",
        "Second page.",
    ]


def test_a_long_pdf_is_quick_and_keeps_facts_on_their_pages(read: Read) -> None:
    data = files.long_pdf(100, {37: "The winch is rated for 4,200 kilograms."})
    started = time.monotonic()
    parsed = read(data, MediaType.PDF)
    assert time.monotonic() - started < 10  # by a reader that is slow it takes a minute
    assert len(parsed.pages) == len(parsed.headings) == 100
    page = parsed.pages[36]
    assert "The winch is rated for 4,200 kilograms." in parsed.text[page.start : page.end]
    assert parsed.title == "Operations manual"
    assert "internal" not in parsed.text
    assert "Page 37" not in parsed.text


def test_words_broken_at_line_ends_are_whole_again(read: Read) -> None:
    text = "Useful infor-<br/>mation is well-<br/>known, from A-<br/>Team to the fif-<br/>teenth."
    data = files.rendered([Paragraph(text, getSampleStyleSheet()["BodyText"])])
    parsed = read(data, MediaType.PDF)
    assert parsed.text == "Useful information is well-known, from A-Team to the fifteenth."


def test_a_paragraph_that_flows_over_a_page_stays_one(read: Read) -> None:
    parsed = read(files.pdf(["The contract ends when both", "parties have signed."]), MediaType.PDF)
    assert parsed.text == "The contract ends when both parties have signed."
    assert [parsed.text[p.start : p.end] for p in parsed.pages] == [
        "The contract ends when both",
        "parties have signed.",
    ]


def test_a_word_document_keeps_headings_lists_and_tables_in_order(read: Read) -> None:
    data = files.docx(
        ["Grüße aus Köln."],
        heading="Care",
        bullets=["Wash cold", "Dry flat"],
        table=[["Fabric", "Degrees"], ["Wool", "30"]],
    )
    parsed = read(data, MediaType.DOCX)
    assert parsed.text == (
        "Care\n\nGrüße aus Köln.\n\n- Wash cold\n- Dry flat\n\nFabric | Degrees\nWool | 30"
    )
    assert [(h.level, h.title) for h in parsed.headings] == [(1, "Care")]


def test_hidden_text_of_a_page_never_reaches_the_text(read: Read) -> None:
    page = """<!doctype html><title>Guide</title><style>p{}</style><nav>Menu</nav>
    <h1>Welcome</h1><p>Visible &amp; true.<span style="display: none">SECRET</span> End.</p>
    <p style="color:#FFF">SECRET</p><p style="font-size:0">SECRET</p><div hidden>SECRET</div>
    <p aria-hidden="true">SECRET</p><script>SECRET</script><!-- SECRET -->
    <p style="color: #fff; background: #123456">Button</p>
    <ul><li>One<ul><li>Inner</li></ul></li><li>Two</li></ul><ol start="3"><li>Three</li></ol>
    <table><tr><th>Day</th><th>Opens</th></tr><tr><td>Monday</td><td>08:00</td></tr></table>
    <p>A\u200b\u202eB</p>"""
    parsed = read(page, MediaType.HTML)
    assert parsed.text == (
        "Welcome\n\nVisible & true. End.\n\nButton\n\n- One\n  - Inner\n- Two\n\n3. Three\n\n"
        "Day | Opens\nMonday | 08:00\n\nAB"
    )
    assert parsed.title == "Guide"


def test_markdown_loses_its_markup_and_keeps_its_structure(read: Read) -> None:
    source = """---
title: Plan
---
# Incident *plan*

Call **now**: [the desk](https://example.com).
Then wait.

1. First
2. Second
   - deeper

| Who | When |
|-----|------|
| Ana | 09:00 |

```
code  stays
```

<!-- hidden --><div>shown</div>
"""
    parsed = read(source, MediaType.MARKDOWN)
    assert parsed.text == (
        "Incident plan\n\nCall now: the desk. Then wait.\n\n1. First\n2. Second\n  - deeper\n\n"
        "Who | When\nAna | 09:00\n\ncode  stays\n\nshown"
    )
    assert parsed.title == "Plan"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_rows_carry_their_columns(delimiter: str, read: Read) -> None:
    rows = [["Item", "Price", "Note"], ["Tent", "249.00", ""], ["Stove", "89.50", "New"]]
    parsed = read("\n".join(delimiter.join(row) for row in rows), MediaType.CSV)
    assert parsed.text == "Item: Tent; Price: 249.00\nItem: Stove; Price: 89.50; Note: New"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_plain_text_of_any_common_encoding_is_read(encoding: str, read: Read) -> None:
    text = "Die Größe der Prüfstücke überschreitet die zulässigen Maße nicht.\nZweite Zeile."
    assert read(text.encode(encoding), MediaType.TEXT).text == text


def test_no_control_or_invisible_character_survives(read: Read) -> None:
    parsed = read(
        "a\x00b\x07\u200b\u202e\u2066\ufeffc \U000e0041d\ufb01\u00a0e\r\nf", MediaType.TEXT
    )
    assert parsed.text == "abc dfi e\nf"


def test_a_table_row_whose_cells_wrap_stays_one_row(read: Read) -> None:
    body = getSampleStyleSheet()["BodyText"]
    rows = [
        ["Class", "Examples", "Handling"],
        ["Health", "diagnosis, image, laboratory result", "treatment team only, encrypted"],
        ["Treatment record of an adult", "10 years", "end of treatment"],
    ]
    table = Table([[Paragraph(cell, body) for cell in row] for row in rows], [90, 110, 110])
    table.setStyle([("VALIGN", (0, 0), (-1, -1), "TOP")])
    parsed = read(files.rendered([table]), MediaType.PDF)
    assert parsed.text == "\n".join(" | ".join(row) for row in rows)


def test_a_stretched_line_and_one_that_begins_in_small_type_stay_in_their_paragraph(
    read: Read,
) -> None:
    parsed = read(
        files.set_pdf(
            [
                [(90, 11, "The digest was constructed by Ronald Rivest and is described in the")],
                # Justified: wider than a column's gap behind the sentence.
                [(90, 11, "standard."), (148, 11, "It outputs 128 bits, which are 16 octets, and")],
                # Small capitals are set in a smaller size than their line.
                [(90, 9.5, "CMAC"), (124, 11, "was specified later, for systems that prefer a")],
                [(90, 11, "cipher over a digest.")],
            ]
        ),
        MediaType.PDF,
    )
    assert parsed.text == (
        "The digest was constructed by Ronald Rivest and is described in the standard. It outputs"
        " 128 bits, which are 16 octets, and CMAC was specified later, for systems that prefer a"
        " cipher over a digest."
    )
    rows = [[(90, 11, "Zone"), (180, 11, "Fee")], [(90, 11, "North."), (180, 11, "12.50")]]
    assert read(files.set_pdf(rows), MediaType.PDF).text == "Zone | Fee\nNorth. | 12.50"


def test_what_pages_repeat_goes_and_what_differs_only_in_numbers_stays(read: Read) -> None:
    parsed = read(files.pdf([f"Invoice number {n}." for n in range(1, 6)]), MediaType.PDF)
    assert parsed.text.split("\n\n") == [f"Invoice number {n}." for n in range(1, 6)]
    parsed = read(files.long_pdf(2), MediaType.PDF)
    assert "internal" not in parsed.text
    assert parsed.text.startswith("Chapter 1: Harnesses")
