"""Rows as a CSV file to download, safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

from django.http import HttpResponse

# The second four are the first in full width, which spreadsheets take for the same.
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
_BEHIND: Final = re.compile(r"([;\t\r\n][^\S\t\r\n]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Answer `name`.csv with a header and rows, all of them in memory: for lists of staff's size.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay.
    """
    out = io.StringIO()
    csv.writer(out).writerows([cell_safe(value) for value in row] for row in chain([header], rows))
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def cell_safe(value: Any) -> Any:
    """Return a text with an apostrophe where a spreadsheet would take what follows for a formula.

    That is at its beginning, and behind a semicolon, a tab or a line's end: where the decimal sign
    is a comma, spreadsheets split at semicolons, and quotation marks then hold nothing together.
    Spaces before the sign change nothing for some of them.
    """
    if not isinstance(value, str):
        return value
    if value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA):
        value = f"'{value}"
    return _BEHIND.sub(r"\1'", value)
