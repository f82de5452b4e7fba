"""HTML: what a person would see on the page, never what is hidden in it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from lxml import etree

from documents.parsing import clean
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, ParsedText, Refused
from documents.parsing.readers.encodings import decode
from documents.parsing.readers.grid import Grid
from documents.parsing.readers.links import address_of

_DROPPED = frozenset({
    "script", "style", "nav", "noscript", "template", "iframe", "object", "embed", "svg", "math",
    "canvas", "audio", "video", "button", "select", "input", "textarea", "head",
    "dialog", "applet", "frame", "frameset",
})  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "details", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5",
    "h6", "header", "hr", "html", "li", "main", "ol", "p", "pre", "section", "summary", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
})  # fmt: skip
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)"
    r"|font-size\s*:\s*0(?:\.0+)?(?:px|pt|em|rem|%)?\s*(?:;|!|$)"
    r"|text-indent\s*:\s*-\d{3,}|(?:left|top)\s*:\s*-\d{3,}",
    re.I,
)
_COLOUR = re.compile(r"(?:^|;)\s*color\s*:\s*([^;!]+)", re.I)
_GROUND = re.compile(r"(?:^|;)\s*background(?:-color)?\s*:\s*([^;!]+)", re.I)
_WHITES = frozenset({"white", "#fff", "#ffffff", "rgb(255,255,255)", "transparent"})
_WHITE_INK = _WHITES | {"rgba(255,255,255,1)", "rgba(0,0,0,0)", "hsl(0,0%,100%)"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CELLS = ("td", "th")
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)""", re.I)


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read a page's visible text, with headings, lists and tables."""
    builder = TextBuilder(limits)
    write(_decoded(data), builder)
    return builder.finish()


