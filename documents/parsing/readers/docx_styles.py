"""Word's styles and numbering: which paragraphs are headings, and what marks a list item."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from lxml import etree

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_HEADING = re.compile(r"heading (\d)$")
_CONTENTS = re.compile(r"(?:toc|contents) \d$")
_INHERITANCE = 20
_PLACE = re.compile(r"%([1-9])")
_REPEATED = 10
_ROMAN_END = 4000
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_VERBATIM = frozenset({"preformatted text", "html preformatted", "plain text"})


def w(name: str) -> str:
    """Return a WordprocessingML name in lxml's notation."""
    return f"{{{_W}}}{name}"


def value(element: etree._Element | None) -> str | None:
    """Return an element's `w:val`."""
    return None if element is None else element.get(w("val"))


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph's style and own properties say about it."""

    heading: int = 0
    is_title: bool = False
    numbering: str | None = None
    level: int = 0
    bullet: bool = False
    contents: bool = False  # a line of the table of contents
    verbatim: bool = False  # its paragraphs are lines, of code or of text that was wrapped by hand


class Styles:
    """The paragraph styles of a document."""

    def __init__(self, root: etree._Element | None) -> None:
        self._elements: dict[str, etree._Element] = {}
        if root is not None:
            for element in root.iterchildren(w("style")):
                self._elements[element.get(w("styleId"), "")] = element

    def of(self, properties: etree._Element | None) -> Style:
        """Resolve a paragraph's style through what it is based on."""
        if properties is None:
            return Style()
        outline = value(properties.find(w("outlineLvl")))
        heading = int(outline) + 1 if outline and outline.isdigit() and int(outline) < 9 else 0
        identifier = value(properties.find(w("pStyle")))
        numbering: str | None = None
        level = 0
        bullet = is_title = contents = verbatim = False
        for _ in range(_INHERITANCE):
            element = self._elements.get(identifier or "")
            if element is None:
                break
            name = (value(element.find(w("name"))) or "").lower()
            is_title = is_title or name == "title"
            bullet = bullet or name.startswith("list bullet")
            contents = contents or bool(_CONTENTS.match(name))
            verbatim = verbatim or name in _VERBATIM
            if not heading:
                heading = self._heading(name, element)
            number = element.find(f"{w('pPr')}/{w('numPr')}")
            if numbering is None and number is not None:
                numbering = value(number.find(w("numId")))
                level = int(value(number.find(w("ilvl"))) or 0)
            identifier = value(element.find(w("basedOn")))
        return Style(min(heading, 6), is_title, numbering, level, bullet, contents, verbatim)

    @staticmethod
    def _heading(name: str, element: etree._Element) -> int:
        if name == "title":
            return 1
        if match := _HEADING.match(name):
            return int(match[1])
        outline = value(element.find(f"{w('pPr')}/{w('outlineLvl')}"))
        return int(outline) + 1 if outline and outline.isdigit() and int(outline) < 9 else 0


@dataclass(frozen=True, slots=True)
class Level:
    """How a level of a list is numbered: `%1.%2` are the counts of the levels down to it."""

    form: str = "decimal"
    text: str = "%1."
    start: int = 1

    @staticmethod
    def of(element: etree._Element) -> Level:
        """Read a level of a list's definition."""
        form = value(element.find(w("numFmt"))) or "decimal"
        first = value(element.find(w("start"))) or ""
        text = value(element.find(w("lvlText")))
        if text is None:
            text = f"%{int(element.get(w('ilvl'), '0')) + 1}."
        if not _PLACE.search(text) and form != "bullet":
            form = "none"
        return Level(form, text, int(first) if first.isdecimal() else 1)


class Numbering:
    """List markers, counted as Word counts them: per list and level."""

    def __init__(self, root: etree._Element | None) -> None:
        self._levels: dict[tuple[str, int], Level] = {}
        self._counters: defaultdict[tuple[str, int], int] = defaultdict(int)
        if root is None:
            return
        abstract: dict[str, dict[int, Level]] = {}
        for element in root.iterchildren(w("abstractNum")):
            abstract[element.get(w("abstractNumId"), "")] = {
                int(level.get(w("ilvl"), "0")): Level.of(level)
                for level in element.iterchildren(w("lvl"))
            }
        for element in root.iterchildren(w("num")):
            known = abstract.get(value(element.find(w("abstractNumId"))) or "", {})
            for depth, level in known.items():
                self._levels[element.get(w("numId"), ""), depth] = level

    def label(self, properties: etree._Element | None, style: Style) -> str:
        """Return the number of a heading, as `4.2`; nothing for one without."""
        marker = (self.marker(properties, style) or "").strip()
        return "" if marker == "-" else marker

    def marker(self, properties: etree._Element | None, style: Style) -> str | None:
        """Return the marker of a list item, indented by its level; None for other paragraphs."""
        number = None if properties is None else properties.find(w("numPr"))
        if number is None:
            identifier, level = style.numbering, style.level
        else:
            identifier = value(number.find(w("numId"))) or style.numbering
            level = int(value(number.find(w("ilvl"))) or 0)
        if identifier == "0":
            return None
        if identifier is None:
            return "- " if style.bullet else None
        key = (identifier, level)
        self._counters[key] += 1
        for other in [k for k in self._counters if k[0] == identifier and k[1] > level]:
            del self._counters[other]
        indent = "  " * min(level, 8)
        known = self._levels.get(key)
        if known is None or known.form in ("bullet", "none"):
            return f"{indent}- "
        return f"{indent}{_PLACE.sub(lambda place: self._count(identifier, place[1]), known.text)} "

    def _count(self, identifier: str, place: str) -> str:
        depth = int(place) - 1
        level = self._levels.get((identifier, depth), Level())
        count = max(1, self._counters.get((identifier, depth), 0)) - 1 + level.start
        return numeral(count, level.form)


def numeral(count: int, form: str) -> str:
    """Return a number in one of Word's formats; those of other scripts are told in figures."""
    lower = form.lower()
    if count > 0 and lower.endswith("letter"):  # z is followed by aa, bb
        text = chr(97 + (count - 1) % 26) * ((count - 1) // 26 % _REPEATED + 1)
    elif 0 < count < _ROMAN_END and lower.endswith("roman"):
        text = ""
        for size, sign in _ROMAN:
            text += sign * (count // size)
            count %= size
    else:
        return f"{count:02}" if form == "decimalZero" else str(count)
    return text.upper() if form.startswith("upper") else text
