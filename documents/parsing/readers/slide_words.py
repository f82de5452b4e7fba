"""The words of a paragraph of a slide."""

from __future__ import annotations

from lxml import etree

from documents.parsing.readers.maths import formula
from documents.parsing.readers.ooxml import local


def words(paragraph: etree._Element) -> str:
    """Return a paragraph's text; a line break is a space, a formula stands on one line."""
    parts = []
    walk = etree.iterwalk(paragraph, events=("start",))
    for _, element in walk:
        match local(element):
            case "t":
                parts.append(element.text or "")
            case "br" | "tab":
                parts.append(" ")
            case "oMath":
                parts.append(formula(element))
                walk.skip_subtree()
            case "Fallback":  # a picture of the same, for programs that cannot show it
                walk.skip_subtree()
    return "".join(parts)
