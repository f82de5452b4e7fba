"""Decide what an upload is, from its name and its first bytes, before anything opens it."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from documents.parsing.errors import (
    PICTURE_WITHOUT_OCR,
    BadName,
    CorruptFile,
    EmptyFile,
    EncryptedFile,
    FileTooLarge,
    NameTooLong,
    UnsupportedType,
)
from documents.parsing.model import MAX_FILE_BYTES, NAME_CHARACTERS, PICTURES, MediaType
from documents.parsing.ocr import ocr_installed
from documents.parsing.readers.encodings import wide_text
from tenants.naming import one_line

HEAD_BYTES = 4096
"""How much of the file's beginning `detect` wants to see."""


_EXTENSIONS = {
    "pdf": MediaType.PDF,
    "docx": MediaType.DOCX,
    "pptx": MediaType.PPTX,
    "xlsx": MediaType.XLSX,
    "md": MediaType.MARKDOWN,
    "markdown": MediaType.MARKDOWN,
    "txt": MediaType.TEXT,
    "text": MediaType.TEXT,
    "html": MediaType.HTML,
    "htm": MediaType.HTML,
    "csv": MediaType.CSV,
    "eml": MediaType.EMAIL,
    "png": MediaType.PNG,
    "jpg": MediaType.JPEG,
    "jpeg": MediaType.JPEG,
    "webp": MediaType.WEBP,
    "gif": MediaType.GIF,
}
_PICTURE_MAGIC = {
    MediaType.PNG: re.compile(rb"\x89PNG\r\n\x1a\n"),
    MediaType.JPEG: re.compile(rb"\xff\xd8\xff"),
    MediaType.WEBP: re.compile(rb"RIFF....WEBP", re.DOTALL),
    MediaType.GIF: re.compile(rb"GIF8[79]a"),
}
_OFFICE = (MediaType.DOCX, MediaType.PPTX, MediaType.XLSX)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BINARY_MAGIC = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    _OLE,
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"\x7fELF",
    b"MZ\x90",
    b"\x1f\x8b",
    b"Rar!",
    b"7z\xbc\xaf",
    b"RIFF",
    b"SQLite format 3",
    b"\xca\xfe\xba\xbe",
    b"\xcf\xfa\xed\xfe",
    b"BZh",
    b"\xfd7zXZ",
    b"{\\rtf",
    b"%!PS",
)
_PDF_ANYWHERE = re.compile(rb"(?:^|[\r\n])%PDF-\d")
_MARKUP = re.compile(rb"^\s*<(?:!doctype\s+html|html|head|body|script|svg|\?xml)\b", re.I)
_HEADER = re.compile(rb"^(?:from|to|date|subject|received|return-path|message-id):", re.I | re.M)
_TAG = re.compile(rb"<[!/?a-zA-Z]")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def detect(
    name: str, head: bytes, size: int, *, max_bytes: int = MAX_FILE_BYTES, seen: bool = False
) -> MediaType:
    """Return the media type that both the extension and the content agree on.

    `head` is the first `HEAD_BYTES` bytes, `size` the whole file's. `seen`: a picture need not be
    read, since it is looked at. Raises `EmptyFile`,
    `FileTooLarge`, `UnsupportedType`, `EncryptedFile` or `CorruptFile`.
    """
    kind = announced(name, size, max_bytes=max_bytes, seen=seen)
    if not head:
        raise EmptyFile
    if kind in PICTURES:
        _check_picture(kind, head)
    elif kind is MediaType.PDF:
        _check_pdf(head)
    elif kind in _OFFICE:
        _check_office(head)
    else:
        _check_text(kind, head)
    return kind


def announced(
    name: str, size: int, *, max_bytes: int = MAX_FILE_BYTES, seen: bool = False
) -> MediaType:
    """Return the media type by the extension alone, of a file that has yet to arrive.

    Raises `EmptyFile`, `FileTooLarge` or `UnsupportedType`.
    """
    if size <= 0:
        raise EmptyFile
    if size > max_bytes:
        raise FileTooLarge(
            _(
                "This file is larger than %(most)s MB. Split it or reduce its images, then "
                "upload it again."
            )
            % {"most": f"{max_bytes / 1024 / 1024:g}"},
            limit=max_bytes,
        )
    kind = _EXTENSIONS.get(name.rpartition(".")[2].lower() if "." in name else "")
    if kind is None:
        raise UnsupportedType
    if kind in PICTURES and not (seen or ocr_installed()):
        raise UnsupportedType(PICTURE_WITHOUT_OCR)
    return kind


def safe_name(raw: str) -> str:
    """Return a name that is safe to show, log and put into a header.

    As `whole_name`, and whole: never cut. Raises `BadName` or `NameTooLong`.
    """
    name = whole_name(raw)
    if len(name) > NAME_CHARACTERS:
        raise NameTooLong
    return name


def whole_name(raw: str) -> str:
    """Return a name without path parts, control and invisible characters, however long.

    Raises `BadName` if nothing is left.
    """
    name = one_line(re.split(r"[/\\]", raw)[-1]).strip(". ")
    if not name:
        raise BadName
    return name


def _check_picture(kind: MediaType, head: bytes) -> None:
    if not _PICTURE_MAGIC[kind].match(head):
        raise UnsupportedType


def _check_pdf(head: bytes) -> None:
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-"):
        raise UnsupportedType


def _check_office(head: bytes) -> None:
    if head.startswith(_OLE):  # Office wraps a document with a password into this container.
        raise EncryptedFile
    if head.startswith(b"PK\x05\x06"):
        raise CorruptFile
    if not head.startswith(b"PK\x03\x04"):
        raise UnsupportedType


def _check_text(kind: MediaType, head: bytes) -> None:
    if head.startswith(_BINARY_MAGIC) or _PDF_ANYWHERE.search(head[:1024]):
        raise UnsupportedType
    if (wide := wide_text(head)) is not None:
        head = wide.encode("utf-8", "ignore")
    if len(_CONTROL.findall(head)) > len(head) // 200 or b"\x00" in head:
        raise UnsupportedType
    if kind is MediaType.HTML:
        if not _TAG.search(head):
            raise UnsupportedType
    elif kind is MediaType.EMAIL:
        if not _HEADER.search(head):
            raise UnsupportedType
    elif kind is not MediaType.MARKDOWN and _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise UnsupportedType
