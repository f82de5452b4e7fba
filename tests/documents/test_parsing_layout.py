"""How a page or a plain text is laid out says what belongs together, and what heads what."""

from __future__ import annotations

from io import BytesIO

from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from documents.chunking import chunk
from documents.parsing import MediaType, ParsedText
from tests.documents.reading import read
from tests.support import files

__all__ = ["read"]

LOREM = "The library checks the data that it is given and tells the caller what was wrong with it. "
JUSTIFIED = ParagraphStyle("justified", fontSize=10, leading=12, alignment=TA_JUSTIFY)
TERM = ParagraphStyle("term", parent=JUSTIFIED)
TOLD = ParagraphStyle("told", parent=JUSTIFIED, leftIndent=24)


def titles(parsed: ParsedText) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in parsed.headings]


def test_terms_of_a_justified_page_stay_lines_above_what_they_mean(read) -> None:
    story = [Paragraph(LOREM * 6, JUSTIFIED)]
    for term in ("BZ_MEM_ERROR", "BZ_IO_ERROR"):
        story += [Paragraph(term, TERM), Paragraph(f"Returned when {LOREM * 3}", TOLD)]
    text = read(files.rendered(story), MediaType.PDF).text
    assert "\n\nBZ_MEM_ERROR\nReturned when" in text
    assert "\n\nBZ_IO_ERROR\nReturned when" in text


def test_a_short_line_of_a_justified_page_ends_its_paragraph(read) -> None:
    lines = ["source: the file that is read", "element: the name of the element"]
    story = [Paragraph(LOREM * 6, JUSTIFIED), *(Paragraph(line, JUSTIFIED) for line in lines)]
    text = read(files.rendered(story), MediaType.PDF).text
    assert text.endswith("\n\n".join(lines))


def outlined(lines: list[str], entries: list[tuple[str, int]]) -> bytes:
    made = BytesIO()
    canvas = Canvas(made)
    canvas.setFont("Helvetica", 10)
    for at, line in enumerate(lines):
        canvas.drawString(72, 760 - 30 * at, line)
    for title, level in entries:
        canvas.bookmarkPage(title)
        canvas.addOutlineEntry(title, title, level)
    canvas.save()
    return made.getvalue()


def test_an_outline_heads_the_lines_that_are_its_titles_not_words_of_the_text(read) -> None:
    lines = ["Each config file has one name.", "1 Settings", "All of them are read.",
             "config", "It holds blank elements.", "remap-dir", "It holds a path."]  # fmt: skip
    entries = [("Settings", 0), ("config", 1), ("blank elements", 1), ("remapdir", 1)]
    parsed = read(outlined(lines, entries), MediaType.PDF)
    assert titles(parsed) == [(1, "1 Settings"), (2, "config"), (2, "remap-dir")]


def test_headings_that_an_outline_leaves_out_stand_below_its_entries(read) -> None:
    made = BytesIO()
    canvas = Canvas(made)
    for title, y in (("Functions", 760), ("read_value", 700), ("write_value", 640)):
        canvas.setFont("Helvetica", 16 if title == "Functions" else 13)
        canvas.drawString(72, y, title)
        canvas.setFont("Helvetica", 10)
        canvas.drawString(72, y - 20, "It does what its name says and returns a status.")
    canvas.bookmarkPage("f")
    canvas.addOutlineEntry("Functions", "f", 0)
    canvas.bookmarkPage("r")
    canvas.addOutlineEntry("read_value", "r", 1)
    canvas.save()
    parsed = read(made.getvalue(), MediaType.PDF)
    assert titles(parsed) == [(1, "Functions"), (2, "read_value"), (3, "write_value")]


def test_plain_text_has_the_headings_that_rules_and_numbers_make(read) -> None:
    text = (
        "TRIGGERS\n========\n\nConcepts\n--------\n\nEach trigger has a name.\n\n"
        "SHOUTED NAME\nis no heading beside these.\n\na table   b\n-------\n"
    )
    parsed = read(text, MediaType.TEXT)
    assert titles(parsed) == [(1, "TRIGGERS"), (2, "Concepts")]
    assert chunk(parsed)[-1].heading.startswith("TRIGGERS")
    numbered = "1. Format\n\n1.1. Header\n\nSix bytes.\n\n1.2. Footer\n\nTwo bytes.\n"
    assert titles(read(numbered, MediaType.TEXT)) == [
        (1, "1. Format"), (2, "1.1. Header"), (2, "1.2. Footer")]  # fmt: skip


def test_numbers_of_a_list_and_capitals_in_a_sentence_are_no_headings(read) -> None:
    listed = "1. Open the lid\n\n2. Take the key\n\n3. Close the lid\n\nDO NOT SHAKE IT.\n"
    assert titles(read(listed, MediaType.TEXT)) == []
    manual = "NAME\n    cat - print files\n\nSYNOPSIS\n    cat [FILE]...\n"
    assert titles(read(manual, MediaType.TEXT)) == [(1, "NAME"), (1, "SYNOPSIS")]


def lines_docx(lines: list[str], more: str = "") -> bytes:
    document = Document()
    document.styles.add_style("HTML Preformatted", WD_STYLE_TYPE.PARAGRAPH)
    for line in lines:
        document.add_paragraph(line, style="HTML Preformatted")
    if more:
        document.add_paragraph(more)
    made = BytesIO()
    document.save(made)
    return made.getvalue()


def test_lines_of_preformatted_text_in_word_stay_together(read) -> None:
    lines = ["Chapter 1. Naming", "", "A font server has a name that", "is symbolic."]
    parsed = read(lines_docx(lines), MediaType.DOCX)
    assert parsed.text == "Chapter 1. Naming\n\nA font server has a name that\nis symbolic."
    assert titles(parsed) == [(1, "Chapter 1. Naming")]
    parsed = read(lines_docx(["NAME OF IT", "ret = 0;"], "And prose."), MediaType.DOCX)
    assert parsed.text == "NAME OF IT\nret = 0;\n\nAnd prose."
    assert titles(parsed) == []
