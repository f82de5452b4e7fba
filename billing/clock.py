"""The database's clock: hosts' clocks decide no period."""

from datetime import UTC, datetime
from typing import Final

from django.db import connection
from django.utils.dateparse import parse_datetime

NOW: Final = "SELECT now() AT TIME ZONE 'UTC'"


def database_now() -> datetime:
    """Return the database's time: hosts' clocks decide no period."""
    with connection.cursor() as cursor:
        cursor.execute(NOW)
        return cursor.fetchone()[0].replace(tzinfo=UTC)  # type: ignore[no-any-return]


def moment_of(text: str) -> datetime | None:
    """Return a time that an address or a form names, in UTC; None for what is none with its zone.

    Also for one that UTC has in no year from 1 to 9999: it could be kept and never be read again.
    """
    try:
        found = parse_datetime(text)
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):
        return None
