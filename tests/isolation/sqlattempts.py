"""Direct SQL across tenants, generated from the catalog: the database's layer, with nothing else.

The statements go over connections of their own, as the product's logins and roles: no guard, no
search path and no access function of the application has a part in it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql

from tenants.lifecycle.schema import TEMPLATE
from tests.isolation.score import Score
from tests.support.services import Worker

Connection = psycopg.Connection[tuple[Any, ...]]

# What a statement on a table of another schema may be; each is refused before it reads a row.
ON_A_TABLE: Final = {
    "select": "SELECT * FROM {table}",
    "count": "SELECT count(*) FROM {table}",
    "lock": "SELECT * FROM {table} FOR UPDATE",
    "insert": "INSERT INTO {table} DEFAULT VALUES",
    "update": "UPDATE {table} SET {column} = {column}",
    "delete": "DELETE FROM {table}",
    "truncate": "TRUNCATE {table}",
    "copy out": "COPY {table} TO STDOUT",
    "copy in": "COPY {table} FROM STDIN",
}  # fmt: skip
# A public table with tenants' rows: refused, or nobody else's row is reached.
ON_ROWS: Final = {
    "select": "SELECT tenant_id FROM {table} WHERE tenant_id <> {own}",
    "select theirs": "SELECT tenant_id FROM {table} WHERE tenant_id = {other}",
    "lock": "SELECT tenant_id FROM {table} WHERE tenant_id = {other} FOR UPDATE",
    "update": "UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = {other} RETURNING 1",
    "give away": "UPDATE {table} SET tenant_id = {other} WHERE tenant_id = {own} RETURNING 1",
    "take": "UPDATE {table} SET tenant_id = {own} WHERE tenant_id = {other} RETURNING 1",
    "insert": "INSERT INTO {table} (tenant_id) VALUES ({other}) RETURNING 1",
    "delete": "DELETE FROM {table} WHERE tenant_id = {other} RETURNING 1",
    "truncate": "TRUNCATE {table}",
    "copy out": "COPY {table} TO STDOUT",
    "copy in": "COPY {table} FROM STDIN",
}  # fmt: skip
# A public table that all share is read at most.
ON_SHARED: Final = {way: ON_A_TABLE[way] for way in
                    ("insert", "update", "delete", "truncate", "copy in")}  # fmt: skip
# A view that shows a tenant its own of what is not marked by a tenant's id: nobody else's.
ON_A_VIEW: Final = {"copy out": "COPY (SELECT * FROM {table}) TO STDOUT"}
ON_A_SEQUENCE: Final = {
    "read": "SELECT * FROM {table}",
    "next": "SELECT nextval({text})",
    "set": "SELECT setval({text}, 1)",
}
# A value of each type, for a row that only has to be there. A month begins on its first day.
PLAIN: Final = {
    "uuid": "gen_random_uuid()", "varchar": "{word}", "text": "'x'",
    "int2": "1", "int4": "1", "int8": "1", "numeric": "1", "bool": "true", "jsonb": "'[]'",
    "date": "date_trunc('month', current_date)::date", "timestamptz": "now()",
    "bytea": "'x'", "float8": "1", "interval": "'1 day'", "inet": "'127.0.0.1'", "json": "'[]'",
}  # fmt: skip

# Ways around tables, and what the server itself tells of others.
AROUND: Final = {
    "a file": "SELECT pg_read_file('PG_VERSION')",
    "a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "a large object": "SELECT lo_create(0)",
    "a table of one's own in public": "CREATE TABLE public.mine (id int)",
    "a schema": "CREATE SCHEMA mine",
    "a temporary table": "CREATE TEMPORARY TABLE mine (id int)",
    "passwords": "SELECT rolpassword FROM pg_authid",
    "others' statements": "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND query NOT IN ('', '<insufficient privilege>')",
    "others' statistics": "SELECT 1 FROM pg_stats WHERE schemaname LIKE 't\\_%%'"
    " AND schemaname <> current_user",
    "a role of its own": "CREATE ROLE mine",
    "its own rights": "ALTER ROLE CURRENT_USER SUPERUSER",
    "constraints": "SET session_replication_role = replica",
    "settings": "SET log_statement = 'none'",
    "an extension": "CREATE EXTENSION dblink",
}  # fmt: skip


def attempts(worker: Worker) -> Score:
    """Try every statement as every standing that the product takes."""
    score = Score()
    with superuser(worker) as admin:
        schemas = tenant_schemas(admin)
        first, *others = schemas
        for schema in others:
            _schema(worker, score, first, schema)
            if schema is others[0] or os.environ.get("ISOLATION") == "full":
                _schema(worker, score, schema, first)
        for standing in ("none", "app_public", "staff", first):
            _schema(worker, score, standing, TEMPLATE)
        for standing in ("none", "app_public", "staff"):
            _schema(worker, score, standing, first)
        for standing in ("none", first):
            _around(worker, score, standing)
        for own, other in ((first, others[0]), (others[0], first)):
            with admin.transaction(force_rollback=True):
                _rows(admin, score, own, other)
    return score


@contextmanager
def superuser(worker: Worker) -> Iterator[Connection]:
    """Connect to the test process's database as the superuser, whom nothing stops."""
    with psycopg.connect(worker.served.cluster().url("postgres", worker.database)) as connection:
        yield connection


def tenant_schemas(admin: Connection) -> list[str]:
    """Return the schemas of all tenants, the fixed cast's acme first."""
    rows = admin.execute(
        "SELECT schema_name FROM public.registry_tenant WHERE schema_name LIKE 't\\_%'"
        " ORDER BY slug"
    ).fetchall()
    return [name for (name,) in rows]


