"""Bring one workspace back to a backup, beside the others, which are not touched.

A backup is `pg_dump --format=custom`, of the workspace's schema or of the whole database. It is
loaded beside what stands, and takes its place once it is whole: what stood is kept until then under
another name, so that a run that failed leaves the workspace as it was. One that was killed leaves
it closed, with a note on its schema of how it was before, and the next run goes by that.

What must not go back in time stays as it is: the audit with its seals, passwords, who is locked
out, revoked keys. Nobody's session outlives it. Amounts and settings in `public` (ledger, plan)
are no part of it. Runs under the owner's login.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from tenants.accounts.audit import audit_write
from tenants.context import SYSTEM, TenantContext, entered, public_scope
from tenants.errors import Conflict, Invalid
from tenants.lifecycle.regionstate import region_move_refuse
from tenants.lifecycle.schema import GRANTS, has_tables, schema_migrate
from tenants.redis import redis_client
from tenants.registry.models import Status, Tenant
from tenants.sockets import workspace_sockets_close

log = structlog.get_logger(__name__)

SECONDS: Final = 3600  # for the programs of PostgreSQL
BEFORE: Final = "_before"  # behind the schema's name: what stood there
# Tables that only ever grow: kept as they are now.
LASTING: Final = ("accounts_auditevent", "accounts_auditseal")
# What was taken from people since the backup is not given back.
NOT_BACK: Final = """
    DELETE FROM {new}.django_session;
    UPDATE {new}.accounts_user AS back SET password = now.password,
           is_active = back.is_active AND now.is_active
        FROM {old}.accounts_user AS now WHERE now.id = back.id;
    UPDATE {new}.accounts_user AS back SET is_active = false
        WHERE NOT EXISTS (SELECT FROM {old}.accounts_user AS now WHERE now.id = back.id);
    UPDATE {new}.accounts_apikey AS back SET revoked_at = now.revoked_at
        FROM {old}.accounts_apikey AS now WHERE now.id = back.id AND now.revoked_at IS NOT NULL;
    UPDATE {new}.accounts_apikey AS back SET revoked_at = now()
        WHERE revoked_at IS NULL
          AND NOT EXISTS (SELECT FROM {old}.accounts_apikey AS now WHERE now.id = back.id);
"""
KEEP: Final = """
    DELETE FROM {new}.{table};
    INSERT INTO {new}.{table} OVERRIDING SYSTEM VALUE SELECT * FROM {old}.{table};
"""
NOTE: Final = "closed to be restored; before: "
NOTED: Final = """
    SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname IN (%s, %s)
"""
NUMBERING: Final = """
    SELECT setval(pg_get_serial_sequence(%s, 'id'), greatest(max(id), 1))
    FROM {new}.accounts_auditevent
"""

_afterwards: dict[str, Callable[[], str]] = {}


def restored_register(name: str, work: Callable[[], str]) -> None:
    """Have `work` done inside a restored tenant; it returns what it did, for whoever restores.

    For what lies outside the schema and may have gone on since the backup.
    """
    _afterwards[name] = work


def backup_write(tenant: TenantContext, path: Path) -> None:
    """Dump the workspace's schema to a file. Raises Conflict where that fails."""
    fresh = path.with_name(f".{path.name}.part")
    _program("pg_dump", "--format=custom", "--schema", tenant.schema, "--file", str(fresh))
    fresh.replace(path)


def restore(tenant: TenantContext, backup: Path) -> Iterator[str]:
    """Put the workspace back to `backup`; yield what is being done. Raises Invalid, Conflict.

    It is closed meanwhile, and open afterwards if it was before.
    """
    if f" {tenant.schema} " not in _contents(backup):
        raise Invalid(f"{backup} holds nothing of {tenant.slug} ({tenant.schema}).")
    with public_scope("owner"):
        region_move_refuse(tenant.id)
        status = _close(tenant)
        workspace_sockets_close(tenant)
    try:
        with public_scope("owner"):
            _put_back(tenant.schema)
            _rename(tenant.schema, tenant.schema + BEFORE)
        yield f"{tenant.slug} is closed; loading its tables"
        _loaded(tenant.schema, backup)
        schema_migrate(tenant.schema)
        with public_scope("owner"):
            _settle(tenant.schema)
        yield "its tables are loaded"
        with entered(tenant):
            audit_write(SYSTEM, action="workspace.restored", backup=backup.name)
            for name, work in _afterwards.items():
                yield f"{name}: {work()}"
        with public_scope("owner"), transaction.atomic():
            _note(tenant.schema, status)
            _drop(tenant.schema + BEFORE)
        _forget(tenant)
    finally:
        connection.close()
        with public_scope("owner"):
            _put_back(tenant.schema)
            _open(tenant, status)
    log.info("tenants.restored", tenant_id=str(tenant.id))


