"""The text of a Word paragraph as it is seen."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from documents.parsing.readers.docx_styles import value, w
from documents.parsing.readers.maths import formula

_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MATHS = "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath"
_UNSEEN = frozenset([*map(w, ("del", "moveFrom", "instrText", "delText", "rPr", "pPr")), _FALLBACK])
_NOTES = frozenset(map(w, ("footnoteReference", "endnoteReference")))
_ON = (None, "1", "true", "on")

Mark = Callable[[etree._Element], str]
"""What stands in the text for the note that an element refers to."""


def paragraph_text(
    paragraph: etree._Element, *, line_break: str = " ", mark: Mark | None = None
) -> str:
    """Return a paragraph's visible text: without what is deleted, hidden or a field's code.

    Prompts of controls that nobody filled in are left out, too. `mark` says what stands for a note;
    without it nothing does.
    """
    parts: list[str] = []
    codes: list[bool] = []  # of the fields that are open: whether their result is yet to come
    walk = etree.iterwalk(paragraph, events=("start",))
    for _, element in walk:
        tag = element.tag
        if tag == w("fldChar"):
            _step(codes, element.get(w("fldCharType"), ""))
        elif tag in _UNSEEN or (tag == w("r") and _is_hidden(element)) or is_prompt(element):
            walk.skip_subtree()
        elif any(codes):  # a field in another one's code
            continue
        elif tag == _MATHS:
            parts.append(formula(element))
            walk.skip_subtree()
        elif tag == w("t"):
            parts.append(element.text or "")
        elif tag in (w("br"), w("cr")):
            parts.append(line_break)
        elif tag == w("tab") or (tag == w("p") and element is not paragraph):
            parts.append(" ")
        elif tag == w("noBreakHyphen"):
            parts.append("-")
        elif tag in _NOTES and mark is not None:
            parts.append(mark(element))
    return "".join(parts)


def _step(codes: list[bool], kind: str) -> None:
    if kind == "begin":
        codes.append(True)
    elif codes and kind == "separate":
        codes[-1] = False
    elif codes and kind == "end":
        codes.pop()


def _is_hidden(run: etree._Element) -> bool:
    hidden = run.find(f"{w('rPr')}/{w('vanish')}")
    return hidden is not None and value(hidden) in _ON


def is_prompt(element: etree._Element) -> bool:
    """Whether this is a content control's text that asks for one: `Click here to enter text.`"""
    if element.tag != w("sdt"):
        return False
    asks = element.find(f"{w('sdtPr')}/{w('showingPlcHdr')}")
    return asks is not None and value(asks) in _ON
