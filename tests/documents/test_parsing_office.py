"""Presentations, workbooks and messages: their text is what a person sees in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.comments import Comment
from pptx.util import Inches, Pt

from documents.parsing import MediaType, ParsedText, detect, parse
from documents.parsing.errors import ParsingError
from tests.support import files, office

Read = Callable[[bytes, MediaType], ParsedText]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def _read(content: bytes, media_type: MediaType) -> ParsedText:
        path = tmp_path / "upload"
        path.write_bytes(content)
        parsed = parse(path, media_type)
        for heading in parsed.headings:
            assert parsed.text.startswith(heading.title, heading.start)
        return parsed

    return _read


def pages(parsed: ParsedText) -> list[str]:
    return [parsed.text[page.start : page.end] for page in parsed.pages]


def test_a_presentation_gives_a_page_a_slide_with_lists_tables_figures_and_notes(
    read: Read,
) -> None:
    def build(show: Any) -> None:
        office.slide(show, "Autumn plan", ["Hire", ("Two engineers", 1), "Ship"], notes="Say why.")
        hidden = office.slide(show, "Never shown", ["SECRET"])
        hidden._element.set("show", "0")
        office.slide(show, "Prices", table=[["Item", "EUR"], ["Tent", "249"]])
        office.slide(
            show, "Growth", figures={"2025": {"Q1": 10, "Q2": 12.5}, "2026": {"Q1": 14, "Q2": 20}}
        )
        shape = show.slides[3].shapes.add_textbox(0, 0, 100, 100)
        shape.text_frame.text = "SECRET"
        shape._element.nvSpPr.cNvPr.set("hidden", "1")

    parsed = read(office.pptx(build), MediaType.PPTX)
    assert pages(parsed) == [
        "Autumn plan\n\n- Hire\n  - Two engineers\n- Ship\n\nNotes: Say why.",
        "",
        "Prices\n\nItem | EUR\nTent | 249",
        "Growth\n\nQ1; 2025: 10; 2026: 14\nQ2; 2025: 12.5; 2026: 20",
    ]
    assert [page.number for page in parsed.pages] == [1, 2, 3, 4]
    assert [h.title for h in parsed.headings] == ["Autumn plan", "Prices", "Growth"]


def test_a_slide_inside_a_group_is_read_and_its_title_comes_first(read: Read) -> None:
    def build(show: Any) -> None:
        made = office.slide(show, "Title")
        group = made.shapes.add_group_shape()
        group.shapes.add_textbox(0, 0, 9, 9).text_frame.text = "Inside the group"
        tree = made.shapes._spTree
        tree.insert(2, group._element)

    assert read(office.pptx(build), MediaType.PPTX).text == "Title\n\nInside the group"


def test_slides_that_were_made_of_pages_are_read_as_those_pages(read: Read) -> None:
    pages = [
        [
            (1, 1, 16, "Related work"),
            (1, 1.5, 10, "Cyclic checks"), (2, 1.5, 10, "(CRCs)"),
            (2.5, 1.5, 10, "were proposed by Peterson and"),
            (1, 1.68, 10, "Brown in 1961."), (2.3, 1.68, 10, "They were imple-"),
            (1, 1.86, 10, "mented by Hill [PB"), (2.1, 1.86, 7, "+"), (2.2, 1.86, 10, "79]."),
        ],
        [(1, 1 + 0.18 * line, 10, f"Line {line} of the second page goes") for line in range(9)],
    ]  # fmt: skip

    def build(show: Any) -> None:
        for lines in pages:
            made = show.slides.add_slide(show.slide_layouts[6])
            for left, top, size, text in lines:
                # As wide as a wrong type's measure says: over the next piece's beginning.
                box = made.shapes.add_textbox(Inches(left), Inches(top), Inches(1.2), Pt(size))
                box.text_frame.text = text
                box.text_frame.paragraphs[0].runs[0].font.size = Pt(size)

    parsed = read(office.pptx(build), MediaType.PPTX)
    assert parsed.text.startswith(
        "Related work\n\nCyclic checks (CRCs) were proposed by Peterson and Brown in 1961."
        " They were implemented by Hill [PB+79]."
    )
    assert [heading.title for heading in parsed.headings] == ["Related work"]
    second = parsed.pages[1]
    assert parsed.text[second.start : second.end].startswith(
        "Line 0 of the second page goes Line 1"
    )


def test_a_workbook_gives_rows_that_carry_their_columns_as_they_are_shown(read: Read) -> None:
    checked = datetime.fromisoformat("2026-03-15 09:45")

    def build(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        sheet.title = "Stock"
        office.rows(
            sheet,
            [
                ["Stock of the depot"],
                [],
                ["Item", "Checked", "Share", "Price", "Ready", "Opens", "Total"],
                ["Tent", date(2026, 3, 14), 0.125, 249.10, True, time(8, 30), "=D4*2"],
                ["Stove", checked, 1, 0.1 + 0.2, False, None, None],
            ],
        )
        for row in (4, 5):
            sheet.cell(row, 3).number_format = "0.0%"
        sheet.row_dimensions[5].height = 20
        sheet.append(["SECRET", None])
        sheet.row_dimensions[6].hidden = True
        sheet.append(["Rope", None, None, 12, None, None, None, "SECRET"])
        sheet.column_dimensions["H"].hidden = True
        book.create_sheet("Empty")
        kept = book.create_sheet("Kept")
        kept.append(["SECRET"])
        kept.sheet_state = "hidden"
        office.rows(book.create_sheet("Next"), [["Name", "Born"], ["Ana", "yes"]])

    parsed = read(office.xlsx(build), MediaType.XLSX)
    assert pages(parsed) == [
        "Stock\n\nStock of the depot\n\n"
        "Item: Tent; Checked: 2026-03-14; Share: 12.5%; Price: 249.1; Ready: yes; Opens: 08:30; "
        "Total: =D4*2 (not calculated)\n"
        "Item: Stove; Checked: 2026-03-15 09:45; Share: 100%; Price: 0.3; Ready: no\n"
        "Item: Rope; Price: 12",
        "",
        "",
        "Next\n\nName: Ana; Born: yes",
    ]
    assert [h.title for h in parsed.headings] == ["Stock", "Next"]


def test_comments_of_cells_stand_below_their_rows(read: Read) -> None:
    def build(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        sheet.title = "Stock"
        office.rows(sheet, [["Item", "Price", "Cost"], ["Tent", 249, 1], ["Rope", 12, 1], ["x", 1]])
        sheet.column_dimensions["C"].hidden = sheet.row_dimensions[4].hidden = True
        for place, text in (
            ("A1", "Without samples."), ("B2", "Ana:\nIncludes\nthe pegs."), ("C2", "SECRET"),
            ("B3", "[Threaded comment] SECRET"), ("A4", "SECRET"), ("D9", "Count again."),
        ):  # fmt: skip
            sheet[place].comment = Comment(text, "tc={1}" if place == "B3" else "Ana")

    said = [
        ("C3", 'personId="P1"', "SECRET"), ("B3", 'personId="P1"', "Dearer now?"),
        ("B3", 'personId="P2" parentId="T1"', "From May."),
    ]  # fmt: skip
    threads = "".join(
        f'<threadedComment ref="{place}" {by}><text>{text}</text></threadedComment>'
        for place, by, text in said
    )
    who = '<person displayName="Bo" id="P1"/><person displayName="Ana" id="P2"/>'
    content = office.related(
        office.xlsx(build),
        "xl/worksheets/sheet1.xml",
        {"threadedComment": f"<ThreadedComments>{threads}</ThreadedComments>".encode()},
    )
    content = office.related(
        content, "xl/workbook.xml", {"person": f"<personList>{who}</personList>".encode()}
    )
    assert read(content, MediaType.XLSX).text == (
        "Stock\n\nComment on A1 by Ana: Without samples.\n\n"
        "Item: Tent; Price: 249\nComment on B2 by Ana: Includes the pegs.\n"
        "Item: Rope; Price: 12\n"
        "Comment on B3 by Bo: Dearer now?\nComment on B3 by Ana: From May.\n"
        "Comment on D9 by Ana: Count again."
    )


def test_a_formula_that_no_program_calculated_is_read_itself(read: Read) -> None:
    def build(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        sheet.title = "Sum"
        office.rows(sheet, [["Item", "EUR"], ["Tent", 249], ["All", "=SUM(B2:B2)"], ["No", '=""']])

    content = office.xlsx(build)
    part = office.part_of(content, "xl/worksheets/sheet1.xml")
    assert b"<f>SUM(B2:B2)</f><v" in part
    # A program that calculates says that the result is a text, of no letters here.
    calculated = part.replace(b'<c r="B4">', b'<c r="B4" t="str">')
    assert calculated != part
    content = office.with_part(content, "xl/worksheets/sheet1.xml", calculated)
    assert read(content, MediaType.XLSX).text == (
        "Sum\n\nItem: Tent; EUR: 249\nItem: All; EUR: =SUM(B2:B2) (not calculated)\nItem: No"
    )


def test_comments_of_slides_are_read_with_who_made_them(read: Read) -> None:
    show = office.pptx(lambda show: office.slide(show, "Prices", ["Tent", "Rope"], notes="Slowly."))
    space = 'xmlns:a="a" xmlns:p="p"'
    people = f'<p:l {space}><p:a id="1" name="Ana"/><p:a id="2" name="Bo"/></p:l>'.encode()

    def body(text: str) -> str:
        return f"<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody>"

    kinds = {
        "commentAuthors": '<p:cm authorId="2"><p:text>With tax?</p:text></p:cm>'
        '<p:cm authorId="1"><p:text>Yes.</p:text></p:cm>',
        "authors": '<p:cm authorId="2"><p:replyLst><p:reply authorId="1">'
        f"{body('Yes.')}</p:reply></p:replyLst>{body('With tax?')}</p:cm>",
    }
    for authors, comments in kinds.items():
        content = office.related(show, "ppt/presentation.xml", {authors: people})
        part = f"<p:cmLst {space}>{comments}</p:cmLst>".encode()
        content = office.related(content, "ppt/slides/slide1.xml", {"comments": part})
        assert read(content, MediaType.PPTX).text == (
            "Prices\n\n- Tent\n- Rope\n\nNotes: Slowly.\n\n"
            "Comment by Bo: With tax?\nComment by Ana: Yes."
        )


def test_a_cell_of_a_slide_that_reaches_over_rows_is_said_in_each(read: Read) -> None:
    def build(show: Any) -> None:
        rows = [["City", "Room", "EUR"], ["Bonn", "Single", "90"], ["", "Double", "120"]]
        made = office.slide(show, "Hotels", table=[*rows, ["All", "", "210"]])
        grid = made.shapes[-1].table
        grid.cell(1, 0).merge(grid.cell(2, 0))
        grid.cell(3, 0).merge(grid.cell(3, 1))

    assert read(office.pptx(build), MediaType.PPTX).text == (
        "Hotels\n\nCity | Room | EUR\nBonn | Single | 90\nBonn | Double | 120\nAll |  | 210"
    )


def test_a_large_workbook_is_read_within_the_child_s_memory(read: Read) -> None:
    def build(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        office.rows(sheet, [["Number", "Name"], *([n, f"Part {n}"] for n in range(20_000))])

    assert read(office.xlsx(build), MediaType.XLSX).text.endswith("Number: 19999; Name: Part 19999")


def test_a_message_gives_its_headers_body_and_the_names_of_its_attachments(read: Read) -> None:
    content = office.eml(
        "Hello Ana,\n\nthe crate arrives on Monday.\n",
        html="<p>Hello <b>Ana</b></p>",
        attachments=["crate list.pdf"],
        from_="Bo Lindt <bo@acme.example>",
        to="ana@acme.example",
        date="Sat, 14 Mar 2026 09:30:00 +0100",
        subject="Where is the =?utf-8?q?K=C3=B6lner?= crate?",
    )
    parsed = read(content, MediaType.EMAIL)
    assert parsed.text == (
        "Where is the Kölner crate?\n\nFrom: Bo Lindt <bo@acme.example>\nTo: ana@acme.example\n"
        "Date: 2026-03-14 09:30 +0100\n\nHello Ana,\n\nthe crate arrives on Monday.\n\n"
        "Attachments: crate list.pdf"
    )
    assert parsed.title == "Where is the Kölner crate?"


def test_a_message_in_html_shows_only_what_was_to_be_seen(read: Read) -> None:
    content = office.eml(
        html="<h1>Offer</h1><p>Ten percent<span style='display:none'>SECRET</span></p>",
        from_="bo@acme.example",
        subject="Offer of the week",
    )
    parsed = read(content, MediaType.EMAIL)
    assert parsed.text == ("Offer of the week\n\nFrom: bo@acme.example\n\nOffer\n\nTen percent")


def _entities(content: bytes, part: str) -> bytes:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    return office.with_part(content, part, bomb)


PPTX = office.pptx(lambda show: office.slide(show, "A slide"))
XLSX = office.xlsx(lambda book: office.rows(book.active, [["A", "B"], [1, 2]]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        (_entities(PPTX, "ppt/slides/slide1.xml"), MediaType.PPTX, "corrupt_file"),
        (_entities(XLSX, "xl/worksheets/sheet1.xml"), MediaType.XLSX, "corrupt_file"),
        (office.with_part(XLSX, "xl/a.xml", b" " * (80 << 20)), MediaType.XLSX, "archive_bomb"),
        (XLSX, MediaType.PPTX, "unsupported_type"),
        (files.docx(), MediaType.XLSX, "unsupported_type"),
        (PPTX[: len(PPTX) // 2], MediaType.PPTX, "corrupt_file"),
        (
            office.with_part(
                XLSX,
                "xl/worksheets/sheet1.xml",
                b'<x><sheetData><row><c r="ZZZZ1"><v>1</v></c></row></sheetData></x>',
            ),
            MediaType.XLSX,
            "corrupt_file",
        ),
        (b"Subject only: no\n\nHello", MediaType.EMAIL, "corrupt_file"),
        (
            b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n"
            + b"--x\n\nhi\n" * 5_000,
            MediaType.EMAIL,
            "archive_bomb",
        ),
    ],
)
def test_a_hostile_office_file_is_refused(
    content: bytes, media_type: MediaType, code: str, read: Read
) -> None:
    with pytest.raises(ParsingError) as refusal:
        read(content, media_type)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("name", "head", "media_type"),
    [
        ("a.pptx", PPTX[:4096], MediaType.PPTX),
        ("a.xlsx", XLSX[:4096], MediaType.XLSX),
        ("a.eml", b"Received: by x\r\nFrom: a@b.example\r\n", MediaType.EMAIL),
    ],
)
def test_the_formats_are_recognised(name: str, head: bytes, media_type: MediaType) -> None:
    assert detect(name, head, len(head)) == media_type


@pytest.mark.parametrize(
    ("name", "head"), [("a.eml", b"no headers here"), ("a.xlsx", b"a,b\n1,2"), ("a.pptx", b"%PDF-")]
)
def test_content_of_another_kind_is_refused(name: str, head: bytes) -> None:
    with pytest.raises(ParsingError) as refusal:
        detect(name, head, len(head))
    assert refusal.value.code == "unsupported_type"
