"""The database's clock: hosts' clocks decide no period."""

from datetime import UTC, datetime
from typing import Final

from django.db import connection

NOW: Final = "SELECT now() AT TIME ZONE 'UTC'"


def database_now() -> datetime:
    """Return the database's time: hosts' clocks decide no period."""
    with connection.cursor() as cursor:
        cursor.execute(NOW)
        return cursor.fetchone()[0].replace(tzinfo=UTC)  # type: ignore[no-any-return]
