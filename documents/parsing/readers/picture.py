"""Pictures (PNG, JPEG, WebP, GIF): their text by recognition, as one page."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, WebPImagePlugin

from documents.parsing.model import PIXELS, Limits, ParsedText, Refused
from documents.parsing.readers import pdf
from documents.parsing.readers.recognizer import Recognizer

_WIDEST = 3_000  # pixels of the longer side that are looked at
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")

Image.preinit()  # loads what it needs: a confined process opens no module
assert WebPImagePlugin.SUPPORTED  # Pillow's wheels have it


def read(data: bytes, limits: Limits, recognizer: Recognizer | None = None) -> ParsedText:
    """Return the picture's text. Without text in it: `no_text`."""
    if recognizer is None:
        raise Refused("no_text")
    try:
        picture = Image.open(io.BytesIO(data), formats=_FORMATS)
        if picture.width * picture.height > PIXELS:
            raise Refused("too_many_pixels", limit=PIXELS)
        picture.thumbnail((_WIDEST, _WIDEST))
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise Refused("corrupt_file") from error
    return pdf.written([recognizer.lines(np.asarray(upright))], limits, recognized=(1,))
