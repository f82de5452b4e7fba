"""An index over the vectors of a large workspace: made when exact scans get slow, dropped later.

Below some size an exact scan is as quick and misses nothing, so most workspaces have no index. It
belongs to no migration: each schema gets it when its vectors pass `INDEX_FROM`, and loses it when
they fall below half of that. Both is done beside the workspace's work, without locking it out.

Runs under the owner's login: tenants' roles own no tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from django.db import connection
from psycopg import sql

from search.arms import INDEX_FROM
from tenants.context import public_scope

log = structlog.get_logger(__name__)

INDEX: Final = "search_vector_nearest"
LOCK: Final = "search.vector_index:"

# Cosine by inner product, since vectors have length one. Parameters and threshold were measured:
# docs/decisions/0017-vector-index.md.
MAKE: Final = """
    CREATE INDEX CONCURRENTLY {index} ON {table}
    USING hnsw (embedding extensions.halfvec_ip_ops) WITH (m = 16, ef_construction = 64)
"""
# All schemas in one statement. The number of rows is the planner's; they are counted before
# anything is done.
STANDING: Final = """
    SELECT space.nspname, about.indisvalid
    FROM pg_class vectors
    JOIN pg_namespace space ON space.oid = vectors.relnamespace
    LEFT JOIN pg_class made ON made.relnamespace = space.oid AND made.relname = %s
    LEFT JOIN pg_index about ON about.indexrelid = made.oid
    WHERE vectors.relname = 'search_vector' AND vectors.relkind = 'r'
      AND (%s::text IS NULL AND (made.oid IS NOT NULL OR vectors.reltuples >= %s)
           OR space.nspname = %s::text)
    ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done in a schema (`made`, `dropped`, or nothing), and how many vectors it has."""

    schema: str
    vectors: int
    done: str = ""


def indexes_keep(schema: str | None = None, *, above: int = INDEX_FROM) -> Iterator[Kept]:
    """Make and drop what is due, in every schema or in one; yield each that was looked at.

    One is made from `above` vectors on, and dropped below half as many: far enough apart, so that
    none is made and dropped in turn.
    An index whose making was cut off is made anew. A schema that another process is busy with is
    left to it.
    """
    with public_scope("owner"):
        for found, valid in _standing(schema, above):
            with _alone(found) as alone:
                if alone:
                    yield _kept(found, valid, above)


def _standing(schema: str | None, above: int) -> list[tuple[str, bool | None]]:
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [INDEX, schema, above, schema])
        return list(cursor.fetchall())


@contextmanager
def _alone(schema: str) -> Iterator[bool]:
    """Say whether this process alone works on the schema's index, as long as the block runs."""
    key = [LOCK + schema]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", key)
        (alone,) = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", key)


def _kept(schema: str, valid: bool | None, above: int) -> Kept:
    table = sql.Identifier(schema, "search_vector")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(table))
        (vectors,) = cursor.fetchone()
        # Valid: None without an index, False for one whose making was cut off.
        wanted = vectors >= (above // 2 if valid else above)
        if valid is not None and not (valid and wanted):
            drop = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}")
            cursor.execute(drop.format(sql.Identifier(schema, INDEX)))
        make = wanted and not valid
        if make:
            cursor.execute(sql.SQL(MAKE).format(index=sql.Identifier(INDEX), table=table))
    done = "made" if make else "dropped" if valid is not None and not wanted else ""
    if done:
        log.info("search.vector_index", schema=schema, vectors=vectors, done=done)
    return Kept(schema, vectors, done)
