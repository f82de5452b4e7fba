"""Files that would harm who opens them, each with what becomes of it, and pictures as floods."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from typing import Final

from tests.support import files, office

_CATALOG: Final = b"<< /Type /Catalog /Pages 2 0 R >>"
_PAGE: Final = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] "


def circular_pdf() -> bytes:
    """Return a PDF whose tree of pages leads back to itself."""
    return files.assembled(
        [_CATALOG, b"<< /Type /Pages /Count 9 /Kids [3 0 R] >>",
         b"<< /Type /Pages /Parent 2 0 R /Count 9 /Kids [2 0 R 3 0 R] >>"]
    )  # fmt: skip


def self_drawing_pdf() -> bytes:
    """Return a PDF whose page draws a form that draws itself."""
    return _drawing(b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9]"
                    b" /Resources << /XObject << /X 5 0 R >> >> /Length 5 >>\n"
                    b"stream\n/X Do\nendstream")  # fmt: skip


def flooding_pdf() -> bytes:
    """Return a PDF with a line of text and an image of 3.6 thousand million pixels."""
    pixels = zlib.compress(bytes(1 << 20))
    return _drawing(b"<< /Type /XObject /Subtype /Image /Width 60000 /Height 60000"
                    b" /ColorSpace /DeviceRGB /BitsPerComponent 8"
                    b" /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream"
                    % (len(pixels), pixels))  # fmt: skip


def _drawing(drawn: bytes) -> bytes:
    """Return a PDF whose page says `Otters swim.` and draws an object of the file."""
    said = b"BT /F 12 Tf 20 100 Td (Otters swim.) Tj ET q 90 0 0 90 9 9 cm /X Do Q"
    fonts = b"/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    return files.assembled(
        [_CATALOG, b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
         _PAGE + b"/Contents 4 0 R /Resources << %s /XObject << /X 5 0 R >> >> >>" % fonts,
         b"<< /Length %d >>\nstream\n%s\nendstream" % (len(said), said), drawn]
    )  # fmt: skip


def linked_docx() -> bytes:
    """Return a .docx with an entry that is a link out of the folder."""
    link = zipfile.ZipInfo("word/media/link.xml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO(files.raw_docx())
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def _workbook() -> bytes:
    return office.xlsx(lambda book: office.rows(book.active, [["A", "B"], [1, 2]]))  # type: ignore[arg-type]


def bomb_xlsx() -> bytes:
    """Return a workbook with a part that unpacks to 80 MB."""
    return office.with_part(_workbook(), "xl/a.xml", b" " * (80 << 20))


def entity_xlsx() -> bytes:
    """Return a workbook whose sheet declares entities."""
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    return office.with_part(_workbook(), "xl/worksheets/sheet1.xml", bomb)
