"""Word documents: paragraphs, headings, lists, tables and notes, in reading order."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from documents.parsing import clean
from documents.parsing.archive import Archive
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, ParsedText, Refused
from documents.parsing.readers.docx_styles import Numbering, Styles, value, w

_DOCUMENT = "/officeDocument"
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_CONTAINERS = frozenset(map(w, ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag")))
_UNSEEN = frozenset([*map(w, ("del", "moveFrom", "instrText", "delText", "rPr", "pPr")), _FALLBACK])
_ON = (None, "1", "true", "on")


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read a .docx. Only the XML parts with words in them are ever unpacked."""
    archive = Archive(data, limits)
    name = _main_part(archive)
    folder = name.rpartition("/")[0]
    builder = TextBuilder(limits)
    if "docProps/core.xml" in archive:
        builder.title = parse_xml(archive, "docProps/core.xml").findtext(_DC_TITLE) or ""
    styles = Styles(_optional(archive, f"{folder}/styles.xml"))
    numbering = Numbering(_optional(archive, f"{folder}/numbering.xml"))
    body = parse_xml(archive, name).find(w("body"))
    if body is None:
        raise Refused("corrupt_file")
    _Story(builder, styles, numbering).write(body)
    notes = _optional(archive, f"{folder}/footnotes.xml")
    if notes is not None:
        _write_notes(notes, builder)
    return builder.finish()


def parse_xml(archive: Archive, name: str) -> etree._Element:
    """Parse a part without entities, external files or a document type."""
    content = archive.read(name)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise Refused("corrupt_file")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise Refused("corrupt_file") from error


def _optional(archive: Archive, name: str) -> etree._Element | None:
    return parse_xml(archive, name) if name in archive else None


def _main_part(archive: Archive) -> str:
    """Return the name of the document's main part; another Office format is refused."""
    if "[Content_Types].xml" not in archive or "_rels/.rels" not in archive:
        raise Refused("unsupported_type")
    for relation in parse_xml(archive, "_rels/.rels"):
        if str(relation.get("Type", "")).endswith(_DOCUMENT):
            name = str(relation.get("Target", "")).lstrip("/")
            if name in archive and name.startswith("word/"):
                return name
    raise Refused("unsupported_type")


class _Story:
    """The body's blocks, written one after another."""

    def __init__(self, builder: TextBuilder, styles: Styles, numbering: Numbering) -> None:
        self.builder = builder
        self.styles = styles
        self.numbering = numbering

    def write(self, body: etree._Element) -> None:
        for element in _blocks(body):
            if element.tag == w("p"):
                self._paragraph(element)
            else:
                self._table(element)

    def _paragraph(self, element: etree._Element) -> None:
        text = paragraph_text(element)
        if not text.strip():
            return
        properties = element.find(w("pPr"))
        style = self.styles.of(properties)
        if style.heading:
            self.builder.heading(style.heading, text)
            if style.is_title and not self.builder.title:
                self.builder.title = text
            return
        marker = self.numbering.marker(properties, style)
        if marker is None:
            self.builder.paragraph(text)
        else:
            self.builder.row(marker + clean.line(text), "item")

    def _table(self, table: etree._Element) -> None:
        self.builder.apart()
        for row in table.iterchildren(w("tr")):
            cells = [_cell_text(cell) for cell in row.iter(w("tc")) if _owner(cell) is row]
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
    merged = cell.find(f"{w('tcPr')}/{w('vMerge')}")
    if merged is not None and merged.get(w("val"), "continue") == "continue":
        return ""
    return clean.line(" ".join(paragraph_text(p) for p in cell.iter(w("p"))))


def paragraph_text(paragraph: etree._Element) -> str:
    """Return a paragraph's visible text: deleted, hidden and field-code text is left out."""
    parts: list[str] = []
    walk = etree.iterwalk(paragraph, events=("start",))
    for _, element in walk:
        tag = element.tag
        if tag in _UNSEEN or (tag == w("r") and _is_hidden(element)):
            walk.skip_subtree()
        elif tag == w("t"):
            parts.append(element.text or "")
        elif tag in (w("tab"), w("br"), w("cr")) or (tag == w("p") and element is not paragraph):
            parts.append(" ")
        elif tag == w("noBreakHyphen"):
            parts.append("-")
    return "".join(parts)


def _is_hidden(run: etree._Element) -> bool:
    hidden = run.find(f"{w('rPr')}/{w('vanish')}")
    return hidden is not None and value(hidden) in _ON


def _write_notes(notes: etree._Element, builder: TextBuilder) -> None:
    builder.apart()
    for note in notes.iterchildren(w("footnote")):
        if note.get(w("type")) is None:
            text = clean.line(" ".join(paragraph_text(p) for p in note.iter(w("p"))))
            builder.row(f"[{note.get(w('id'))}] {text}" if text else "", "item")
