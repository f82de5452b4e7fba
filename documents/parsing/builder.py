"""Write the canonical text block by block, recording headings where they fall."""

from __future__ import annotations

from documents.parsing import clean
from documents.parsing.model import Heading, Limits, PageSpan, ParsedText, Refused


class TextBuilder:
    """Append cleaned blocks; offsets are final as soon as a block is written."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._last = ""
        self.headings: list[Heading] = []
        self.pages: list[PageSpan] = []
        self.title = ""

    @property
    def length(self) -> int:
        """The number of characters written so far."""
        return self._length

    def write(self, text: str, separator: str = "\n\n") -> int:
        """Append clean text after the separator (none at the start); return its offset."""
        if self._length:
            self._append(separator)
        start = self._length
        self._append(text)
        return start

    def paragraph(self, text: str) -> None:
        """Add a paragraph on one line, apart from what came before."""
        if text := clean.line(text):
            self.write(text)
            self._last = "paragraph"

    def row(self, text: str, kind: str = "row") -> None:
        """Add a line that stands directly below the one before, if that is of its kind."""
        if text := clean.block(text):
            self.write(text, "\n" if self._last == kind else "\n\n")
            self._last = kind

    def verbatim(self, text: str) -> None:
        """Add a block that keeps its lines (code, preformatted text)."""
        if text := clean.block(text):
            self.write(text)
            self._last = "verbatim"

    def heading(self, level: int, text: str) -> None:
        """Add a heading and record it; the first one of level 1 names the document."""
        if text := clean.line(text):
            start = self.write(text)
            self._last = "heading"
            self.headings.append(Heading(level, text, start))

    def cut(self, characters: int) -> None:
        """Take back the last characters written (a hyphen whose word goes on)."""
        self._parts[-1] = self._parts[-1][:-characters]
        self._length -= characters

    def text(self) -> str:
        """Return all that is written so far."""
        return "".join(self._parts)

    def apart(self) -> None:
        """Keep the next row from joining the rows before it."""
        self._last = ""

    def finish(self) -> ParsedText:
        """Return the parsed text; one without any letter or digit is refused."""
        text = self.text()
        if not any(character.isalnum() for character in text):
            raise Refused("no_text")
        title = clean.line(self.title)
        if not title:
            title = (
                min(self.headings, key=lambda h: (h.level, h.start)).title if self.headings else ""
            )
        return ParsedText(text, tuple(self.pages), tuple(self.headings), title[:300])

    def _append(self, text: str) -> None:
        self._length += len(text)
        if self._length > self._limits.characters:
            raise Refused("too_much_text")
        self._parts.append(text)
