"""Which schemas stand behind the code, by one query over all of them; none of those is served.

django-tenants records every app's migrations in every schema, so that each has the same list.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import Final

from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from tenants.context import current
from tenants.errors import UnderMaintenance

RECORDED: Final = """
    SELECT schemaname FROM pg_tables WHERE tablename = 'django_migrations' AND schemaname = ANY(%s)
"""
APPLIED: Final = sql.SQL(
    "SELECT {name}, count(*) FROM {schema}.django_migrations, known"
    " WHERE app || '.' || name = known.migration"
)


@cache
def wanted() -> frozenset[str]:
    """Return the migrations that this code knows, as `app.name`.

    By the names of their files: loaded, they would fill ten megabytes of every process.
    """
    found = set()
    for app in apps.get_app_configs():
        place, _ = MigrationLoader.migrations_module(app.label)
        if place is not None and find_spec(place) is not None:
            files = iter_modules(import_module(place).__path__)
            found |= {f"{app.label}.{each.name}" for each in files if each.name[0] not in "_~"}
    return frozenset(found)


def behind(schemas: Sequence[str]) -> list[str]:
    """Return those of `schemas` that lack a migration or have no record of any, in their order."""
    known = sorted(wanted())
    applied: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(RECORDED, [list(schemas)])
        if recorded := [name for (name,) in cursor.fetchall()]:
            each = sql.SQL(" UNION ALL ").join(
                APPLIED.format(name=sql.Literal(name), schema=sql.Identifier(name))
                for name in recorded
            )
            listed = "WITH known AS MATERIALIZED (SELECT unnest(%s::text[]) AS migration) "
            cursor.execute(sql.SQL(listed) + each, [known])
            applied = dict(cursor.fetchall())
    return [schema for schema in schemas if applied.get(schema, 0) < len(known)]


_at_head: set[str] = set()


def schema_require() -> None:
    """Raise UnderMaintenance while the entered tenant's schema lacks what this code needs.

    A path of search would otherwise find `public`'s table in place of a missing one. Asked once per
    tenant and process: a schema goes forward only, so one that was at head stays good for us.
    """
    schema = current().schema
    if schema not in _at_head:
        if behind([schema]):
            raise UnderMaintenance
        _at_head.add(schema)
