"""The builder of a file as large as there may be one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap

from tests.support.files import prose


def heavy_pdf(path: Path, size: int, pages: int, facts: Mapping[int, str]) -> None:
    """Write a PDF of at most `size` bytes: text and a picture that cannot be packed on each page.

    `facts` puts a sentence of its own on a page, counted from 1. The file is never whole in memory.
    """
    across = 1000
    down = (size // pages - 8_000) // (3 * across)
    picture = (
        f"<< /Type /XObject /Subtype /Image /Width {across} /Height {down} /BitsPerComponent 8"
        f" /ColorSpace /DeviceRGB /Length {across * down * 3} >>\nstream\n"
    )
    kids = " ".join(f"{4 + 3 * page} 0 R" for page in range(pages))
    with path.open("wb") as file:
        offsets: list[int] = []

        def write(*parts: bytes | str) -> None:
            offsets.append(file.tell())
            file.write(b"%d 0 obj\n" % len(offsets))
            for part in parts:
                file.write(part.encode() if isinstance(part, str) else part)
            file.write(b"\nendobj\n")

        file.write(b"%PDF-1.7\n")
        write("<< /Type /Catalog /Pages 2 0 R >>")
        write(f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>")
        write("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
        for page in range(pages):
            lines = [facts[page + 1]] if page + 1 in facts else []
            lines += wrap(prose(page + 1), 90)
            shown = "\n".join(f"({line}) Tj T*" for line in lines)
            drawn = f"q 400 0 0 300 90 90 cm /P Do Q BT /F 10 Tf 12 TL 60 780 Td {shown} ET"
            own = 4 + 3 * page
            write(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font"
                f" << /F 3 0 R >> /XObject << /P {own + 2} 0 R >> >> /Contents {own + 1} 0 R >>"
            )
            write(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
            write(picture, random.randbytes(across * down * 3), "\nendstream")
        table = file.tell()
        rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1) + rows)
        trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        file.write(trailer % (len(offsets) + 1, table))
