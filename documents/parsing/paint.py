"""The child process that draws pages of an untrusted PDF, or a picture as one page.

It is as limited as the one that reads the file.

It reads the file from standard input. To standard output it writes one line of JSON (the sizes of
all pages; of each page drawn, its letters and where they stand), then the images, one after the
other. `pictures.py` starts it.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import sys
from typing import Any, BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageOps, UnidentifiedImageError, WebPImagePlugin

from documents.parsing.child import confine
from documents.parsing.letters import letters
from documents.parsing.model import PICTURES, PIXELS, PLACE, Limits, Refused

_TALLEST = 4  # times the width; a longer page is drawn narrower
_QUALITY = 85
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")

assert WebPImagePlugin.SUPPORTED  # Pillow's wheels have it


def main() -> None:
    """Draw the pages that the arguments name, counted from 1, `width` pixels wide."""
    limits = Limits(**json.loads(sys.argv[1]))
    wanted: list[int] = json.loads(sys.argv[2])
    width = int(sys.argv[3])
    draw = _framed if sys.argv[4] in PICTURES else _drawn
    Image.preinit()  # loads what it needs: a confined process opens no module
    with open(0, "rb", closefd=False) as source, open(1, "wb", closefd=False) as out:
        confine(limits)
        try:
            head, images = draw(source, wanted, width)
        except Refused as refusal:
            head, images = {"refused": refusal.code, "extra": refusal.extra}, []
        out.write(json.dumps(head, separators=(",", ":")).encode() + b"\n")
        for image in images:
            out.write(image)
    os._exit(0)  # skips the library's own clean-up, which may hang on broken files


def _drawn(source: BinaryIO, wanted: list[int], width: int) -> tuple[dict[str, Any], list[bytes]]:
    document = pypdfium2.PdfDocument(source)
    sizes = [[round(side, 1) for side in document.get_page_size(at)] for at in range(len(document))]
    pages: list[dict[str, Any]] = []
    images: list[bytes] = []
    for number in wanted:
        if not 1 <= number <= len(document):
            continue
        try:
            page = document[number - 1]
            image = _image(page, width)
            found, places = _letters(page)
        except pypdfium2.PdfiumError:  # one broken page does not keep its neighbours away
            continue
        pages.append({"number": number, "bytes": len(image), "letters": found, "places": places})
        images.append(image)
    return {"sizes": sizes, "pages": pages}, images


def _framed(source: BinaryIO, _: list[int], width: int) -> tuple[dict[str, Any], list[bytes]]:
    """Draw a picture's first frame: upright, on white, without what its file tells beside it."""
    try:
        return _frame(source, width)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise Refused("corrupt_file") from error


def _frame(source: BinaryIO, width: int) -> tuple[dict[str, Any], list[bytes]]:
    picture: Image.Image = Image.open(source, formats=_FORMATS)
    if picture.width * picture.height > PIXELS:
        raise Refused("too_many_pixels", limit=PIXELS)
    longest = max(picture.size)
    if picture.mode not in ("RGB", "RGBA", "L"):
        picture = picture.convert("RGBA")
    picture.thumbnail((width, width))
    upright = ImageOps.exif_transpose(picture).convert("RGBA")
    paper = Image.new("RGBA", upright.size, "white")
    paper.alpha_composite(upright)
    out = io.BytesIO()
    paper.convert("RGB").save(out, "JPEG", quality=_QUALITY)
    scale = longest / max(upright.size)
    size = [round(side * scale, 1) for side in upright.size]
    page = {"number": 1, "bytes": len(out.getvalue()), "letters": "", "places": []}
    return {"sizes": [size], "pages": [page]}, [out.getvalue()]


def _image(page: pypdfium2.PdfPage, width: int) -> bytes:
    across, down = page.get_size()
    scale = min(width / max(across, 1.0), _TALLEST * width / max(down, 1.0))
    bitmap = page.render(scale=scale, rev_byteorder=True, no_smoothtext=False)
    out = io.BytesIO()
    bitmap.to_pil().convert("RGB").save(out, "JPEG", quality=_QUALITY)
    bitmap.close()
    return out.getvalue()


def _letters(page: pypdfium2.PdfPage) -> tuple[str, list[int]]:
    """Return the page's letters, and of each its left, top, right and bottom in `PLACE` parts."""
    text_page = page.get_textpage()
    raw = text_page.raw
    box = [ctypes.c_double() for _ in range(4)]  # left, right, bottom, top: in points
    at = [ctypes.c_int() for _ in range(2)]

    def device(x: float, y: float) -> tuple[int, int]:
        pdfium.FPDF_PageToDevice(page.raw, 0, 0, PLACE, PLACE, 0, x, y, *at)
        return _within(at[0].value), _within(at[1].value)

    found: list[str] = []
    places: list[int] = []
    for index in range(text_page.count_chars()):
        code = pdfium.FPDFText_GetUnicode(raw, index)
        if not 0 < code < 0x110000 or not (own := letters(chr(code))):
            continue
        if not pdfium.FPDFText_GetCharBox(raw, index, *box):
            continue
        left, right, bottom, top = (side.value for side in box)
        (x1, y1), (x2, y2) = device(left, top), device(right, bottom)
        place = [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]
        for each in own:
            found.append(each)
            places += place
    text_page.close()
    return "".join(found), places


def _within(value: int) -> int:
    return min(max(value, 0), PLACE)
