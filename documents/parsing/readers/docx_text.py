"""The text of a Word paragraph as it is seen."""

from __future__ import annotations

from lxml import etree

from documents.parsing.readers.docx_styles import value, w

_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MATHS = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_UNSEEN = frozenset([*map(w, ("del", "moveFrom", "instrText", "delText", "rPr", "pPr")), _FALLBACK])
_ON = (None, "1", "true", "on")


def paragraph_text(paragraph: etree._Element, *, line_break: str = " ") -> str:
    """Return a paragraph's visible text: deleted, hidden and field-code text is left out."""
    parts: list[str] = []
    walk = etree.iterwalk(paragraph, events=("start",))
    for _, element in walk:
        tag = element.tag
        if tag in _UNSEEN or (tag == w("r") and _is_hidden(element)):
            walk.skip_subtree()
        elif tag in (w("t"), _MATHS):
            parts.append(element.text or "")
        elif tag in (w("br"), w("cr")):
            parts.append(line_break)
        elif tag == w("tab") or (tag == w("p") and element is not paragraph):
            parts.append(" ")
        elif tag == w("noBreakHyphen"):
            parts.append("-")
    return "".join(parts)


def _is_hidden(run: etree._Element) -> bool:
    hidden = run.find(f"{w('rPr')}/{w('vanish')}")
    return hidden is not None and value(hidden) in _ON
