"""Formulas of Office files on one line: `x = (a + b)/(2c)`, `√(x^2 + y^2)`.

Their elements: https://learn.microsoft.com/openspecs/office_standards/ms-oi29500 (shared maths).
"""

from __future__ import annotations

import re

from lxml import etree

from documents.parsing.readers.ooxml import child, local

_WHOLE = re.compile(r"\w*")  # what needs no brackets
_UNSEEN = ("Pr", "del", "moveFrom", "instrText", "delText")  # ends of the names


def formula(element: etree._Element) -> str:
    """Return what a formula says, its fractions, powers, roots and sums with their signs.

    By recursion: the XML parser takes no more than 256 levels.
    """
    kind = local(element)
    match kind:
        case "t":
            return element.text or ""
        case "f":
            return f"{_grouped(element, 'num')}/{_grouped(element, 'den')}"
        case "sSub" | "sSup" | "sSubSup" | "sPre":
            return _part(element, "e") + _marks(element)
        case "nary":
            sign = _property(element, "naryPr", "chr", "∫")
            return f"{sign}{_marks(element)} {_part(element, 'e')}"
        case "limLow" | "limUpp":
            return (
                f"{_part(element, 'e')}{'_' if kind == 'limLow' else '^'}{_grouped(element, 'lim')}"
            )
        case "rad":
            return f"{_part(element, 'deg')}√{_grouped(element, 'e')}"
        case "d":
            ends = [_property(element, "dPr", f"{end}Chr", sign) for end, sign in _BRACKETS]
            between = _property(element, "dPr", "sepChr", "|")
            return ends[0] + between.join(map(formula, element.iterchildren("{*}e"))) + ends[1]
        case "func":
            return f"{_part(element, 'fName')} {_part(element, 'e')}"
        case "m" | "eqArr":
            rows = element.iterchildren("{*}mr", "{*}e")
            return "; ".join(
                ", ".join(map(formula, row)) if local(row) == "mr" else formula(row) for row in rows
            )
    return "".join(formula(each) for each in element if not local(each).endswith(_UNSEEN))


_BRACKETS = (("beg", "("), ("end", ")"))


def _part(element: etree._Element, name: str) -> str:
    found = child(element, name)
    return "" if found is None else formula(found)


def _grouped(element: etree._Element, name: str) -> str:
    text = _part(element, name).strip()
    return text if _WHOLE.fullmatch(text) else f"({text})"


def _marks(element: etree._Element) -> str:
    """Return what stands low and high beside a sign."""
    return "".join(
        f"{sign}{text}"
        for name, sign in (("sub", "_"), ("sup", "^"))
        if (text := _grouped(element, name))
    )


def _property(element: etree._Element, group: str, name: str, usual: str) -> str:
    found = child(element, group, name)
    if found is None:
        return usual
    return next(
        (str(value) for key, value in found.attrib.items() if str(key).endswith("}val")), ""
    )