def _close(tenant: TenantContext) -> str:
    """Close the workspace; return how it was before, and before a run that was killed."""
    with transaction.atomic():
        row = Tenant.objects.select_for_update().get(id=tenant.id)
        if row.status not in (Status.ACTIVE, Status.SUSPENDED):
            raise Conflict(f"{row.slug} is {row.get_status_display().lower()}.")
        status = str(row.status)
        if status == Status.SUSPENDED and (noted := _noted(tenant.schema)):
            status = noted
        Tenant.objects.filter(id=tenant.id).update(status=Status.SUSPENDED)
        before = tenant.schema + BEFORE
        _note(before if has_tables(before) else tenant.schema, status)
        return status


def _open(tenant: TenantContext, status: str) -> None:
    with transaction.atomic():
        _note(tenant.schema, None)
        Tenant.objects.filter(id=tenant.id).update(status=status)


def _note(schema: str, status: str | None) -> None:
    """Note on the schema how its workspace was before it was closed; a name takes it along."""
    told = sql.Literal(None if status is None else NOTE + status)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(schema), told))


def restore_unfinished(schema: str) -> bool:
    """Say whether a run stands there that has not ended, or was killed: nothing may be served."""
    return bool(_noted(schema))


def _noted(schema: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(NOTED, [schema, schema + BEFORE])
        found = [told for (told,) in cursor.fetchall() if told and told.startswith(NOTE)]
    return str(found[0]).removeprefix(NOTE) if found else ""


def _put_back(schema: str) -> None:
    """Let what stood before stand again, where a run did not come to its end."""
    if has_tables(schema + BEFORE):
        with transaction.atomic():
            _drop(schema)
            _rename(schema + BEFORE, schema)


def _rename(schema: str, name: str) -> None:
    _run("ALTER SCHEMA {new} RENAME TO {old}", new=schema, old=name)


def _drop(schema: str) -> None:
    _run("DROP SCHEMA IF EXISTS {new} CASCADE", new=schema)


def _loaded(schema: str, backup: Path) -> None:
    with public_scope("owner"):
        _run("CREATE SCHEMA {new}", new=schema)
    _program(
        "pg_restore", "--schema", schema, "--no-owner", "--no-privileges", "--no-comments",
        "--single-transaction", "--exit-on-error", "--dbname", _database()["NAME"], str(backup),
    )  # fmt: skip


def _settle(schema: str) -> None:
    """Give the role its rights, and keep what must not go back in time."""
    names = {"new": schema, "old": schema + BEFORE}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(GRANTS.format(schema=f'"{schema}"'))
        _run(NOT_BACK, **names)
        for table in LASTING:
            _run(KEEP, **names, table=table)
        numbering = sql.SQL(NUMBERING).format(new=sql.Identifier(schema))
        cursor.execute(numbering, [f'"{schema}".accounts_auditevent'])


def _forget(tenant: TenantContext) -> None:
    """Drop what Redis keeps of the workspace: it is of the time after the backup."""
    for key in redis_client().scan_iter(match=f"*{tenant.id.hex}*", count=1000):
        redis_client().unlink(key)


def _run(statement: str, **names: str) -> None:
    with connection.cursor() as cursor:
        named = {name: sql.Identifier(value) for name, value in names.items()}
        cursor.execute(sql.SQL(statement).format(**named))


def _database() -> dict[str, Any]:
    database: dict[str, Any] = settings.DATABASES["default"]
    return database


def _contents(backup: Path) -> str:
    """Return the archive's table of contents."""
    return _program("pg_restore", "--list", str(backup), where=False)


def _program(name: str, *arguments: str, where: bool = True) -> str:
    """Run a program of PostgreSQL that stands beside `PG_DUMP`. Raises Conflict with its words."""
    database = _database()
    program = str(Path(settings.PG_DUMP).with_name(name)) if "/" in settings.PG_DUMP else name
    whither = ["--host", database["HOST"], "--port", str(database["PORT"]),
               "--username", database["USER"]] if where else []  # fmt: skip
    if where and name == "pg_dump":
        whither += ["--dbname", database["NAME"]]
    env = {**os.environ, "PGPASSWORD": database["PASSWORD"]}
    try:
        done = subprocess.run(
            [program, *whither, *arguments], env=env, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Conflict(f"{name} could not run: {error}") from error
    if done.returncode:
        raise Conflict(f"{name}: {done.stderr.strip()[-500:]}")
    return done.stdout
