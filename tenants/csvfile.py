"""Rows as a CSV file to download, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from django.http import StreamingHttpResponse

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_response(
    name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """Answer `name`.csv with a header and rows, line by line.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay.
    """

    def lines() -> Iterator[str]:
        for row in chain([header], rows):
            out = io.StringIO()
            csv.writer(out).writerow([_cell(value) for value in row])
            yield out.getvalue()

    answer = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
