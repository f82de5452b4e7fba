"""Lists in pages that begin behind a row, not behind a number of rows.

So the last page of ten thousand rows costs what the first does, and a row that comes or goes
meanwhile shows nothing twice and hides nothing.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Count, Field, Model, Q, QuerySet
from django.db.models.expressions import Combinable

Row = TypeVar("Row", bound=Model)
AFTER: Final = "after"
BEFORE: Final = "before"
CURSOR_CHARACTERS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Place:
    """A row where a page ends: its sorting value, and its id, which decides among equals."""

    side: str  # AFTER or BEFORE: on which side of the row the page is
    value: Any
    key: Any

    def beyond(self, *, falling: bool) -> Q:
        """Return the rows on this side. The first condition is the one that an index answers."""
        op = "lt" if falling == (self.side == AFTER) else "gt"
        return Q(**{f"page_value__{op}e": self.value}) & (
            Q(**{f"page_value__{op}": self.value}) | Q(**{f"pk__{op}": self.key})
        )

    def __str__(self) -> str:
        """Return it as an address carries it."""
        told = json.dumps([self.side, str(self.value), str(self.key)])
        return urlsafe_b64encode(told.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows in their order; `newer` and `older` are cursors of the pages beside it, or ""."""

    rows: list[Row]
    newer: str = ""
    older: str = ""

    def links(self) -> dict[str, str]:
        """Return the addresses of the pages beside it, for `components/pagination.html`."""
        return {
            "newer": f"?at={self.newer}" if self.newer else "",
            "older": f"?at={self.older}" if self.older else "",
        }


def page_of(
    found: QuerySet[Row], cursor: str, *, by: Combinable, falling: bool, rows: int
) -> Page[Row]:
    """Return the page at the cursor, sorted by `by` and the primary key; one statement.

    `by` is never null. What is no cursor leads to the first page, and so does a place with nothing
    left beyond it, by a second statement.
    """
    sorted_by: QuerySet[Any] = found.annotate(page_value=by)
    place = _place(sorted_by, cursor)
    page: Page[Row] = _read(sorted_by, place, falling=falling, rows=rows)
    return (
        page if page.rows or place is None else _read(sorted_by, None, falling=falling, rows=rows)
    )


def position_of(
    found: QuerySet[Row], page: Page[Row], *, by: Combinable, falling: bool
) -> tuple[int, int]:
    """Return the number of the page's first row, from 1, and of all rows; one statement."""
    if not page.rows:
        return 0, 0
    first: Any = page.rows[0]
    earlier = Place(BEFORE, first.page_value, first.pk).beyond(falling=falling)
    rows: QuerySet[Any] = found.order_by().annotate(page_value=by)
    counted = rows.aggregate(every=Count("pk"), earlier=Count("pk", filter=earlier))
    return counted["earlier"] + 1, counted["every"]


def _read(found: QuerySet[Any], place: Place | None, *, falling: bool, rows: int) -> Page[Any]:
    descending = falling
    if place is not None:
        found = found.filter(place.beyond(falling=falling))
        descending = falling == (place.side == AFTER)
    sign = "-" if descending else ""
    read = list(found.order_by(f"{sign}page_value", f"{sign}pk")[: rows + 1])
    more, read = len(read) > rows, read[:rows]
    if not read:
        return Page([])
    if place is None:
        return Page(read, older=_at(AFTER, read[-1]) if more else "")
    if place.side == AFTER:
        return Page(read, newer=_at(BEFORE, read[0]), older=_at(AFTER, read[-1]) if more else "")
    read.reverse()
    return Page(read, newer=_at(BEFORE, read[0]) if more else "", older=_at(AFTER, read[-1]))


def _at(side: str, row: Any) -> str:
    return str(Place(side, row.page_value, row.pk))


def _place(found: QuerySet[Any], cursor: str) -> Place | None:
    """Return the place that a cursor names; None if it is no cursor of such a list."""
    if not cursor or len(cursor) > CURSOR_CHARACTERS:
        return None
    try:
        told = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        side, value, key = json.loads(told)
        if side not in (AFTER, BEFORE):
            return None
        field = found.query.annotations["page_value"].output_field
        return Place(side, _value(field, value), _value(found.model._meta.pk, key))
    except (ValueError, TypeError, OverflowError, RecursionError, ValidationError):
        return None


def _value(field: "Field[Any, Any]", told: Any) -> Any:
    """Return the text as a value that the database takes. Raises ValueError, ValidationError."""
    text = str(told)
    text.encode()  # a lone surrogate is no text
    if "\x00" in text:
        raise ValueError("the database's texts hold no zero characters")
    value = field.to_python(text)
    field.run_validators(value)
    return value
