"""What happens to a connection that goes back to the pool."""

from typing import Any

import psycopg

SET_STANDING = "SELECT set_config('role', %s, false), set_config('search_path', %s, false)"


def reset_standing(raw: psycopg.Connection[Any]) -> None:
    """Take role and path off a returned connection: the next borrower starts with neither."""
    with raw.cursor() as cursor:
        cursor.execute(SET_STANDING, ("none", "pg_catalog"))
    if not raw.autocommit:
        raw.commit()
