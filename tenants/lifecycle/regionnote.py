"""What stands on a workspace's schema while it moves to another Region: from where, and whither.

While the note is there the workspace stays closed and is neither restored nor erased: its objects
are in two Regions.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from psycopg import sql

from tenants.errors import Conflict

NOTE: Final = "moving to another Region: "
NOTED: Final = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"


@dataclass(frozen=True, slots=True)
class RegionMove:
    """A move under way; `since` is when copying began."""

    origin: str
    target: str
    since: datetime


def region_note(schema: str, move: RegionMove | None) -> None:
    """Note the move on the schema, or that there is none any more (owner's login)."""
    told = f"{NOTE}{move.origin} {move.target} {move.since.isoformat()}" if move else None
    with connection.cursor() as cursor:
        statement = sql.SQL("COMMENT ON SCHEMA {} IS {}")
        cursor.execute(statement.format(sql.Identifier(schema), sql.Literal(told)))


def region_noted(schema: str) -> RegionMove | None:
    """Return the move that is under way, or was cut off."""
    with connection.cursor() as cursor:
        cursor.execute(NOTED, [schema])
        (told,) = cursor.fetchone() or ("",)
    if not told or not told.startswith(NOTE):
        return None
    origin, target, since = told.removeprefix(NOTE).split(" ")
    return RegionMove(origin, target, datetime.fromisoformat(since))


def region_move_refuse(schema: str) -> None:
    """Raise Conflict while the workspace is between two Regions."""
    if move := region_noted(schema):
        raise Conflict(
            f"It is being moved from {move.origin} to {move.target}, or that was cut off:"
            " run `move_region` again."
        )
