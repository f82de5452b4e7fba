"""What happens to a connection when it is taken from the pool, and when it goes back."""

import select
from typing import Any, Final

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg_pool import ConnectionPool

STANDING: Final = b"SELECT set_config('role', $1, false), set_config('search_path', $2, false)"


def set_standing(raw: psycopg.Connection[Any], role: str, path: str) -> None:
    """Let a connection act as `role` and look along `path`. Raises psycopg's errors.

    By libpq itself, since each request does so several times: a cursor of the driver's takes ten
    times as long as the round trip.
    """
    done = raw.pgconn.exec_params(STANDING, [role.encode(), path.encode()])
    if done.status != ExecStatus.TUPLES_OK:
        if raw.closed:  # libpq's own words have no code that would say so
            raise psycopg.OperationalError(done.error_message.decode(errors="replace").strip())
        raise error_from_result(done, encoding=raw.info.encoding)


def reset_standing(raw: psycopg.Connection[Any]) -> None:
    """Take role and path off a returned connection: the next borrower starts with neither.

    A transaction that was left open is undone; a connection that does not answer is closed, and
    the pool makes another in its place.
    """
    try:
        if raw.info.transaction_status != TransactionStatus.IDLE:
            raw.rollback()
        set_standing(raw, "none", "pg_catalog")
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
