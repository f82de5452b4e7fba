"""Texts in a PDF: in which font each letter is written, and hostile ones as what they are."""

from itertools import groupby
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

INK: Final = colors.HexColor("#1b1d22")
GREY: Final = colors.HexColor("#5d6370")
# Every reader of PDF brings Helvetica for Western European. Other letters go with the document.
BROUGHT: Final = "Helvetica"
EMBEDDED: Final = "DejaVuSans"
FILE: Final = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
# Of Chinese, Japanese and Korean there are too many: readers bring them, where they are installed.
KOREAN: Final = "HYGothic-Medium"
JAPANESE: Final = "HeiseiKakuGo-W5"
CHINESE: Final = "STSong-Light"


def lettered(
    text: str, size: float = 9.5, *, grey: bool = False, right: bool = False, bold: bool = False
) -> Any:
    """Return the text as a paragraph: no markup of its own, each letter in a font that has it."""
    font = BROUGHT if _western(text) else EMBEDDED
    style = ParagraphStyle(
        "text", fontName=_ready(f"{font}-Bold" if bold and font == BROUGHT else font),
        fontSize=size, leading=size * 1.4, textColor=GREY if grey else INK,
        alignment=2 if right else 0,
    )  # fmt: skip
    return Paragraph(_in_fonts(text, font).replace("\n", "<br/>"), style)


def _in_fonts(text: str, usual: str) -> str:
    if usual == BROUGHT:
        return escape(text)
    has = pdfmetrics.getFont(_ready(EMBEDDED)).face.charToGlyph
    parts = []
    for font, run in groupby(text, lambda each: usual if ord(each) in has else _of_readers(each)):
        letters = escape("".join(run))
        parts.append(letters if font == usual else f'<font name="{_ready(font)}">{letters}</font>')
    return "".join(parts)


def _of_readers(letter: str) -> str:
    """Return the readers' font of a letter; the embedded one shows a box for what nobody has."""
    if "\uac00" <= letter <= "\ud7a3":
        return KOREAN
    if not "\u2e80" <= letter <= "\uffef":
        return EMBEDDED
    try:
        letter.encode("cp932")
    except UnicodeEncodeError:
        return CHINESE
    return JAPANESE


def _western(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _ready(font: str) -> str:
    """Register a font when it is first needed; return its name."""
    if font not in pdfmetrics.getRegisteredFontNames() and not font.startswith(BROUGHT):
        pdfmetrics.registerFont(
            TTFont(EMBEDDED, FILE) if font == EMBEDDED else UnicodeCIDFont(font)
        )
    return font
