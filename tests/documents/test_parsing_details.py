"""Files as programs and people make them: what each shows is in its text, in its place."""

from __future__ import annotations

import io
from typing import Any

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from openpyxl import Workbook

from documents.parsing import MediaType
from tests.documents.reading import Read, read
from tests.support import files, office

__all__ = ["read"]

LEVELS = (("upperRoman", "Article %1"), ("decimal", "%1.%2"), ("lowerLetter", "(%3)"))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Name;Preis;Ort\nZelt;249,50;Köln, Deutz"),
        ("cp1252", "L'hôtel coûte 120 € par nuit à Genève, où l'été est très agréable."),
        ("cp1252", "Mødet på Østergade kræver en rejsegodtgørelse på 300 kr."),
        ("cp1252", "A reunião não é às três: informações de gestão."),
        ("cp1252", "The “limit” – as agreed — is the customer’s…"),
        ("cp1252", "Größe"),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy."),
        ("cp1250", "Wniosek urlopowy należy złożyć u przełożonego."),
        ("cp1254", "Otel ücreti gecelik beş yüz lirayı aşamaz, çağrı şöyle yapılır."),
        ("mac_roman", "Müller wohnt in der Straße 5."),
        ("cp850", "Müller wohnt in der Straße 5."),
        ("cp1251", "Гостиница не дороже пяти тысяч рублей за ночь."),
        ("koi8-r", "Гостиница не дороже пяти тысяч рублей за ночь."),
        ("cp1253", "Το ξενοδοχείο κοστίζει εκατό ευρώ τη νύχτα."),
        ("cp932", "東京の会議は月曜日です。出張費は三万円まで。"),
        ("gb18030", "差旅费用每晚不得超过五百元。请提前申请。"),
        ("cp949", "출장비는 하루 십만 원까지입니다."),
    ],
)
def test_a_text_of_an_older_encoding_is_read_by_the_letters_of_its_language(
    encoding: str, text: str, read: Read
) -> None:
    assert read(text.encode(encoding), MediaType.TEXT).text == text


def test_damaged_utf_8_stays_utf_8(read: Read) -> None:
    damaged = "Größe und Länge, Breite und Höhe für München".encode()[:-1] + b"\xff"
    assert read(damaged, MediaType.TEXT).text.startswith("Größe und Länge, Breite und Höhe für")


def test_tables_as_spreadsheet_programs_export_them_carry_their_columns(read: Read) -> None:
    for content, text in (
        ("sep=;\r\nName;Preis\r\nZelt;249,50\r\n", "Name: Zelt; Preis: 249,50"),
        ("City,2024,2025\nBonn,3,4\n", "City: Bonn; 2024: 3; 2025: 4"),
        (
            "Prices of May,,\n,,\nName,Price,Note\nTent,9,new",
            "Prices of May\n\nName: Tent; Price: 9; Note: new",
        ),
        ("2024,2025\n3,4\n", "2024; 2025\n3; 4"),
    ):
        assert read(content, MediaType.CSV).text == text


def test_nothing_of_a_page_that_is_laid_out_by_tables_or_is_one_form_is_lost(read: Read) -> None:
    page = """<html><body><form id="aspnetForm"><table><tr><td>Menu</td><td>
    <table><tr><td><h2>Offer</h2><p>Ten percent.</p><ul><li>Tents</li></ul></td></tr></table>
    <table><tr><td>A</td><td>1</td></tr><tr><td>B</td><td>2</td></tr></table></td>
    <td>Right</td></tr></table><button>SECRET</button><p>After</p></form></body></html>"""
    parsed = read(page, MediaType.HTML)
    assert parsed.text == (
        "Menu\n\nOffer\n\nTen percent.\n\n- Tents\n\nA | 1\nB | 2\n\nRight\n\nAfter"
    )
    assert [heading.title for heading in parsed.headings] == ["Offer"]


