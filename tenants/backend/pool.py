"""What happens to a connection when it is taken from the pool, and when it goes back."""

import select
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

SET_STANDING = "SELECT set_config('role', %s, false), set_config('search_path', %s, false)"
STAND_DOWN = (
    "SELECT set_config('role', 'none', false), set_config('search_path', 'pg_catalog', false)"
)


def reset_standing(raw: psycopg.Connection[Any]) -> None:
    """Take role and path off a returned connection: the next borrower starts with neither.

    A transaction that was left open is undone; a connection that does not answer is closed, and
    the pool makes another in its place.
    """
    try:
        if raw.info.transaction_status != TransactionStatus.IDLE:
            raw.rollback()
        raw.execute(STAND_DOWN)
        if not raw.autocommit:
            raw.commit()
    except psycopg.Error:
        raw.close()


def is_gone(raw: psycopg.Connection[Any]) -> bool:
    """Return whether the server has left an idle connection; no round trip where nothing came.

    What arrives unasked is nearly always the connection's end, as when the server was restarted.
    """
    poll = select.poll()
    poll.register(raw.fileno(), select.POLLIN)
    if not poll.poll(0):
        return False
    try:
        ConnectionPool.check_connection(raw)
    except psycopg.Error:
        return True
    return False
