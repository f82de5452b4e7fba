"""Set the Markdown sources of the demo documents as PDF and Word files.

Run `python config/demo/sources/render.py` after editing a source. The outputs, under
`config/demo/documents/`, are committed, so that the product needs neither library to seed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docx import Document
from docx.shared import Pt, RGBColor
from markdown_it import MarkdownIt
from markdown_it.token import Token
from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

HERE = Path(__file__).parent
DOCUMENTS = HERE.parent / "documents"
PDFS = {"travel-and-expense-policy", "patient-data-handling-policy", "employee-handbook"}
WRITTEN = datetime(2026, 3, 1, tzinfo=UTC)
INK = HexColor("#1d2329")
MUTED = HexColor("#66707a")


def source(path: Path) -> tuple[dict[str, str], list[Token]]:
    """Return a source's front matter and its Markdown tokens."""
    _, matter, text = path.read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in matter.strip().splitlines())
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return {name: value.strip('"') for name, value in fields.items()}, tokens


def blocks(tokens: list[Token]) -> list[tuple[str, Any]]:
    """Return `(kind, content)` for each heading, paragraph, item, table and page break."""
    found: list[tuple[str, Any]] = []
    lists: list[int | None] = []
    kind = ""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "heading_open":
            kind = token.tag
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(0 if token.type.startswith("ordered") else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type == "list_item_open" and lists[-1] is not None:
            lists[-1] += 1
        elif token.type == "table_open":
            rows, kind = [], "table"
        elif token.type == "table_close":
            found.append(("table", rows))
            kind = ""
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "hr":
            found.append(("break", None))
        elif token.type == "inline" and kind == "table":
            rows[-1].append(token.content)
        elif token.type == "inline" and kind:
            found.append((kind, token.content))
            kind = ""
        elif token.type == "inline" and lists:
            found.append(("number" if lists[-1] else "bullet", (lists[-1], token.content)))
        elif token.type == "inline":
            found.append(("p", token.content))
    return found


def bold(text: str) -> str:
    """Return Markdown's bold as reportlab's."""
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)


def pdf(fields: dict[str, str], content: list[tuple[str, Any]], target: Path) -> None:
    """Set a document as PDF: A4, one measure, a running foot with the page."""
    accent = HexColor(fields["colour"])
    base = ParagraphStyle(
        "base", fontName="Helvetica", fontSize=10.5, leading=15.5, textColor=INK, spaceAfter=7
    )
    title = ParagraphStyle(
        "title", base, fontName="Helvetica-Bold", fontSize=27, leading=32, textColor=accent
    )
    heads = {
        "h1": ParagraphStyle(
            "h1", base, fontName="Helvetica-Bold", fontSize=17, leading=22, spaceBefore=12,
            textColor=accent, keepWithNext=1,
        ),
        "h2": ParagraphStyle(
            "h2", base, fontName="Helvetica-Bold", fontSize=12.5, leading=17, spaceBefore=8,
            keepWithNext=1,
        ),
    }  # fmt: skip
    item = ParagraphStyle("item", base, leftIndent=15, bulletIndent=2, spaceAfter=4)
    cell = ParagraphStyle("cell", base, fontSize=9.5, leading=12.5, spaceAfter=0, alignment=TA_LEFT)
    top = ParagraphStyle("top", cell, fontName="Helvetica-Bold", textColor=white)
    story: list[Any] = [
        Paragraph(fields["title"], title),
        Paragraph(fields["line"], ParagraphStyle("line", base, fontSize=9.5, textColor=MUTED)),
        Spacer(1, 10),
    ]
    for kind, value in content:
        if kind == "break":
            story.append(PageBreak())
        elif kind in heads:
            story.append(Paragraph(bold(value), heads[kind]))
        elif kind == "bullet":
            story.append(Paragraph(bold(value[1]), item, bulletText="\u2022"))
        elif kind == "number":
            story.append(Paragraph(bold(value[1]), item, bulletText=f"{value[0]}."))
        elif kind == "table":
            cells = [[Paragraph(bold(t), top if not n else cell) for t in row]
                     for n, row in enumerate(value)]  # fmt: skip
            table = Table(cells, colWidths=[160 * mm / len(value[0])] * len(value[0]), repeatRows=1)
            table.setStyle(
                TableStyle(
                    [
                        ("BACKGROUND", (0, 0), (-1, 0), accent),
                        ("LINEBELOW", (0, 1), (-1, -1), 0.4, HexColor("#d5dade")),
                        ("VALIGN", (0, 0), (-1, -1), "TOP"),
                        ("TOPPADDING", (0, 0), (-1, -1), 5),
                        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
                    ]
                )
            )
            story += [Spacer(1, 3), table, Spacer(1, 11)]
        else:
            story.append(Paragraph(bold(value), base))

    def foot(canvas: Canvas, template: SimpleDocTemplate) -> None:
        canvas.setStrokeColor(accent)
        canvas.line(25 * mm, 18 * mm, 185 * mm, 18 * mm)
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(MUTED)
        canvas.drawString(25 * mm, 13 * mm, f"{fields['company']} \u00b7 {fields['title']}")
        canvas.drawRightString(185 * mm, 13 * mm, f"Page {template.page}")

    SimpleDocTemplate(
        str(target), pagesize=A4, leftMargin=25 * mm, rightMargin=25 * mm, topMargin=22 * mm,
        bottomMargin=26 * mm, title=fields["title"], author=fields["company"], invariant=1,
    ).build(story, onFirstPage=foot, onLaterPages=foot)  # fmt: skip


def docx(fields: dict[str, str], content: list[tuple[str, Any]], target: Path) -> None:
    """Set a document as Word file with real headings, lists and tables."""
    document = Document()
    properties = document.core_properties
    properties.title, properties.author = fields["title"], fields["company"]
    properties.created = properties.modified = WRITTEN
    document.styles["Normal"].font.name = "Calibri"
    document.styles["Normal"].font.size = Pt(11)
    colour = RGBColor.from_string(fields["colour"].lstrip("#"))
    for name in ("Title", "Heading 1", "Heading 2"):
        document.styles[name].font.color.rgb = colour
    document.add_heading(fields["title"], 0)
    document.add_paragraph(f"{fields['company']} \u00b7 {fields['line']}")
    for kind, value in content:
        if kind == "break":
            document.add_page_break()
        elif kind in ("h1", "h2"):
            document.add_heading(value, int(kind[1]))
        elif kind in ("bullet", "number"):
            style = "List Bullet" if kind == "bullet" else "List Number"
            document.add_paragraph(value[1], style=style)
        elif kind == "table":
            table = document.add_table(len(value), len(value[0]), style="Light Grid Accent 1")
            for row, texts in zip(table.rows, value, strict=True):
                for one, text in zip(row.cells, texts, strict=True):
                    one.text = text
        else:
            document.add_paragraph(value)
    document.save(str(target))


def main() -> None:
    """Set every source."""
    for path in sorted(HERE.glob("*/*.md")):
        fields, tokens = source(path)
        folder = DOCUMENTS / path.parent.name
        if path.stem in PDFS:
            pdf(fields, blocks(tokens), folder / f"{path.stem}.pdf")
        else:
            docx(fields, blocks(tokens), folder / f"{path.stem}.docx")


if __name__ == "__main__":
    main()
