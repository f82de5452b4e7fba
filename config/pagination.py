"""Cursor pagination for every list of the API."""

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Newest first; `limit` up to 100; `next` and `previous` are addresses with a cursor."""

    ordering = ("-created_at", "-id")
    page_size = 25
    page_size_query_param = "limit"
    max_page_size = 100
    cursor_query_description = "Which page: the cursor of `next` or `previous` in the last answer."
    page_size_query_description = "How many at most, up to 100; 25 without it."

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> list[Any] | None:
        """Answer a cursor whose position is no value of the ordering like any other bad cursor."""
        try:
            return super().paginate_queryset(*args, **kwargs)
        except (ValidationError, ValueError) as error:
            raise NotFound(self.invalid_cursor_message) from error
