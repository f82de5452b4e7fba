"""Builders of real presentations, workbooks and messages, by the libraries that others use."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def pptx(build: Callable[[Any], None]) -> bytes:
    """Return the presentation that `build` fills."""
    presentation = Presentation()
    build(presentation)
    out = io.BytesIO()
    presentation.save(out)
    return out.getvalue()


def slide(
    presentation: Any,
    title: str,
    bullets: Sequence[str | tuple[str, int]] = (),
    *,
    notes: str = "",
    table: Sequence[Sequence[str]] = (),
    figures: Mapping[str, Mapping[str, float]] | None = None,
) -> Any:
    """Add a slide: bullets with their levels, notes, a table, a chart of `{series: {category}}`."""
    layout = presentation.slide_layouts[1 if bullets else 5]
    made = presentation.slides.add_slide(layout)
    made.shapes.title.text = title
    for number, bullet in enumerate(bullets):
        text, level = (bullet, 0) if isinstance(bullet, str) else bullet
        frame = made.placeholders[1].text_frame
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.text, paragraph.level = text, level
    if table:
        place = (Inches(1), Inches(3), Inches(6), Inches(2))
        grid = made.shapes.add_table(len(table), len(table[0]), *place).table
        for row, cells in enumerate(table):
            for column, text in enumerate(cells):
                grid.cell(row, column).text = text
    if figures:
        data = CategoryChartData()
        data.categories = list(next(iter(figures.values())))
        for name, values in figures.items():
            data.add_series(name, list(values.values()))
        place = (Inches(1), Inches(3), Inches(6), Inches(3))
        made.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data)
    if notes:
        made.notes_slide.notes_text_frame.text = notes
    return made


def xlsx(build: Callable[[Workbook], None]) -> bytes:
    """Return the workbook that `build` fills; its first sheet is there already."""
    workbook = Workbook()
    build(workbook)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def rows(sheet: Worksheet, values: Sequence[Sequence[Any]]) -> None:
    """Append rows to a sheet."""
    for row in values:
        sheet.append(list(row))


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    """Return an Office file with one of its parts replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, part)
    return out.getvalue()


def eml(
    body: str = "",
    *,
    html: str = "",
    attachments: Sequence[str] = (),
    **headers: str,
) -> bytes:
    """Return a message as mail programs save it; headers by name, `subject="Hello"`."""
    message = EmailMessage()
    for name, value in headers.items():
        message[name.rstrip("_").title()] = value
    if body:
        message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html") if body else message.set_content(
            html, subtype="html"
        )
    for name in attachments:
        message.add_attachment(
            b"%PDF-1.7 SECRET", maintype="application", subtype="pdf", filename=name
        )
    return message.as_bytes()


def part_of(content: bytes, name: str) -> bytes:
    """Return a part of an Office file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


def related(content: bytes, part: str, more: Mapping[str, bytes]) -> bytes:
    """Return an Office file with further parts, by the kind of their relation to `part`."""
    folder, _, name = part.rpartition("/")
    named = f"{folder}/_rels/{name}.rels"
    relations = part_of(content, named)
    for kind, added in more.items():
        content = with_part(content, f"{folder}/{kind}.xml", added)
        relation = f'<Relationship Id="{kind}" Type="{_RELATION}/{kind}" Target="{kind}.xml"/>'
        relations = relations.replace(b"</Relationships>", f"{relation}</Relationships>".encode())
    return with_part(content, named, relations)
