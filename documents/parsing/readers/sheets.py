"""Excel workbooks: each visible sheet a page, every row a line that can be understood alone."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import TypeAlias

from lxml import etree

from documents.parsing import clean
from documents.parsing.archive import Archive
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, PageSpan, ParsedText, Refused
from documents.parsing.readers import ooxml
from documents.parsing.readers.cells import Formats
from documents.parsing.readers.ooxml import COLUMNS, child, column_of, local, named
from documents.parsing.readers.sheet_comments import Comments, comments_of, people
from documents.parsing.readers.table import is_header, sentence

_ON = ("1", "true")
_HEADER_ROWS = 5  # a title and a note may stand above the columns' names
_ROWS = 1_048_576
_NOT_CALCULATED = "(not calculated)"  # no program has worked the formula out
_MERGED = re.compile(
    rb"""<(?:\w+:)?mergeCell\b[^>]*\bref=["']([A-Z]{1,3})(\d{1,7}):[A-Z]{1,3}(\d{1,7})"""
)

Row: TypeAlias = tuple[dict[int, str], list[str]]


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read an .xlsx: the cells' values as they are shown, formulas by their last result.

    A formula without one, as programs write it that do not calculate, is read itself.
    """
    archive = Archive(data, limits)
    main = ooxml.main_part(archive, "xl")
    workbook = ooxml.parse_xml(archive, main)
    builder = TextBuilder(limits)
    builder.title = ooxml.core_title(archive)
    relations = ooxml.relations(archive, main)
    parts = {relation.id: relation.target for relation in relations}
    by_kind = {relation.kind: relation.target for relation in relations}
    dates = child(workbook, "workbookPr")
    formats = Formats(
        ooxml.optional_xml(archive, by_kind.get("styles", "")),
        since_1904=dates is not None and dates.get("date1904") in _ON,
    )
    who = people(archive, relations)
    strings = _shared_strings(archive, by_kind.get("sharedStrings", ""))
    sheets = child(workbook, "sheets")
    for number, sheet in enumerate(sheets if sheets is not None else (), start=1):
        part = parts.get(ooxml.relation_id(sheet), "")
        before = builder.length
        if sheet.get("state", "visible") == "visible" and part in archive:
            comments = Comments(comments_of(archive, part, who))
            rows = _rows(archive.read(part), strings, formats, comments)
            _write_sheet(rows, str(sheet.get("name", "")), builder)
        start = before + 2 if before and builder.length > before else before
        builder.pages.append(PageSpan(number, start, builder.length))
    return builder.finish()


def _shared_strings(archive: Archive, name: str) -> list[str]:
    if name not in archive:
        return []
    return [_rich_text(item) for item in named(ooxml.parse_xml(archive, name), "si")]


def _rich_text(item: etree._Element) -> str:
    """Return a string's runs; readings of East Asian words are left out."""
    return "".join(text.text or "" for text in named(item, "t") if local(text.getparent()) != "rPh")


def _write_sheet(rows: Iterator[Row], name: str, builder: TextBuilder) -> None:
    ahead: list[dict[int, str]] = []
    header: dict[int, str] = {}
    comments: list[str] = []
    for row, said in rows:
        comments += said
        if len(row) > 1 and is_header([*row.values()] if 0 in row else ["", *row.values()]):
            header = row
            break
        ahead.append(row)
        if len(row) > 1 or len(ahead) == _HEADER_ROWS:
            break
    if not (header or ahead):
        return
    builder.apart()
    builder.heading(1, name)
    for line in ["; ".join(row.values()) for row in ahead] + comments:
        builder.row(line)
    builder.apart()
    titled = builder.length
    for row, said in rows:
        builder.row(sentence(_dense(header), _dense(row)))
        for line in said:
            builder.row(line)
    if builder.length == titled:  # a table that waits for its first row
        builder.row(" | ".join(header.values()))


def _dense(row: dict[int, str]) -> list[str]:
    return [row.get(column, "") for column in range(max(row, default=-1) + 1)]


def _rows(
    content: bytes, strings: list[str], formats: Formats, comments: Comments
) -> Iterator[Row]:
    """Yield the visible rows that hold something, by column from 0, with their comments."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise Refused("corrupt_file")
    hidden: set[int] = set()
    merged = {
        (int(top), _column(letters.decode(), 0)): int(bottom)
        for letters, top, bottom in _MERGED.findall(content)
        if int(bottom) > int(top)
    }
    held: dict[int, tuple[int, str]] = {}  # column: the last row of a cell over several, its text
    number = 0
    parsed = etree.iterparse(
        io.BytesIO(content),
        events=("end",),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        tag=("{*}row", "{*}col"),
    )
    try:
        for _, element in parsed:
            if local(element) == "col":
                hidden |= _hidden_columns(element)
                continue
            told = str(element.get("r", ""))
            number = int(told) if told.isdecimal() else number + 1
            row = _row(element, strings, formats, hidden)
            for column, text in row.items():
                if bottom := merged.get((number, column)):
                    held[column] = bottom, text
            shown = element.get("hidden") not in _ON
            said = comments.take(number, hidden, shown=shown)
            if row and shown:
                above = {
                    column: text
                    for column, (bottom, text) in held.items()
                    if number <= bottom and column not in row
                }
                yield row | above, said
            elif said:
                yield {}, said
            element.clear()
            while element.getprevious() is not None:  # rows that are read take no memory
                parent = element.getparent()
                del parent[0]
    except etree.XMLSyntaxError as error:
        raise Refused("corrupt_file") from error
    if said := comments.take(_ROWS, hidden):  # below the last row
        yield {}, said


def _hidden_columns(column: etree._Element) -> set[int]:
    if column.get("hidden") not in _ON:
        return set()
    first, last = str(column.get("min", "")), str(column.get("max", ""))
    if not (first.isdecimal() and last.isdecimal()):
        raise Refused("corrupt_file")
    return set(range(int(first) - 1, min(int(last), COLUMNS)))


def _row(
    row: etree._Element, strings: list[str], formats: Formats, hidden: set[int]
) -> dict[int, str]:
    found: dict[int, str] = {}
    column = -1
    for cell in row.iterchildren("{*}c"):
        column = _column(str(cell.get("r", "")), column + 1)
        if column in hidden:
            continue
        if text := clean.line(_value(cell, strings, formats)):
            found[column] = text
    return found


def _column(reference: str, following: int) -> int:
    """Return the column of a reference such as `AB12`, from 0; a cell may leave it out."""
    letters = reference.rstrip("0123456789")
    return column_of(letters) if letters else following


def _value(cell: etree._Element, strings: list[str], formats: Formats) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _rich_text(cell)
    stored = child(cell, "v")
    text = (stored.text or "") if stored is not None else ""
    formula = child(cell, "f")
    if formula is not None and not text and kind != "str":
        return f"={clean.line(formula.text or '')} {_NOT_CALCULATED}"
    match kind:
        case "s":
            place = int(text) if text.isdecimal() else -1
            if not 0 <= place < len(strings):
                raise Refused("corrupt_file")
            return strings[place]
        case "b":
            return {"1": "yes", "0": "no"}.get(text, "")
        case "e":  # an error such as #REF! says nothing
            return ""
        case "str" | "d":
            return text
    return formats.shown(text, str(cell.get("s", "")))