def write(page: str, builder: TextBuilder) -> None:
    """Write a page's visible text; its title names the document, unless it has a name."""
    parser = etree.HTMLParser(
        encoding="utf-8",
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(page.encode("utf-8", "ignore"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused("corrupt_file") from error
    if root is None:
        raise Refused("no_text")
    builder.title = builder.title or root.findtext(".//head/title") or ""
    _Page(builder).walk(root)


def _decoded(data: bytes) -> str:
    if not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) and (
        declared := _CHARSET.search(data[:2048])
    ):
        try:
            found = codecs.lookup(declared[1].decode("ascii")).name
        except LookupError:
            return decode(data)
        # What calls itself Latin 1 or ASCII is read as browsers read it:
        # https://encoding.spec.whatwg.org/#names-and-labels
        named = "cp1252" if found in ("iso8859-1", "ascii") else found
        return data.decode(named, errors="replace")
    return decode(data)


def _hidden(element: etree._Element) -> bool:
    attributes = element.attrib
    if "hidden" in attributes or attributes.get("aria-hidden", "").lower() == "true":
        return True
    style = attributes.get("style", "")
    if not style:
        return False
    if _HIDDEN_STYLE.search(style):
        return True
    ink = _COLOUR.search(style)
    if ink is None:
        return False
    colour = re.sub(r"\s", "", ink[1]).lower()
    ground = _GROUND.search(style)
    behind = re.sub(r"\s", "", ground[1]).lower() if ground else "white"
    return colour == behind or (colour in _WHITE_INK and behind in _WHITES)


def _only_places(table: etree._Element) -> bool:
    """Say whether a table only places what is in it: another table, or one cell to a row.

    Messages in HTML are made so, and pages that are older than style sheets.
    """
    if table.find(".//table") is not None:
        return True
    return all(sum(cell.tag in _CELLS for cell in row) < 2 for row in table.iter("tr"))


class _Page:
    """One pass over the tree, without recursion: a hostile page may nest very deep."""

    def __init__(self, builder: TextBuilder) -> None:
        self.builder = builder
        self.words: list[str] = []
        self.tables: list[Grid | None] = []  # those that are open; None for one that only places
        self.lists: list[int | None] = []
        self.marker = ""
        self.pre = 0
        self.titles = 0  # open headings
        self.linked: list[tuple[str, int]] = []  # open links: the address, where its words begin

    def walk(self, root: etree._Element) -> None:
        for event, element in self._events(root):
            tag = element.tag
            if event == "start":
                self.open(str(tag), element)
                self.words.append(element.text or "")
            elif event == "end":
                self.close(str(tag), element)
                self.words.append(element.tail or "")
            else:
                self.words.append(element.tail or "")
        self.flush()

    @staticmethod
    def _events(root: etree._Element) -> Iterator[tuple[str, etree._Element]]:
        walk = etree.iterwalk(root, events=("start", "end"))
        dropped = False
        for event, element in walk:
            if event == "start":
                dropped = (
                    not isinstance(element.tag, str) or element.tag in _DROPPED or _hidden(element)
                )
                if dropped:
                    walk.skip_subtree()
                    continue
                yield "start", element
            elif dropped:
                dropped = False
                yield "skip", element
            else:
                yield "end", element

    @property
    def grid(self) -> Grid | None:
        """The table whose cells are being read."""
        return self.tables[-1] if self.tables else None

    def open(self, tag: str, element: etree._Element) -> None:
        if tag == "img" and (alt := element.get("alt")):
            self.words.append(f" {alt} ")
        self.titles += tag in _HEADINGS
        if tag == "a":
            self.linked.append((element.get("href", ""), len(self.words)))
        if tag not in _BLOCKS:
            return
        if tag == "br" and self.pre:
            self.words.append("\n")
            return
        if self.grid is not None and self.grid.row is not None:
            self.words.append(" ")
            if tag in _CELLS:
                self.words = []
            return
        if tag == "dd":  # goes on behind the term that it explains
            return
        self.flush()
        match tag:
            case "ul":
                self.lists.append(None)
            case "ol":
                self.lists.append(
                    int(start) if (start := element.get("start", "1")).isdigit() else 1
                )
            case "li":
                self._item()
            case "table":
                self.tables.append(None if _only_places(element) else Grid())
                self.builder.apart()
            case "tr" if self.grid is not None:
                self.grid.begin()
            case "pre":
                self.pre += 1

    def _item(self) -> None:
        number = self.lists[-1] if self.lists else None
        indent = "  " * max(0, len(self.lists) - 1)
        self.marker = indent + ("- " if number is None else f"{number}. ")
        if number is not None:
            self.lists[-1] = number + 1

    def close(self, tag: str, element: etree._Element) -> None:
        grid = self.grid if self.grid is not None and self.grid.row is not None else None
        self.titles -= tag in _HEADINGS
        if grid is not None and tag in _CELLS:
            text = clean.line("".join(self.words))
            grid.add(text, element.get("rowspan", ""), element.get("colspan", ""))
            self.words = []
        elif grid is not None and tag == "tr":
            self.builder.row(" | ".join(grid.end()))
            self.words = []
        elif tag == "a":
            self._close_link()
        elif tag not in _BLOCKS or (tag == "br" and self.pre):
            return
        elif grid is not None:
            self.words.append(" ")
        elif tag == "dt":
            self.words = [clean.line("".join(self.words)).rstrip(":"), ": "]
        else:
            self.flush(_HEADINGS.get(tag, 0))
            if tag in ("ul", "ol") and self.lists:
                self.lists.pop()
                self.marker = ""
            if tag in ("ul", "ol", "table") and not self.lists:
                self.builder.apart()
            if tag == "table":
                self.tables.pop()
            if tag == "pre":
                self.pre = max(0, self.pre - 1)

    def _close_link(self) -> None:
        """Say where a link leads, unless it heads a section or its words are written already."""
        href, start = self.linked.pop() if self.linked else ("", 0)
        words = "".join(self.words[start:])
        address = address_of(href, words) if words.strip() and not (self.pre or self.titles) else ""
        if address:
            self.words.append(f" ({address})")

    def flush(self, heading: int = 0) -> None:
        """Write the words gathered so far as the block they belong to."""
        text = "".join(self.words)
        self.words = []
        if not text.strip():
            return
        if heading:
            self.builder.heading(heading, text)
        elif self.pre:
            self.builder.verbatim(text)
        elif self.lists:
            self.builder.row((self.marker or "  " * len(self.lists)) + clean.line(text), "item")
            self.marker = ""
        else:
            self.builder.paragraph(text)
