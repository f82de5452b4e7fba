"""Word documents as people leave them: notes, tracked changes, controls, fields, formulas."""

from __future__ import annotations

import io
from typing import Any

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from documents.parsing import MediaType
from tests.documents.reading import Read, read
from tests.support import office

__all__ = ["read"]

W = nsdecls("w")
MATHS = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def saved(document: Any) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def add(parent: Any, xml: str) -> None:
    """Append elements to a paragraph or cell, or to the body before its last properties."""
    parts = parse_xml(f"<w:x {W} {MATHS}>{xml}</w:x>")
    for part in list(parts):
        if parent.tag.endswith("}body"):
            parent.insert(len(parent) - 1, part)
        else:
            parent.append(part)


def run(text: str, inside: str = "") -> str:
    return f'<w:r>{inside}<w:t xml:space="preserve">{text}</w:t></w:r>'


def reference(kind: str, number: int) -> str:
    return f'<w:r><w:{kind}Reference w:id="{number}"/></w:r>'


def notes(kind: str, texts: dict[int, str]) -> bytes:
    told = "".join(
        f'<w:{kind} w:id="{number}"><w:p><w:r><w:{kind}Ref/></w:r>{run(text)}</w:p></w:{kind}>'
        for number, text in texts.items()
    )
    line = f'<w:{kind} w:type="separator" w:id="0"><w:p/></w:{kind}>'
    return f"<w:{kind}s {W}>{line}{told}</w:{kind}s>".encode()


def test_notes_are_marked_where_they_belong_and_read_behind_their_paragraph(read: Read) -> None:
    document = Document()
    first = document.add_paragraph("A room costs 140 euros")._p
    add(first, reference("footnote", 7) + run(" a night") + reference("endnote", 1) + run("."))
    item = document.add_paragraph("Breakfast", style="List Bullet")._p
    add(item, f"{reference('footnote', 2)}<w:del>{reference('footnote', 3)}</w:del>")
    cell = document.add_table(1, 2).rows[0].cells
    cell[0].text, cell[1].text = "Dinner", "20"
    add(cell[1].paragraphs[0]._p, reference("footnote", 4))
    content = office.related(
        saved(document),
        "word/document.xml",
        {
            "footnotes": notes(
                "footnote", {2: "Until ten.", 3: "SECRET", 4: "In euros.", 7: "With tax."}
            ),
            "endnotes": notes("endnote", {1: "As of May."}),
        },
    )
    assert read(content, MediaType.DOCX).text == (
        "A room costs 140 euros [1] a night [i].\n\n[1] With tax.\n\n- Breakfast [2]\n\n"
        "[2] Until ten.\n\nDinner | 20 [3]\n\n[3] In euros.\n\n[i] As of May."
    )


def test_tracked_changes_are_read_as_if_they_were_accepted(read: Read) -> None:
    document = Document()
    add(
        document.add_paragraph("Notice is ")._p,
        f'<w:del w:id="1">{run("30").replace("w:t", "w:delText")}</w:del>'
        f'<w:ins w:id="2">{run("60")}</w:ins>{run(" days")}'
        f'<w:moveFrom w:id="3">{run(" in writing")}</w:moveFrom>',
    )
    add(document.element.body, f'<w:moveTo w:id="4"><w:p>{run("In writing.")}</w:p></w:moveTo>')
    table = document.add_table(1, 1)
    table.rows[0].cells[0].text = "Kept"
    row = f"<w:tr><w:tc><w:p>{run('Added')}</w:p></w:tc></w:tr>"
    add(table._tbl, f'<w:ins w:id="5">{row}</w:ins>')
    assert read(saved(document), MediaType.DOCX).text == (
        "Notice is 60 days\n\nIn writing.\n\nKept\nAdded"
    )


def test_controls_give_what_was_filled_in_and_not_their_prompts(read: Read) -> None:
    def control(content: str, properties: str = "") -> str:
        told = f"<w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent>"
        return f"<w:sdt>{told}</w:sdt>"

    prompt = "<w:showingPlcHdr/>"
    document = Document()
    add(
        document.add_paragraph("Name: ")._p,
        control(run("Ana Ruiz")) + run(", born ") + control(run("Choose a date."), prompt),
    )
    row = f"<w:tr><w:tc><w:p>{run('Tent')}</w:p></w:tc><w:tc><w:p>{run('2')}</w:p></w:tc></w:tr>"
    table = f"<w:tbl><w:tblPr/><w:tblGrid/>{control(row)}{control(row, prompt)}</w:tbl>"
    add(
        document.element.body,
        control(f"<w:p>{run('A block.')}</w:p>")
        + control(f"<w:p>{run('Enter text.')}</w:p>", prompt) + table,
    )  # fmt: skip
    assert read(saved(document), MediaType.DOCX).text == (
        "Name: Ana Ruiz, born\n\nA block.\n\nTent | 2"
    )


