"""A workspace's schema in one transaction: the dump of a migrated template under another name.

Migrations take longer with every release, the replay of their outcome does not. The template is a
schema like a tenant's that no role may enter; it is migrated with the others and dumped once per
process (https://www.postgresql.org/docs/18/app-pgdump.html). Where no pg_dump of the server's
version is found, the migrations themselves run: slower, with the same outcome.

Runs under the owner's login.
"""

import os
import re
import subprocess
from functools import cache
from typing import Final

import structlog
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from psycopg import sql

from tenants.context import public_scope
from tenants.lifecycle.standing import behind, wanted

log = structlog.get_logger(__name__)

TEMPLATE: Final = "tenantry_schema_template"
LOCK: Final = "tenants.schema_template"

# What a tenant's role may do in its own schema: the record of migrations is the owner's alone, and
# the audit is only ever added to.
GRANTS: Final = """
    GRANT USAGE ON SCHEMA {schema} TO {schema};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {schema};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {schema};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {schema};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {schema};
    REVOKE INSERT, UPDATE, DELETE ON {schema}.django_migrations FROM {schema};
    REVOKE UPDATE, DELETE ON {schema}.accounts_auditevent FROM {schema};
    REVOKE UPDATE, DELETE ON {schema}.accounts_auditseal FROM {schema};
"""
# Session settings of the dump would outlive it on this connection, and it needs none of them: every
# name in it is qualified. Its own meta-commands and comments are psql's.
_LEFT_OUT: Final = re.compile(
    r"^(?:--.*|\\.*|SET .*;|SELECT pg_catalog\.set_config\(.*\);|CREATE SCHEMA .*;)$", re.M
)


def schema_make(schema: str) -> None:
    """Make `schema` as of the newest migration, with its role's rights; the role exists.

    A schema whose making was cut off is finished. Takes about 0.1 s once the template is known.
    """
    with public_scope("owner"):
        begun = has_tables(schema)
        dump = None if begun else template_dump()
        if dump is not None:
            with transaction.atomic(), connection.cursor() as cursor:
                _create(schema)
                cursor.execute(dump.replace(TEMPLATE, schema))
                cursor.execute(GRANTS.format(schema=f'"{schema}"'))
            return
    schema_migrate(schema)
    with public_scope("owner"), connection.cursor() as cursor:
        cursor.execute(GRANTS.format(schema=f'"{schema}"'))


def schema_migrate(schema: str) -> None:
    """Bring a schema to the newest migration, one by one."""
    with public_scope("owner"):
        _create(schema)
    call_command("migrate_schemas", schema_name=schema, tenant=True, interactive=False, verbosity=0)


def template_dump() -> str | None:
    """Return the template's tables and first rows as SQL; None where it cannot be dumped."""
    with connection.cursor() as cursor:  # two processes must not migrate the template at once
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [LOCK])
    try:
        if TEMPLATE in behind([TEMPLATE]):
            schema_migrate(TEMPLATE)
        return _dumped(wanted())
    finally:
        with public_scope("owner"), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [LOCK])


@cache
def _dumped(_: frozenset[str]) -> str | None:
    database = settings.DATABASES["default"]
    command = [
        settings.PG_DUMP,
        *("--no-owner", "--no-privileges", "--no-comments", "--inserts"),
        *("--schema", TEMPLATE, "--dbname", database["NAME"]),
        *("--host", database["HOST"], "--port", database["PORT"], "--username", database["USER"]),
    ]
    env = {**os.environ, "PGPASSWORD": database["PASSWORD"]}
    try:
        done = subprocess.run(command, env=env, capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        log.warning("tenants.template_not_dumped", why=said.decode("utf-8", "replace")[-300:])
        return None
    return _LEFT_OUT.sub("", done.stdout.decode())


def _create(schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))


def has_tables(schema: str) -> bool:
    """Say whether a schema stands with something in it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = %s)", [schema])
        return bool(cursor.fetchone()[0])
