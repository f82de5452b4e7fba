"""An open PDF that gives back what it holds: PDFium keeps all that it has read until it is closed.

A page's pictures are read with it, whether or not they are drawn. So a large document is closed and
opened anew between pages; what one page after another asks for again is not read for ever.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO

import pypdfium2

HELD = 32 * 1024 * 1024
"""Bytes that may have been read for pages before a document is opened anew."""
_OVER = 2
"""Times its size that a file is read at the most to this end: what its pages share counts anew."""


class OpenedPdf:
    """The pages of a PDF file, one after the other, from as little memory as a few of them take."""

    def __init__(self, source: BinaryIO) -> None:
        """Open the file. Raises PdfiumError."""
        self._source = source
        self._size = source.seek(0, os.SEEK_END)
        self._taken = self._whole = 0
        self.document = self._open()

    def __len__(self) -> int:
        return len(self.document)

    def page(self, index: int) -> pypdfium2.PdfPage:
        """Return a page; those before it must be closed. Raises PdfiumError for a broken one."""
        if self._taken > HELD and self._whole < _OVER * self._size:
            before, self.document = self.document, self._open()
            before.close()
        return self.document[index]

    def _open(self) -> pypdfium2.PdfDocument:
        document = pypdfium2.PdfDocument(self)
        self._taken = 0
        return document

    # What PDFium reads through.

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self._source.seek(place, whence)

    def tell(self) -> int:
        return self._source.tell()

    def read(self, size: int = -1) -> bytes:
        return self._source.read(size)

    def readinto(self, into: Any) -> int:
        read: int = self._source.readinto(into)  # type: ignore[attr-defined]
        self._taken += read
        self._whole += read
        return read
