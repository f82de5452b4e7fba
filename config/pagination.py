"""Cursor pagination for every list of the API."""

from tenants.cursors import Cursors


class NewestFirst(Cursors):
    """Newest first."""

    ordering = ("-created_at", "-id")
    page_size = 25
    page_size_query_description = "How many at most, up to 100; 25 without it."
