"""Rows as a CSV file to download, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

from django.http import HttpResponse

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Answer `name`.csv with a header and rows, all of them in memory: for lists of staff's size.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay.
    """
    out = io.StringIO()
    csv.writer(out).writerows([_cell(value) for value in row] for row in chain([header], rows))
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
