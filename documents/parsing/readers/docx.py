"""Word documents: paragraphs, headings, lists, tables and notes, in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from documents.parsing import clean
from documents.parsing.archive import Archive
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, ParsedText, Refused
from documents.parsing.readers import ooxml
from documents.parsing.readers.docx_around import write_around
from documents.parsing.readers.docx_notes import Notes
from documents.parsing.readers.docx_styles import Numbering, Style, Styles, value, w
from documents.parsing.readers.docx_text import is_prompt, paragraph_text
from documents.parsing.readers.plain_headings import headings_of

_CONTAINERS = frozenset(map(w, ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag")))

_COUNTED = re.compile(r"^(?:\w{1,4}\.)*\w{1,4}\.?\s+")


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
    notes = Notes(archive, name)
    story = _Story(builder, styles, numbering, notes)
    story.write(body)
    if story.only_lines:
        builder.headings = headings_of(builder.text())
    notes.write_ends(builder)
    write_around(archive, name, builder)
    return builder.finish()


class _Story:
    """The body's blocks, written one after another."""

    def __init__(
        self, builder: TextBuilder, styles: Styles, numbering: Numbering, notes: Notes
    ) -> None:
        self.builder = builder
        self.styles = styles
        self.numbering = numbering
        self.notes = notes
        self.lines: list[str] = []  # of a text that keeps them, not yet written
        self.only_lines = True  # so far

    def write(self, body: etree._Element) -> None:
        said = _said(body, self.styles)
        for element in _blocks(body):
            if element.tag == w("p"):
                self._paragraph(element, said)
            else:
                self._table(element)
        self._write_lines()

    def _write_lines(self) -> None:
        if self.lines:
            self.builder.verbatim("\n".join(self.lines))
            self.lines = []
            self.notes.write(self.builder)

    def _paragraph(self, element: etree._Element, said: frozenset[str]) -> None:
        properties = element.find(w("pPr"))
        style = self.styles.of(properties)
        if style.contents and not _entry(element).isdisjoint(said):
            return
        if style.verbatim:
            self.lines.append(paragraph_text(element, line_break="\n", mark=self.notes.mark))
            return
        if self.lines and not paragraph_text(element).strip():
            return
        self._write_lines()
        text = paragraph_text(element, mark=self.notes.mark)
        if not text.strip():
            return
        self._write(text, properties, style)
        self.notes.write(self.builder)

    def _write(self, text: str, properties: etree._Element | None, style: Style) -> None:
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
        for row in _children(table, w("tr")):
            cells: list[str] = []
            column = 0
            for cell in row.iter(w("tc")):
                if _owner(cell) is not row:
                    continue
                merged = cell.find(f"{w('tcPr')}/{w('vMerge')}")
                if merged is not None and merged.get(w("val"), "continue") == "continue":
                    cells.append(above.get(column, ""))
                else:
                    cells.append(self._cell(cell))
                    above[column] = cells[-1]
                wide = value(cell.find(f"{w('tcPr')}/{w('gridSpan')}")) or ""
                column += int(wide) if wide.isdecimal() else 1
            if any(cells):
                self.builder.row(" | ".join(cells))
        self.builder.apart()
        self.notes.write(self.builder)

    def _cell(self, cell: etree._Element) -> str:
        texts = (paragraph_text(p, mark=self.notes.mark) for p in cell.iter(w("p")))
        return clean.line(" ".join(texts))


def _blocks(parent: etree._Element) -> Iterator[etree._Element]:
    return _children(parent, w("p"), w("tbl"))


def _children(parent: etree._Element, *tags: str) -> Iterator[etree._Element]:
    """Yield the children of these names, also those in content controls and tracked changes."""
    stack = [iter(parent)]
    while stack:
        for child in stack[-1]:
            if child.tag in tags:
                yield child
            elif child.tag in _CONTAINERS and not is_prompt(child):
                stack.append(iter(child))
                break
        else:
            stack.pop()


def _said(body: etree._Element, styles: Styles) -> frozenset[str]:
    """Return the paragraphs that a table of contents may name; none where there is none."""
    listed, found = False, set()
    for paragraph in body.iter(w("p")):
        if styles.of(paragraph.find(w("pPr"))).contents:
            listed = True
        else:
            found.add(clean.line(paragraph_text(paragraph)))
    return frozenset(found) if listed else frozenset()


def _entry(paragraph: etree._Element) -> set[str]:
    """Return what a line of contents may name, with a number before it and without."""
    text = "".join(
        "\t" if part.tag == w("tab") else part.text or ""
        for part in paragraph.iter(w("t"), w("tab"))
    )
    named = max(map(clean.line, text.split("\t")), key=len)
    return {named, _COUNTED.sub("", named)}


def _owner(cell: etree._Element) -> etree._Element | None:
    """Return the row a cell stands in, through content controls, not through nested tables."""
    parent = cell.getparent()
    while parent is not None and parent.tag != w("tr"):
        parent = parent.getparent()
    return parent
