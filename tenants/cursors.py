"""Pages of the API's lists by a cursor that names a row."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound
from rest_framework.exceptions import ValidationError as Refused
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

DIGITS: Final = 20  # of a limit that are read; Python refuses thousands


class Cursors(CursorPagination):
    """`limit` up to 100, of more 100; `next` and `previous` are addresses with a cursor."""

    max_page_size = 100
    page_size_query_param = "limit"
    cursor_query_description = "Which page: the cursor of `next` or `previous` in the last answer."
    invalid_cursor_message = _(  # type: ignore[assignment] # told in the reader's language
        "This cursor is none of this list. Use an address of next or previous as it is, or begin "
        "again without cursor."
    )

    def get_page_size(self, request: Request) -> int | None:
        """Refuse a limit that is no number, which the base class passes over."""
        given = request.query_params.get(self.page_size_query_param, "1")
        if not (given.isascii() and given.isdecimal() and int(given[:DIGITS])):
            raise Refused({self.page_size_query_param: [_("Give a whole number from 1 to 100.")]})
        return super().get_page_size(request)

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> list[Any] | None:
        """Answer a cursor whose position is no value of the ordering like any other bad cursor."""
        try:
            return super().paginate_queryset(*args, **kwargs)
        except (ValidationError, ValueError) as error:
            raise NotFound(self.invalid_cursor_message) from error

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a page's schema; `next` and `previous` may be null, as OpenAPI 3.1 says that."""
        page: dict[str, Any] = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            field = page["properties"][name]
            if field.pop("nullable", False):
                field["type"] = ["string", "null"]
        return page
