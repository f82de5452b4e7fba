"""Lines of a PDF page with their geometry, at a few native calls a line."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium

from documents.parsing import clean

SOFT_HYPHEN = "\ufffe"
"""What PDFium puts where a word was broken at the end of a line."""

_LINE = re.compile(rf"[^\r\n{SOFT_HYPHEN}]+(?:\r\n|\r|\n|{SOFT_HYPHEN})?")
_UNREADABLE_POINTS = 2.0
_CELL_GAP = 1.0  # times the size of type: a wider one is between two cells
_SENTENCE_GAP = 2.0  # the same behind a sentence, where justified lines are stretched most
_BOLD_CHARACTERS = 120
_ENDED = re.compile(r"[.!?…][\"'”\u2019)\]]*$")
_MARKER = re.compile(r"^(?:[•◦▪‣·●○■□\u2013—*-]|\(?[0-9a-zA-Z]{1,3}[.)])$")


@dataclass(slots=True)
class Line:
    """One line: its text (cells joined by ` | `) and its place, in points.

    `last_left` is where its last cell begins; without cells that is `left`. `term` is set where the
    lines below tell what it means: it stays a line of its own.
    """

    text: str
    left: float
    last_left: float
    right: float
    baseline: float
    size: float
    bold: bool
    soft: bool
    cells: bool
    term: bool = False


def lines_of(page: pypdfium2.PdfPage) -> list[Line]:
    """Return the page's lines in content order."""
    text_page = page.get_textpage()
    try:
        return _Reader(text_page).lines()
    finally:
        text_page.close()


class _Reader:
    def __init__(self, text_page: pypdfium2.PdfTextPage) -> None:
        self._raw = text_page.raw
        self._text = text_page.get_text_range(errors="replace")
        self._aligned = len(self._text) == text_page.count_chars()
        self._box = [ctypes.c_double() for _ in range(4)]
        self._origin = [ctypes.c_double() for _ in range(2)]
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()

    def lines(self) -> list[Line]:
        found = []
        for match in _LINE.finditer(self._text):
            line = self._line(match[0], match.start())
            if line is not None:
                found.append(line)
        return found

    def _line(self, raw: str, start: int) -> Line | None:
        soft = raw.endswith(SOFT_HYPHEN)
        content = raw.rstrip("\r\n \t" + SOFT_HYPHEN)
        lead = len(content) - len(content.lstrip())
        first, last = start + lead, start + len(content) - 1
        if last < first:
            return None
        size = self._line_size(first, last)
        if size < _UNREADABLE_POINTS:
            return None
        parts, last_cell = self._cells(content[lead:], first, size)
        text = " | ".join(part for part in map(clean.line, parts) if part)
        if not text:
            return None
        left, _ = self._edges(first)
        _, right = self._edges(last)
        return Line(
            text=text + "-" if soft and not text.endswith("-") else text,
            left=left,
            last_left=self._edges(first + last_cell)[0] if last_cell else left,
            right=right,
            baseline=self._baseline(first),
            size=size,
            bold=len(text) <= _BOLD_CHARACTERS and self._bold(first) and self._bold(last),
            soft=soft,
            cells=len(parts) > 1,
        )

    def _cells(self, content: str, first: int, size: float) -> tuple[list[str], int]:
        """Split a line at the wide gaps that PDFium itself filled with a space.

        Returns the cells, and where in the line the last one begins.
        """
        parts: list[str] = []
        begin = 0
        position = content.find(" ")
        while position >= 0:
            index = first + position
            if pdfium.FPDFText_IsGenerated(self._raw, self._index(index)) == 1:
                _, before = self._edges(index - 1)
                after, _ = self._edges(index + 1)
                part = content[begin:position]
                marks_item = not parts and _MARKER.match(part)
                widest = _SENTENCE_GAP if _ENDED.search(part) else _CELL_GAP
                if after - before > size * widest and not marks_item:
                    parts.append(part)
                    begin = position + 1
            position = content.find(" ", position + 1)
        return [*parts, content[begin:]], begin

    def _index(self, position: int) -> int:
        """Return the character index of a position in the text, which may leave some out."""
        if self._aligned:
            return position
        units = len(self._text[:position].encode("utf-16-le", "surrogatepass")) // 2
        return max(0, int(pdfium.FPDFText_GetCharIndexFromTextIndex(self._raw, units)))

    def _line_size(self, first: int, last: int) -> float:
        """Return the size that a line is set in, which may begin with a word in another one."""
        size, middle = self._size(first), self._size((first + last) // 2)
        return middle if middle != size and middle == self._size(last) else size

    def _size(self, position: int) -> float:
        """Return the height of the type as drawn: a matrix may scale the font's nominal size."""
        index = self._index(position)
        nominal = float(pdfium.FPDFText_GetFontSize(self._raw, index))
        matrix = pdfium.FS_MATRIX()
        if pdfium.FPDFText_GetMatrix(self._raw, index, matrix):
            scale = (matrix.c**2 + matrix.d**2) ** 0.5
            if scale:
                nominal *= scale
        return round(nominal, 1)

    def _edges(self, position: int) -> tuple[float, float]:
        left, right, bottom, top = self._box
        pdfium.FPDFText_GetCharBox(self._raw, self._index(position), left, right, bottom, top)
        return left.value, right.value

    def _baseline(self, position: int) -> float:
        x, y = self._origin
        pdfium.FPDFText_GetCharOrigin(self._raw, self._index(position), x, y)
        return y.value

    def _bold(self, position: int) -> bool:
        length = pdfium.FPDFText_GetFontInfo(
            self._raw, self._index(position), self._name, len(self._name), self._flags
        )
        name = self._name.raw[: max(0, min(length, len(self._name)))]
        return b"bold" in name.lower() or b"black" in name.lower() or b"heavy" in name.lower()
