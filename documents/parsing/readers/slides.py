"""PowerPoint presentations: each slide a page, its title a heading, then its shapes and notes.

Slides that were made from pages, a text box for each line, are read as those pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lxml import etree

from documents.parsing import clean
from documents.parsing.archive import Archive
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, PageSpan, ParsedText, Refused
from documents.parsing.readers import charts, ooxml, pdf
from documents.parsing.readers.ooxml import child, local, named
from documents.parsing.readers.pdf_lines import Line
from documents.parsing.readers.pdf_running import drop_running_lines
from documents.parsing.readers.slide_comments import authors_of, comments_of
from documents.parsing.readers.slide_lines import drawn_lines
from documents.parsing.readers.slide_words import words

_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"dt", "ftr", "hdr", "sldNum", "sldImg"})
_LISTS = frozenset({"body", "obj", ""})
_OFF = ("0", "false", "off")
_ON = ("1", "true", "on")
_MORE = ("notesSlide", "comments")  # what stands beside a slide
_LINES = 6  # that a slide has on the average, where each line is a text box
_FALLBACK = "Fallback"  # the same drawing again, for programs that cannot show the first one


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read a .pptx: what an audience sees, in the order of the show, with the speaker's notes."""
    archive = Archive(data, limits)
    main = ooxml.main_part(archive, "ppt")
    builder = TextBuilder(limits)
    builder.title = ooxml.core_title(archive)
    parts = {relation.id: relation.target for relation in ooxml.relations(archive, main)}
    slides = child(ooxml.parse_xml(archive, main), "sldIdLst")
    names = [
        parts.get(ooxml.relation_id(slide), "") for slide in (() if slides is None else slides)
    ]
    if len(names) > limits.pages:
        raise Refused("too_many_pages", limit=limits.pages, pages=len(names))
    if any(name not in archive for name in names):
        raise Refused("corrupt_file")
    if drawn := _drawn(archive, names):
        drop_running_lines(drawn)
        found = pdf.written(drawn, limits, recognized=())
        return replace(found, title=clean.line(builder.title)[:300] or found.title)
    authors = authors_of(archive, main)
    for number, name in enumerate(names, start=1):
        before = builder.length
        _write_slide(archive, name, builder, authors)
        # Blocks are set apart by a blank line: the page begins behind it.
        start = before + 2 if before and builder.length > before else before
        builder.pages.append(PageSpan(number, start, builder.length))
    return builder.finish()


def _drawn(archive: Archive, names: list[str]) -> list[list[Line]]:
    """Return the lines of every slide, where all are drawn line by line; else nothing."""
    pages: list[list[Line]] = []
    for name in names:
        slide = ooxml.parse_xml(archive, name)
        tree = child(slide, "cSld", "spTree")
        shown = tree is not None and slide.get("show") not in _OFF
        lines = drawn_lines(_shapes(tree)) if shown and tree is not None else []
        more = any(relation.kind in _MORE for relation in ooxml.relations(archive, name))
        if lines is None or (more and lines):
            return []
        pages.append(lines)
    written = [page for page in pages if page]
    return pages if sum(map(len, written)) >= _LINES * max(1, len(written)) else []


def _write_slide(
    archive: Archive, name: str, builder: TextBuilder, authors: dict[str, str]
) -> None:
    slide = ooxml.parse_xml(archive, name)
    if slide.get("show") in _OFF:
        return
    tree = child(slide, "cSld", "spTree")
    if tree is None:
        return
    relations = ooxml.relations(archive, name)
    writer = _Slide(archive, builder, {relation.id: relation.target for relation in relations})
    shapes = list(_shapes(tree))
    builder.apart()
    # A title may stand anywhere in the file; readers meet it first.
    for shape in sorted(shapes, key=lambda shape: _placeholder(shape) not in _TITLES):
        writer.write(shape)
    for relation in relations:
        if relation.kind == "notesSlide" and relation.target in archive:
            _write_notes(ooxml.parse_xml(archive, relation.target), builder)
    builder.apart()
    for line in comments_of(archive, relations, authors):
        builder.row(line)


def _shapes(tree: etree._Element) -> Iterator[etree._Element]:
    """Yield the visible shapes in the file's order, which is the reading order, out of groups."""
    stack = [iter(tree)]
    while stack:
        for element in stack[-1]:
            kind = local(element)
            if kind == _FALLBACK or _is_hidden(element):
                continue
            if kind in ("grpSp", "AlternateContent", "Choice"):
                stack.append(iter(element))
                break
            if kind in ("sp", "graphicFrame", "pic"):
                yield element
        else:
            stack.pop()


