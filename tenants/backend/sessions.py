"""Whether a connection to the database keeps its session, which roles and search paths need.

A pooler in transaction or statement mode gives each transaction another server connection. Role and
path are the session's, so tenants would stand on each other's. Such a pooler is found by its deed:
two clients that are open at once were served by one server process, or one client by two.
https://www.pgbouncer.org/features.html
"""

import select
from contextlib import closing, suppress
from typing import Any, Final

import psycopg
from django.conf import settings
from django.core.checks import CheckMessage, Error
from psycopg.pq import ExecStatus

ROUNDS: Final = 3  # other clients of a busy pooler may come between
WAIT: Final = (
    1.0  # seconds; who waits longer waits for the first one's session to end, as it should
)
ADVICE: Final = (
    "The database's address leads to a pooler that does not keep sessions (transaction or statement"
    " mode); role and search path would reach other workspaces. Set pool_mode = session, or give"
    " PostgreSQL's own address."
)


def sessions_kept() -> bool:
    """Return whether each connection has a server process to itself until it is closed.

    Takes about 10 ms. Raises psycopg.OperationalError where no connection can be made.
    """
    return all(_kept() for _ in range(ROUNDS))


def _kept() -> bool:
    with closing(_connect()) as first:
        own = _pid(first)
        try:
            second = _connect()
        except psycopg.OperationalError:  # no place beside the first: it has the only one for good
            return True
        with closing(second):
            second.pgconn.send_query(b"BEGIN")
            if not select.select([second.fileno()], [], [], WAIT)[0]:
                return True
            begun = second.pgconn.get_result()
            if begun is None or begun.status == ExecStatus.FATAL_ERROR:
                return False  # statement mode allows no transaction
            while second.pgconn.get_result():
                pass
            return _pid(second) != own and _pid(first) == own


def _pid(connection: psycopg.Connection[Any]) -> int:
    """Return the server process; the driver's own record is what a pooler told at the start."""
    [(pid,)] = connection.execute("SELECT pg_catalog.pg_backend_pid()").fetchall()
    return int(pid)


def _connect() -> psycopg.Connection[Any]:
    database = settings.DATABASES["default"]
    return psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=3,
    )


def sessions_require() -> None:
    """End the process with one sentence where sessions are not kept; for starts of servers.

    A database that is away is not judged here: whoever asks it later says so.
    """
    with suppress(psycopg.OperationalError):
        if not sessions_kept():
            raise SystemExit(ADVICE)


def sessions_check(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """Django's check of the same (`manage.py check --database default`)."""
    if not databases or sessions_kept():
        return []
    return [Error(ADVICE, id="tenants.E001")]