def field(code: str, result: str) -> str:
    """Return a field as Word writes it; its code may hold another field."""
    inner = code if code.startswith("<") else f"<w:r><w:instrText>{code}</w:instrText></w:r>"
    begin, separate, end = (
        f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end")
    )
    return f"{begin}{inner}{separate}{run(result)}{end}"


def test_fields_give_their_results_and_contents_are_not_said_twice(read: Read) -> None:
    document = Document()
    document.styles.add_style("toc 1", 1)
    listed = document.add_paragraph("1\tScope\t2", style="toc 1")._p
    add(listed, field(" PAGEREF _Toc1 ", "2"))
    document.add_paragraph("2 Terms of use\t3", style="toc 1")
    document.add_paragraph("Annex of another file\t9", style="toc 1")
    document.add_heading("Scope", 1)
    inside = f"<w:r><w:instrText> IF </w:instrText></w:r>{field(' MERGEFIELD x ', 'SECRET')}"
    add(
        document.add_paragraph("See section ")._p,
        field(" REF _Ref1 ", "Terms of use") + run(" on page ") + field(" PAGEREF _Ref1 ", "3")
        + run(" of ") + f'<w:fldSimple w:instr=" NUMPAGES ">{run("4")}</w:fldSimple>'
        + run(" for ") + field(inside, "guests"),
    )  # fmt: skip
    document.add_heading("Terms of use", 1)
    parsed = read(saved(document), MediaType.DOCX)
    assert parsed.text == (
        "Annex of another file 9\n\nScope\n\n"
        "See section Terms of use on page 3 of 4 for guests\n\nTerms of use"
    )


def t(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def test_a_formula_of_a_word_text_keeps_what_it_says(read: Read) -> None:
    square = f"<m:sSup><m:e>{t('b')}</m:e><m:sup>{t('2')}</m:sup></m:sSup>"
    root = (
        '<m:rad><m:radPr><m:degHide m:val="1"/></m:radPr><m:deg/>'
        f"<m:e>{square}{t('-4ac')}</m:e></m:rad>"
    )
    fraction = f"<m:f><m:num>{t('-b±')}{root}</m:num><m:den>{t('2a')}</m:den></m:f>"
    total = (
        f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>{t("i=1")}</m:sub>'
        f"<m:sup>{t('n')}</m:sup><m:e><m:sSub><m:e>{t('x')}</m:e><m:sub>{t('i')}</m:sub></m:sSub>"
        "</m:e></m:nary>"
    )
    rows = f"<m:mr><m:e>{t('1')}</m:e><m:e>{t('0')}</m:e></m:mr>" * 2
    matrix = (
        '<m:d><m:dPr><m:begChr m:val="["/><m:endChr m:val="]"/></m:dPr>'
        f"<m:e><m:m>{rows}</m:m></m:e></m:d>"
    )
    document = Document()
    add(document.add_paragraph("So ")._p, f"<m:oMath>{t('x=')}{fraction}</m:oMath>{run(' holds.')}")
    add(document.add_paragraph()._p, f"<m:oMathPara><m:oMath>{total}</m:oMath></m:oMathPara>")
    add(document.add_paragraph()._p, f"<m:oMath>{matrix}</m:oMath>")
    assert read(saved(document), MediaType.DOCX).text == (
        "So x=(-b±√(b^2-4ac))/2a holds.\n\n∑_(i=1)^n x_i\n\n[1, 0; 1, 0]"
    )


@pytest.mark.parametrize("depth", [50, 120, 10_000])
def test_a_formula_that_is_nested_very_deep_is_read_or_refused(read: Read, depth: int) -> None:
    from documents.parsing.errors import ParsingError

    document = Document()
    add(document.add_paragraph("Deep: ")._p, f"<m:oMath>{t('x')}</m:oMath>")
    content = saved(document)
    part = office.part_of(content, "word/document.xml")
    nested = b"<m:e>" * depth + t("x").encode() + b"</m:e>" * depth
    content = office.with_part(content, "word/document.xml", part.replace(t("x").encode(), nested))
    try:
        assert read(content, MediaType.DOCX).text == "Deep: x"
    except ParsingError as refusal:
        assert (refusal.code, depth) == ("corrupt_file", 10_000)
