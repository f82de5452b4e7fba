"""The values that parsing takes and gives, shared by both sides of the sandbox."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

MAX_FILE_BYTES = 50 * 1024 * 1024
"""The largest file that one request takes: 50 MB. Larger ones come in parts."""


NAME_CHARACTERS = 255
"""What a document's name holds, its extension among them: as much as any usual file system does."""

PLACE = 10_000
"""Places on a page are given in this many parts of its width and height."""


class MediaType(StrEnum):
    """The formats we read, by the media type they are stored and served under."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    MARKDOWN = "text/markdown"
    TEXT = "text/plain"
    HTML = "text/html"
    CSV = "text/csv"
    EMAIL = "message/rfc822"
    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"
    GIF = "image/gif"


PICTURES = frozenset({MediaType.PNG, MediaType.JPEG, MediaType.WEBP, MediaType.GIF})
"""What has no text but what recognition reads in it: see `ocr.py`."""

PIXELS = 40_000_000
"""What one picture may have: a page at 600 dots an inch has 35 million."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one parse may use; past any of these it is refused, never truncated."""

    wall_seconds: float = 60.0
    cpu_seconds: int = 45
    memory_bytes: int = 256 * 1024 * 1024
    """The child's own memory; shared libraries take address space beyond it."""
    pages: int = 2_000
    recognized_pages: int = 0
    """Pages without letters that text recognition may read; see `ocr.py`."""
    characters: int = 10_000_000
    archive_entries: int = 2_000
    archive_bytes: int = 300 * 1024 * 1024
    """All entries unpacked together."""
    archive_part_bytes: int = 64 * 1024 * 1024
    """One unpacked part that we read."""
    archive_ratio: int = 200
    """Unpacked to packed, per entry above 1 MB: Word's own XML stays below about 60."""


DEFAULT = Limits()


def limits_for(size: int, usual: Limits = DEFAULT) -> Limits:
    """Return what reading a file of so many bytes may use: large ones are held in memory too."""
    more = max(0, size - MAX_FILE_BYTES)
    return replace(usual, memory_bytes=usual.memory_bytes + 3 * more) if more else usual


@dataclass(frozen=True, slots=True)
class PageSpan:
    """A page's characters: `text[start:end]`; `number` counts from 1."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, found in the text at `start`; level 1 is the highest."""

    level: int
    title: str
    start: int


@dataclass(frozen=True, slots=True)
class ParsedText:
    """The canonical text of a document: every citation's offsets point into `text`.

    `recognized` are numbers of pages that were read by text recognition, `unread` of those that
    have something on them and no letters.
    """

    text: str
    pages: tuple[PageSpan, ...] = ()
    headings: tuple[Heading, ...] = ()
    title: str = ""
    recognized: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()


class Refused(Exception):
    """A reader's refusal inside the child; it crosses the pipe as its code and extras."""

    def __init__(self, code: str, **extra: int | str) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra
