"""Turns: what is counted before it is added to is counted by one transaction at a time."""

from django.db import connection

from tenants.context import current

_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def turn_take(of: str) -> None:
    """Wait until no other transaction of the workspace has the turn; keep it until ours ends.

    Inside a transaction. Without it, two at once count the same and are both let in.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TURN, [f"{current().id}:{of}"])