def test_cells_over_several_rows_are_said_in_each_of_them(read: Read) -> None:
    page = """<table><tr><th>City</th><th>What</th><th>EUR</th><th>Until</th></tr>
    <tr><td rowspan="2">Berlin</td><td>Hotel</td><td>180</td><td rowspan="3">May</td></tr>
    <tr><td>Food</td><td>30</td></tr><tr><td colspan="2">All</td><td>210</td></tr></table>"""
    assert read(page, MediaType.HTML).text == (
        "City | What | EUR | Until\nBerlin | Hotel | 180 | May\nBerlin | Food | 30 | May\n"
        "All | 210 | May"
    )

    document = Document()
    rows = [["City", "What", "EUR"], ["Berlin", "Hotel", "180"], ["", "Food", "30"]]
    grid = document.add_table(rows=3, cols=3)
    for row, cells in zip(grid.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    grid.cell(1, 0).merge(grid.cell(2, 0))
    assert read(_saved(document), MediaType.DOCX).text == (
        "City | What | EUR\nBerlin | Hotel | 180\nBerlin | Food | 30"
    )

    def build(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        sheet.title = "Trips"
        office.rows(sheet, [*rows[:2], [None, "Food", "30"], [None, None, None], [None, "x", "y"]])
        sheet.merge_cells("A2:A4")

    assert read(office.xlsx(build), MediaType.XLSX).text == (
        "Trips\n\nCity: Berlin; What: Hotel; EUR: 180\nCity: Berlin; What: Food; EUR: 30\n"
        "What: x; EUR: y"
    )


def test_a_page_that_calls_itself_latin_1_is_read_as_browsers_read_it(read: Read) -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><p>10 € for “Müller”</p></html>'
    assert read(page.encode("cp1252"), MediaType.HTML).text == "10 € for “Müller”"


def test_numbers_of_a_workbook_keep_their_currency_and_unit(read: Read) -> None:
    def build(book: Workbook) -> None:
        sheet = book.active
        assert sheet is not None
        sheet.title = "Budget"
        office.rows(sheet, [["", 2024, 2025], ["Tent", 1249.5, -12], ["Rope", 5, 1_200_000]])
        for place, code in (
            ("B2", '_-* #,##0.00\\ "€"_-'),
            ("C2", "[$$-409]#,##0.00"),
            ("B3", '0" kg"'),
            ("C3", '0.0,,"M"'),  # shown in millions, so the sign would not fit the number
        ):
            sheet[place].number_format = code

    assert read(office.xlsx(build), MediaType.XLSX).text == (
        "Budget\n\nTent; 2024: 1249.5 €; 2025: $-12\nRope; 2024: 5 kg; 2025: 1200000"
    )


def test_clauses_of_a_contract_keep_the_numbers_that_word_gives_them(read: Read) -> None:
    document = Document()
    numbering = document.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for depth, (form, text) in enumerate(LEVELS)
    )
    space = nsdecls("w")
    numbering.insert(
        0, parse_xml(f'<w:abstractNum {space} w:abstractNumId="77">{levels}</w:abstractNum>')
    )
    numbering.append(
        parse_xml(f'<w:num {space} w:numId="77"><w:abstractNumId w:val="77"/></w:num>')
    )

    def numbered(paragraph: Any, depth: int) -> None:
        paragraph._p.get_or_add_pPr().append(
            parse_xml(f'<w:numPr {space}><w:ilvl w:val="{depth}"/><w:numId w:val="77"/></w:numPr>')
        )

    numbered(document.add_heading("Scope", 1), 0)
    numbered(document.add_heading("Parties", 2), 1)
    numbered(document.add_heading("Term", 1), 0)
    numbered(document.add_heading("Notice", 2), 1)
    numbered(document.add_paragraph("Thirty days"), 2)
    numbered(document.add_paragraph("Sixty days"), 2)
    document.add_heading("Annex", 1)
    parsed = read(_saved(document), MediaType.DOCX)
    assert parsed.text == (
        "Article I Scope\n\nI.1 Parties\n\nArticle II Term\n\nII.1 Notice\n\n"
        "    (a) Thirty days\n    (b) Sixty days\n\nAnnex"
    )
    assert [heading.level for heading in parsed.headings] == [1, 2, 1, 2, 1]


def test_comments_headers_and_footers_stand_behind_a_word_text(read: Read) -> None:
    document = Document()
    said = document.add_paragraph("The text.")
    document.add_comment(said.runs, text="Is this right?", author="Ana", initials="A")
    for section in (document.sections[0], document.add_section()):
        section.header.paragraphs[0].text = "Confidential, version 3"
    foot = document.sections[0].footer.paragraphs[0]
    foot.add_run("Acme GmbH\tPage ")
    field = f'<w:fldSimple {nsdecls("w")} w:instr=" PAGE "><w:r><w:t>1</w:t></w:r></w:fldSimple>'
    foot._p.append(parse_xml(field))
    assert read(_saved(document), MediaType.DOCX).text == (
        "The text.\n\n"
        "Comment by Ana: Is this right?\n\nHeader: Confidential, version 3\nFooter: Acme GmbH"
    )


def test_word_s_strict_variant_is_read(read: Read) -> None:
    content = files.docx(["Grüße aus Köln."], heading="Care")
    part = office.part_of(content, "word/document.xml").replace(
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
    )
    strict = office.with_part(content, "word/document.xml", part)
    assert read(strict, MediaType.DOCX).text == "Care\n\nGrüße aus Köln."


def _saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()
