"""Two requests in one instant: both are held at a table until both have come so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from django.db import connection
from psycopg import sql

from tests.support.services import Worker
from tests.support.waiting import eventually

R = TypeVar("R")
# Reading goes on; a lock on a row, and a change, wait: there, or for the turn of who waits there.
HOLD = sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE")
WAITING = """
    SELECT count(*) FROM pg_locks WHERE NOT granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (relation = %s::regclass OR locktype = 'advisory')
"""


def together(worker: Worker, table: Sequence[str], *work: Callable[[], R]) -> list[R]:
    """Return what each returns, of works that all have read and none has changed `table`.

    `table` is a schema and a name.
    """
    url, name = worker.served.cluster().url("owner", worker.database), sql.Identifier(*table)

    def one(each: Callable[[], R]) -> R:
        try:
            return each()
        finally:
            connection.close()

    with psycopg.connect(url) as held, psycopg.connect(url, autocommit=True) as looking:
        held.execute(HOLD.format(name))

        def all_wait() -> Any:
            return looking.execute(WAITING, [name.as_string()]).fetchone() == (len(work),)

        with ThreadPoolExecutor(len(work)) as threads:
            asked = [threads.submit(one, each) for each in work]
            try:
                eventually(all_wait)
            finally:
                held.rollback()
            return [each.result() for each in asked]
