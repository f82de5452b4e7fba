"""Footnotes and endnotes of a Word document: numbered where the text refers to them."""

from __future__ import annotations

from typing import Final

from lxml import etree

from documents.parsing import clean
from documents.parsing.archive import Archive
from documents.parsing.builder import TextBuilder
from documents.parsing.readers import ooxml
from documents.parsing.readers.docx_styles import numeral, w
from documents.parsing.readers.docx_text import paragraph_text
from documents.parsing.readers.ooxml import local

_FORMS: Final = {"footnote": "decimal", "endnote": "lowerRoman"}  # as Word numbers them


class Notes:
    """The notes of a document: a footnote is read behind its paragraph, an endnote at the end.

    A note that nothing refers to, or a deleted text alone, is seen nowhere and is not read.
    """

    def __init__(self, archive: Archive, main: str) -> None:
        self._texts: dict[tuple[str, str], str] = {}
        self._marks: dict[tuple[str, str], str] = {}
        self._waiting: dict[str, list[str]] = {kind: [] for kind in _FORMS}
        for relation in ooxml.relations(archive, main):
            kind = relation.kind.removesuffix("s")
            if kind in _FORMS and relation.target in archive:
                for note in ooxml.parse_xml(archive, relation.target).iterchildren(w(kind)):
                    text = clean.line(" ".join(map(paragraph_text, note.iter(w("p")))))
                    self._texts[kind, note.get(w("id"), "")] = text

    def mark(self, reference: etree._Element) -> str:
        """Return what stands for a note in the text, ` [1]`; endnotes are counted ` [i]`."""
        kind = local(reference).removesuffix("Reference")
        key = (kind, reference.get(w("id"), ""))
        if not self._texts.get(key):
            return ""
        if key not in self._marks:
            number = sum(1 for counted, _ in self._marks if counted == kind) + 1
            self._marks[key] = f"[{numeral(number, _FORMS[kind])}]"
            self._waiting[kind].append(f"{self._marks[key]} {self._texts[key]}")
        return f" {self._marks[key]}"

    def write(self, builder: TextBuilder) -> None:
        """Write the footnotes that were referred to since the last ones were written."""
        self._write("footnote", builder)

    def write_ends(self, builder: TextBuilder) -> None:
        """Write the endnotes."""
        builder.apart()
        self._write("endnote", builder)

    def _write(self, kind: str, builder: TextBuilder) -> None:
        for note in self._waiting[kind]:
            builder.row(note, "note")
        self._waiting[kind].clear()
