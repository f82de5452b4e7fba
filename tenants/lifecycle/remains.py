"""The ground floor's steps of erasing: sockets, audit, objects, Redis, rows, schema, role."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

from django.db import connection, transaction
from psycopg import sql

from tenants.accounts.models import AuditEvent
from tenants.accounts.sealing import event_told
from tenants.context import TenantContext
from tenants.lifecycle.steps import Erased, erase_register
from tenants.objects import bucket, tenant_objects_count, tenant_objects_erase
from tenants.redis import redis_client
from tenants.registry.models import AuditArchive, Domain
from tenants.sockets import workspace_sockets_close

ACCOUNTING: Final = "accounting; amounts and names, no content"
# Rows of `public` that stay: amounts for accounting with the profiles that bills name, the sealed
# audit, and the record of leaving. Each with the reason that the receipt gives.
KEPT: Final = {
    "billing_ledgerentry": ACCOUNTING,
    "billing_awscostline": ACCOUNTING,
    "billing_planchange": ACCOUNTING,
    "billing_accountcredit": ACCOUNTING,
    "billing_invoice": ACCOUNTING,
    "billing_invoiceline": ACCOUNTING,
    "bedrock_inferenceprofile": "AWS's bill names it",
    "registry_auditarchive": "evidence of who did what, sealed",
    "registry_offboarding": "the record of this erasure",
}
OWN_ROW: Final = "whose the amounts are; nobody else gets the address"
TABLES: Final = """
    SELECT columns.table_name FROM information_schema.columns columns
    JOIN pg_class c ON c.relname = columns.table_name AND c.relnamespace = 'public'::regnamespace
    WHERE columns.table_schema = 'public' AND columns.column_name = 'tenant_id'
      AND columns.udt_name = 'uuid' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY 1
"""
SCAN: Final = 1000
FOR_EVER: Final = -1  # how Redis says that a key does not expire
GONE_SOON: Final = 61_000  # ms; what a bucket's level is kept for (`billing/bucket.lua`)


def register() -> None:
    """Add the steps; called once the app is ready."""
    erase_register("sockets", _close_sockets, _nothing, order=10)
    erase_register("audit", _archive_audit, _nothing, order=20)
    erase_register("objects", _erase_objects, _objects_left, order=70)
    erase_register("shared state", _erase_redis, _redis_left, order=75)
    erase_register("rows", _erase_rows, _rows_left, order=80)
    erase_register("schema", _drop_schema, _schema_left, order=90)
    erase_register("role", _drop_role, _role_left, order=95)


def _nothing(_: TenantContext) -> int:
    return 0


def _close_sockets(tenant: TenantContext) -> Sequence[Erased]:
    workspace_sockets_close(tenant)
    return []


def _archive_audit(tenant: TenantContext) -> Sequence[Erased]:
    """Copy the audit to `public`, each row sealed with the one before."""
    seal, last = "", None
    with transaction.atomic():
        AuditArchive.objects.filter(tenant_id=tenant.id).delete()
        while events := _audit_after(last):
            rows = []
            for event in events:
                told = event_told(event)
                whole = seal + json.dumps(told, sort_keys=True)
                seal = hashlib.sha256(whole.encode()).hexdigest()
                rows.append(
                    AuditArchive(tenant_id=tenant.id, number=event.id, event=told, seal=seal)
                )
            AuditArchive.objects.bulk_create(rows)
            last = events[-1].id
    return []


def _audit_after(last: int | None) -> list[AuditEvent]:
    rows = AuditEvent.objects.order_by("id")
    return list((rows if last is None else rows.filter(id__gt=last))[:SCAN])


def _erase_objects(tenant: TenantContext) -> Sequence[Erased]:
    count = tenant_objects_erase(tenant)
    return [Erased("stored objects", f"bucket {bucket(tenant.region)}", count)]


def _objects_left(tenant: TenantContext) -> int:
    return tenant_objects_count(tenant)


def _keys(tenant: TenantContext) -> list[bytes]:
    return list(redis_client().scan_iter(match=f"*{tenant.id.hex}*", count=SCAN))


def _erase_redis(tenant: TenantContext) -> Sequence[Erased]:
    keys = _keys(tenant)
    for start in range(0, len(keys), SCAN):
        redis_client().unlink(*keys[start : start + SCAN])
    return [Erased("cached and queued state", "Redis", len(keys))]


def _redis_left(tenant: TenantContext) -> int:
    """Count the keys, but for those that are gone within a minute.

    A request that was under way may write how much of its rates is left after everything else is
    erased, and nothing would be left to look for it again.
    """
    asked = redis_client().pipeline(transaction=False)
    for key in _keys(tenant):
        asked.pttl(key)
    return sum(left == FOR_EVER or left > GONE_SOON for left in asked.execute())


def tenant_tables() -> list[str]:
    """Return the tables of `public` that hold tenants' rows and that the role may know of."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return [name for (name,) in cursor.fetchall()]


