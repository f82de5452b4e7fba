"""Numbers as the reader's language writes and types them."""

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from django.utils.formats import get_format

# A number in English: separators of thousands only where they make groups of three.
ENGLISH: Final = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?")
THOUSANDS: Final = re.compile(r"\d{1,3}(?:\.\d{3})+")


def written(number: str) -> str:
    """Return a number that is written as in English (1,234.5) as the reader's language has it."""
    marks = {",": get_format("THOUSAND_SEPARATOR"), ".": get_format("DECIMAL_SEPARATOR")}
    return "".join(marks.get(sign, sign) for sign in number)


def typed(text: str) -> Decimal:
    """Return the number that somebody typed in their language. Raises InvalidOperation.

    Where the comma is the decimal mark, a full stop that makes no groups of three is one too:
    12.50 is what many type, and never meant as 1250. In English 12,50 is refused for that reason.
    """
    text = text.strip()
    if get_format("DECIMAL_SEPARATOR") == "," and ("," in text or THOUSANDS.fullmatch(text)):
        text = text.translate(str.maketrans(",.", ".,"))
    if not ENGLISH.fullmatch(text):
        raise InvalidOperation
    return Decimal(text.replace(",", ""))
