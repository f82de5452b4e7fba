"""What stands around a Word document's text: comments, headers and footers."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from documents.parsing import clean
from documents.parsing.archive import Archive
from documents.parsing.builder import TextBuilder
from documents.parsing.readers import ooxml
from documents.parsing.readers.docx_styles import w
from documents.parsing.readers.docx_text import paragraph_text
from documents.parsing.readers.ooxml import local

_EDGES = (("header", "Header"), ("footer", "Footer"))
_FIELDS = (w("instrText"), w("fldSimple"))


def write_around(archive: Archive, main: str, builder: TextBuilder) -> None:
    """Write it behind the text: who commented, each line of the edges once."""
    relations = ooxml.relations(archive, main)

    def parts(kind: str) -> Iterator[etree._Element]:
        for relation in relations:
            if relation.kind == kind and relation.target in archive:
                yield ooxml.parse_xml(archive, relation.target)

    builder.apart()
    for part in parts("comments"):
        for comment in part.iterchildren(w("comment")):
            author = clean.line(comment.get(w("author"), ""))
            text = _text(comment)
            builder.row(f"Comment by {author}: {text}" if author else f"Comment: {text}")
    builder.apart()
    for kind, called in _EDGES:
        lines = dict.fromkeys(line for part in parts(kind) for line in _lines(part))
        for line in lines:
            builder.row(f"{called}: {line}")


def _text(parent: etree._Element) -> str:
    return clean.line(" ".join(map(paragraph_text, parent.iter(w("p")))))


def _lines(edge: etree._Element) -> Iterator[str]:
    """Yield the paragraphs of a header or footer, without those that number the pages."""
    for paragraph in edge.iter(w("p")):
        fields = " ".join(
            f"{field.text or ''} {field.get(w('instr'), '')}" for field in paragraph.iter(*_FIELDS)
        )
        text = clean.line(paragraph_text(paragraph))
        if "PAGE" in fields:
            text = clean.line(" ".join(_unnumbered(paragraph)))
        if any(character.isalpha() for character in text):
            yield text


def _unnumbered(paragraph: etree._Element) -> Iterator[str]:
    """Yield the parts between tabs that hold no page number."""
    part, numbers = "", False
    for element in paragraph.iter(w("t"), w("tab"), *_FIELDS):
        if element.tag == w("tab") and local(element.getparent()) == "r":
            if not numbers:
                yield part
            part, numbers = "", False
        elif element.tag == w("t"):
            part += element.text or ""
        elif "PAGE" in f"{element.text or ''} {element.get(w('instr'), '')}":
            numbers = True
    if not numbers:
        yield part