def _tables() -> list[str]:
    return [name for name in tenant_tables() if name not in KEPT]


def _erase_rows(tenant: TenantContext) -> Sequence[Erased]:
    """Delete the tenant's rows of `public` and the host names that lead to it."""
    erased = []
    for table in _tables():
        count = _on_rows("DELETE FROM public.{table} WHERE tenant_id = %s", table, tenant)
        if count:
            erased.append(Erased("rows", f"table {table}", count))
    return erased


def rows_kept(tenant: TenantContext) -> list[dict[str, object]]:
    """Return what stays of the tenant in `public`, by table, with its reason; for the receipt."""
    query = "SELECT FROM public.{table} WHERE tenant_id = %s"
    there = {table: _on_rows(query, table, tenant) for table in tenant_tables() if table in KEPT}
    own = "registry_tenant"  # its key is the tenant's id
    there[own] = _on_rows("SELECT FROM public.{table} WHERE id = %s", own, tenant)
    why = {**KEPT, own: OWN_ROW}
    return [{"what": "rows", "where": f"table {table}", "count": count, "why": why[table]}
            for table, count in there.items() if count]  # fmt: skip


def _rows_left(tenant: TenantContext) -> int:
    query = "SELECT FROM public.{table} WHERE tenant_id = %s"
    return sum(_on_rows(query, table, tenant) for table in _tables())


def _on_rows(statement: str, table: str, tenant: TenantContext) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(table=sql.Identifier(table)), [tenant.id])
        return int(cursor.rowcount)


def _drop_schema(tenant: TenantContext) -> Sequence[Erased]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s", [tenant.schema])
        (tables,) = cursor.fetchone()
        statement = sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE")
        cursor.execute(statement.format(sql.Identifier(tenant.schema)))
    Domain.objects.filter(tenant_id=tenant.id).delete()
    return [Erased("tables with all rows and vectors", f"schema {tenant.schema}", tables)]


def _schema_left(tenant: TenantContext) -> int:
    return _counted("SELECT count(*) FROM pg_namespace WHERE nspname = %s", tenant)


def _drop_role(tenant: TenantContext) -> Sequence[Erased]:
    """Drop the role; whoever drops what it owns must be able to take it."""
    if not _role_left(tenant):
        return []
    role = sql.Identifier(tenant.schema)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE").format(role))
        cursor.execute(sql.SQL("DROP OWNED BY {}").format(role))
        cursor.execute(sql.SQL("DROP ROLE {}").format(role))
    return [Erased("database role", tenant.schema, 1)]


def _role_left(tenant: TenantContext) -> int:
    return _counted("SELECT count(*) FROM pg_roles WHERE rolname = %s", tenant)


def _counted(query: str, tenant: TenantContext) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, [tenant.schema])
        return int(cursor.fetchone()[0])