def relations(admin: Connection, schema: str) -> list[tuple[str, str, str]]:
    """Return (name, kind, first column) of all tables, views and sequences of a schema."""
    return admin.execute(
        "SELECT relname, relkind::text, (SELECT attname::text FROM pg_attribute"
        " WHERE attrelid = c.oid AND attnum > 0 ORDER BY attnum LIMIT 1)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = %s AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') ORDER BY relname",
        [schema],
    ).fetchall()


def stopped(connection: Connection, statement: sql.Composed, other: str = "") -> bool:
    """Whether the statement is denied, or reaches no row (or, with `other`, none that names it)."""
    try:
        cursor = connection.cursor()
        text = statement.as_string()
        if text.startswith("COPY") and "STDIN" in text:
            with cursor.copy(statement):
                return False
        if text.startswith("COPY") and "STDOUT" in text:
            with cursor.copy(statement) as copy:
                return not any(other.encode() in bytes(row) for row in copy)
        cursor.execute(statement)
        return cursor.description is not None and cursor.fetchone() in (None, (0,))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported):
        return True
    except psycopg.Error:  # it went past the rights
        return False


def standing_as(worker: Worker, role: str) -> Connection:
    """Return a connection of the web's login that stands in a role, as the product would."""
    connection = psycopg.connect(worker.served.cluster().url("app", worker.database))
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    connection.commit()
    return connection


def _schema(worker: Worker, score: Score, role: str, schema: str) -> None:
    with superuser(worker) as admin:
        found = relations(admin, schema)
    assert len(found) > 20, f"{schema} has {len(found)} tables: this proves nothing"
    with standing_as(worker, role) as connection:
        for name, kind, column in found:
            for way, text in (ON_A_SEQUENCE if kind == "S" else ON_A_TABLE).items():
                statement = _made(text, schema, name, column)
                score.count(stopped(connection, statement), f"{role}: {way} {schema}.{name}")
                connection.rollback()


def _around(worker: Worker, score: Score, role: str) -> None:
    with standing_as(worker, role) as connection:
        for what, text in AROUND.items():
            if role == "none" and what == "others' statements":
                continue  # its own login's: the product runs no statement without a role
            statement = sql.Composed([sql.SQL(text)])
            score.count(stopped(connection, statement), f"{role}: {what}")
            connection.rollback()


def _rows(admin: Connection, score: Score, own: str, other: str) -> None:
    """Try every public table, with a row of each of the two tenants in those with tenants' rows.

    The rows are made by the superuser in the transaction that then takes the tenant's standing, so
    that no table is empty by chance; nothing of it is committed.
    """
    found = dict(admin.execute("SELECT schema_name, id FROM public.registry_tenant").fetchall())
    ids = {"own": str(found[own]), "other": str(found[other])}
    tables = relations(admin, "public")
    owned = {name for name, *_ in tables if has_tenant_id(admin, name)}
    assert len(owned) > 15, f"{owned} have tenants' rows: this proves nothing"
    unseeded: list[str] = []
    admin.execute("SET LOCAL session_replication_role = replica")  # foreign keys are not the point
    for name, kind, _ in tables:
        if name in owned and kind in "rp" and "_ledgerentry_" not in name:
            try:
                with admin.transaction():
                    for word, tenant_id in ids.items():
                        seed(admin, name, tenant_id, word[:3])
            except psycopg.Error:  # its own checks want more than plain values
                unseeded.append(name)
    assert len(unseeded) <= 3, f"{unseeded} hold no row: teach PLAIN their types"
    for name, kind, column in tables:
        ways = ON_A_SEQUENCE if kind == "S" else ON_ROWS if name in owned else ON_SHARED
        ways = ON_A_VIEW if kind == "v" and name not in owned else ways
        for way, text in ways.items():
            if kind == "v" and not text.startswith(("SELECT", "COPY (")):
                continue  # a view that joins takes nothing but reads
            with admin.transaction(force_rollback=True):
                admin.execute("SET LOCAL SESSION AUTHORIZATION app")
                admin.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(own)))
                statement = _made(text, "public", name, column, **ids)
                passed = stopped(admin, statement, ids["other"])
                score.count(passed, f"{own}: {way} public.{name}")


def _made(text: str, schema: str, name: str, column: str, **ids: str) -> sql.Composed:
    return sql.SQL(text).format(
        table=sql.Identifier(schema, name),
        column=sql.Identifier(column),
        text=sql.Literal(f'"{schema}"."{name}"'),
        **{key: sql.Literal(value) for key, value in ids.items()},
    )


def has_tenant_id(admin: Connection, table: str) -> bool:
    """Whether a public table has tenants' rows."""
    row = admin.execute(
        "SELECT 1 FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'tenant_id'",
        [f'public."{table}"'],
    ).fetchone()
    return row is not None


def seed(admin: Connection, table: str, tenant_id: str, word: str) -> None:
    """Put a row of the tenant's into a table, with a plain value in each column that needs one."""
    columns = admin.execute(
        "SELECT attname, typname FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull"
        " AND NOT atthasdef AND attidentity = '' AND attname <> 'tenant_id'",
        [f'public."{table}"'],
    ).fetchall()
    names = [sql.Identifier(name) for name, _ in columns]
    values = [
        sql.SQL(PLAIN.get(kind, "'{{}}'")).format(word=sql.Literal(word)) for _, kind in columns
    ]
    admin.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier("public", table),
            sql.SQL(", ").join([sql.Identifier("tenant_id"), *names]),
            sql.SQL(", ").join([sql.Literal(tenant_id), *values]),
        )
        + sql.SQL(" ON CONFLICT DO NOTHING")  # its own row is there already
    )