def _properties(shape: etree._Element) -> etree._Element | None:
    for element in shape:
        if local(element) in ("nvSpPr", "nvGrpSpPr", "nvGraphicFramePr", "nvPicPr"):
            return element
    return None


def _is_hidden(shape: etree._Element) -> bool:
    own = child(_properties(shape), "cNvPr")
    return own is not None and own.get("hidden") in _ON


def _placeholder(shape: etree._Element) -> str | None:
    """Return the kind of a placeholder, empty for one of no kind; None for any other shape."""
    found = child(_properties(shape), "nvPr", "ph")
    return None if found is None else str(found.get("type", ""))


class _Slide:
    """Writes the shapes of one slide."""

    def __init__(self, archive: Archive, builder: TextBuilder, parts: dict[str, str]) -> None:
        self._archive = archive
        self._builder = builder
        self._parts = parts

    def write(self, shape: etree._Element) -> None:
        kind = local(shape)
        if kind == "sp":
            self._write_text(shape)
        elif kind == "pic":
            self._write_alternative(shape)
        else:
            self._write_frame(shape)

    def _write_text(self, shape: etree._Element) -> None:
        kind = _placeholder(shape)
        body = child(shape, "txBody")
        if body is None or kind in _FURNITURE:
            return
        if kind in _TITLES:
            self._builder.heading(1, " ".join(map(words, named(body, "p"))))
            return
        self._builder.apart()
        paragraphs = [p for p in named(body, "p") if words(p).strip()]
        listed = kind in _LISTS and len(paragraphs) > 1
        for paragraph in paragraphs:
            marker = _marker(paragraph, listed)
            if marker is None:
                self._builder.paragraph(words(paragraph))
            else:
                self._builder.row(marker + clean.line(words(paragraph)), "item")

    def _write_alternative(self, shape: etree._Element) -> None:
        """A picture says what its author wrote about it; names that programs give say nothing."""
        own = child(_properties(shape), "cNvPr")
        self._builder.paragraph(str(own.get("descr", "")) if own is not None else "")

    def _write_frame(self, shape: etree._Element) -> None:
        data = child(shape, "graphic", "graphicData")
        if data is None:
            return
        for element in data:
            match local(element):
                case "tbl":
                    self._write_table(element)
                case "chart":
                    self._write_chart(self._parts.get(ooxml.relation_id(element), ""))
                case "relIds":
                    self._write_diagram(element)

    def _write_table(self, table: etree._Element) -> None:
        self._builder.apart()
        above: list[str] = []  # a cell that reaches over rows is said in each of them
        for row in table.iterchildren("{*}tr"):
            cells = [
                above[column] if _goes_on(cell) and column < len(above) else _cell(cell)
                for column, cell in enumerate(row.iterchildren("{*}tc"))
            ]
            above = cells
            if any(cells):
                self._builder.row(" | ".join(cells))
        self._builder.apart()

    def _write_chart(self, name: str) -> None:
        part = ooxml.optional_xml(self._archive, name)
        if part is None:
            return
        self._builder.apart()
        for line in charts.lines(part):
            self._builder.row(line)
        self._builder.apart()

    def _write_diagram(self, element: etree._Element) -> None:
        """SmartArt keeps its words in a part of its own, point by point."""
        ids = [str(value) for key, value in element.attrib.items() if str(key).endswith("}dm")]
        part = ooxml.optional_xml(self._archive, self._parts.get("".join(ids), ""))
        if part is None:
            return
        self._builder.apart()
        for paragraph in named(part, "p"):
            text = clean.line(words(paragraph))
            self._builder.row(f"- {text}" if text else "", "item")


def _goes_on(cell: etree._Element) -> bool:
    return cell.get("vMerge") in _ON and cell.get("hMerge") not in _ON


def _cell(cell: etree._Element) -> str:
    if cell.get("hMerge") in _ON:
        return ""
    return clean.line(" ".join(map(words, named(cell, "p"))))


def _marker(paragraph: etree._Element, listed: bool) -> str | None:
    """Return the mark of a list item with its indentation, or None for running text."""
    properties = child(paragraph, "pPr")
    level = str(properties.get("lvl", "0")) if properties is not None else "0"
    kinds = {local(element) for element in properties} if properties is not None else set()
    if "buNone" in kinds or not (listed or kinds & {"buChar", "buAutoNum", "buBlip"}):
        return None
    return "  " * (int(level) if level.isdecimal() and int(level) < 9 else 0) + "- "


def _write_notes(notes: etree._Element, builder: TextBuilder) -> None:
    for shape in named(notes, "sp"):
        if _placeholder(shape) == "body":
            text = clean.line(" ".join(map(words, named(shape, "p"))))
            builder.paragraph(f"Notes: {text}" if text else "")
