"""Word documents: paragraphs, headings, lists, tables and notes, in reading order."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from documents.parsing import clean
from documents.parsing.archive import Archive
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, ParsedText, Refused
from documents.parsing.readers import ooxml
from documents.parsing.readers.docx_around import write_around
from documents.parsing.readers.docx_styles import Numbering, Styles, value, w
from documents.parsing.readers.docx_text import paragraph_text
from documents.parsing.readers.plain_headings import headings_of

_CONTAINERS = frozenset(map(w, ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag")))


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read a .docx. Only the XML parts with words in them are ever unpacked."""
    archive = Archive(data, limits)
    name = ooxml.main_part(archive, "word")
    folder = name.rpartition("/")[0]
    builder = TextBuilder(limits)
    builder.title = ooxml.core_title(archive)
    styles = Styles(ooxml.optional_xml(archive, f"{folder}/styles.xml"))
    numbering = Numbering(ooxml.optional_xml(archive, f"{folder}/numbering.xml"))
    body = ooxml.parse_xml(archive, name).find(w("body"))
    if body is None:
        raise Refused("corrupt_file")
    story = _Story(builder, styles, numbering)
    story.write(body)
    if story.only_lines:
        builder.headings = headings_of(builder.text())
    write_around(archive, name, builder)
    return builder.finish()


class _Story:
    """The body's blocks, written one after another."""

    def __init__(self, builder: TextBuilder, styles: Styles, numbering: Numbering) -> None:
        self.builder = builder
        self.styles = styles
        self.numbering = numbering
        self.lines: list[str] = []  # of a text that keeps them, not yet written
        self.only_lines = True  # so far

    def write(self, body: etree._Element) -> None:
        for element in _blocks(body):
            if element.tag == w("p"):
                self._paragraph(element)
            else:
                self._table(element)
        self._write_lines()

    def _write_lines(self) -> None:
        self.builder.verbatim("\n".join(self.lines))
        self.lines = []

    def _paragraph(self, element: etree._Element) -> None:
        properties = element.find(w("pPr"))
        style = self.styles.of(properties)
        if style.verbatim:
            self.lines.append(paragraph_text(element, line_break="\n"))
            return
        text = paragraph_text(element)
        if not text.strip():
            return
        self._write_lines()
        self.only_lines = False
        if style.heading:
            label = self.numbering.label(properties, style)
            self.builder.heading(style.heading, f"{label} {text}")
            if style.is_title and not self.builder.title:
                self.builder.title = text
            return
        marker = self.numbering.marker(properties, style)
        if marker is None:
            self.builder.paragraph(text)
        else:
            self.builder.row(marker + clean.line(text), "item")

    def _table(self, table: etree._Element) -> None:
        self._write_lines()
        self.only_lines = False
        self.builder.apart()
        above: dict[int, str] = {}  # what stands in cells that reach over rows
        for row in table.iterchildren(w("tr")):
            cells: list[str] = []
            column = 0
            for cell in row.iter(w("tc")):
                if _owner(cell) is not row:
                    continue
                merged = cell.find(f"{w('tcPr')}/{w('vMerge')}")
                if merged is not None and merged.get(w("val"), "continue") == "continue":
                    cells.append(above.get(column, ""))
                else:
                    cells.append(_cell_text(cell))
                    above[column] = cells[-1]
                wide = value(cell.find(f"{w('tcPr')}/{w('gridSpan')}")) or ""
                column += int(wide) if wide.isdecimal() else 1
            if any(cells):
                self.builder.row(" | ".join(cells))
        self.builder.apart()


def _blocks(parent: etree._Element) -> Iterator[etree._Element]:
    stack = [iter(parent)]
    while stack:
        for child in stack[-1]:
            if child.tag in (w("p"), w("tbl")):
                yield child
            elif child.tag in _CONTAINERS:
                stack.append(iter(child))
                break
        else:
            stack.pop()


def _owner(cell: etree._Element) -> etree._Element | None:
    """Return the row a cell stands in, through content controls, not through nested tables."""
    parent = cell.getparent()
    while parent is not None and parent.tag != w("tr"):
        parent = parent.getparent()
    return parent


def _cell_text(cell: etree._Element) -> str:
    return clean.line(" ".join(paragraph_text(p) for p in cell.iter(w("p"))))
