"""Try this workspace's walls as they stand now: canaries inside, attempts from another workspace.

Each attempt is made with the database role and the AWS credentials of another workspace of this
deployment, and has its counterpart from inside, so that a wall that merely lost its canary fails.
"""

import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop
from psycopg import sql

from tenants.context import TenantContext, entered
from tenants.lifecycle.remains import tenant_tables
from tenants.objects import (
    object_encryption,
    object_get,
    object_open_elsewhere,
    object_put,
    objects_delete,
)
from tenants.registry.models import IsolationCheck
from tenants.registry.selectors import active_tenants

log = structlog.get_logger(__name__)

REFUSED: Final = ("AccessDenied", "OutsideRegion")  # by AWS; by the product, before AWS


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt from outside; `held`: it got nothing, and from inside the canary was there."""

    layer: str
    attempt: str
    outcome: str
    held: bool


def isolation_check(tenant: TenantContext) -> IsolationCheck:
    """Run the self-test against a workspace and store what was found, in its own rows."""
    others = [each for each in active_tenants() if each.id != tenant.id]
    other = min(others, key=lambda each: each.region != tenant.region, default=None)
    canary = f"canary-{secrets.token_hex(12)}"
    attempts, encryption = [], ""
    if other is None:
        attempts = [
            Attempt(
                gettext_noop("All"),
                gettext_noop("From another workspace"),
                "There is no other one yet.",
                False,
            )
        ]
    else:
        attempts = [*_schema(tenant, other, canary), *_rows(tenant, other)]
        found, encryption = _objects(tenant, other, canary)
        attempts += found
    passed = all(each.held for each in attempts)
    if not passed and other is not None:
        log.error("isolation.not_held", tenant_id=str(tenant.id))
    with entered(tenant):
        return IsolationCheck.objects.create(
            tenant_id=tenant.id,
            passed=passed,
            lines=[asdict(each) for each in attempts],
            encryption=encryption,
        )


def _schema(tenant: TenantContext, other: TenantContext, canary: str) -> Iterator[Attempt]:
    """Read a row of the workspace's schema as another workspace's database role."""
    key = canary[:40]
    query = sql.SQL("SELECT count(*) FROM {} WHERE session_key = %s").format(
        sql.Identifier(tenant.schema, "django_session")
    )
    with entered(tenant):
        Session.objects.create(
            session_key=key, session_data="", expire_date=timezone.now() + timedelta(minutes=5)
        )
        inside = _counted(query, key)
    try:
        with entered(other), transaction.atomic():
            outcome, held = f"{_counted(query, key)} rows seen", False
    except DatabaseError as error:
        outcome, held = str(error).splitlines()[0], "permission denied" in str(error)
    with entered(tenant):
        Session.objects.filter(session_key=key).delete()
    yield Attempt(
        gettext_noop("Database schema"),
        gettext_noop("Read a row of this workspace's schema with another workspace's role"),
        outcome,
        held and inside == 1,
    )


def _rows(tenant: TenantContext, other: TenantContext) -> Iterator[Attempt]:
    """Look in every shared table for this workspace's rows as another workspace's role."""
    seen, refused, own = 0, 0, 0
    with entered(tenant):
        tables = tenant_tables()
    for table in tables:
        query = sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %s").format(
            sql.Identifier("public", table)
        )
        for standing in (tenant, other):
            try:
                with entered(standing), transaction.atomic():
                    count = _counted(query, tenant.id)
            except DatabaseError:
                refused += standing is other
                continue
            own, seen = (own + count, seen) if standing is tenant else (own, seen + count)
    yield Attempt(
        gettext_noop("Row-level security"),
        f"Count this workspace's rows in {len(tables)} shared tables with another's role",
        f"{seen} seen, {refused} tables refused; from inside {own}",
        seen == 0 and own > 0,
    )


def _objects(tenant: TenantContext, other: TenantContext, canary: str) -> tuple[list[Attempt], str]:
    """Open a stored object with another workspace's AWS credentials."""
    key = f"selftest/{canary}.txt"
    with entered(tenant):
        object_put(key, canary.encode(), content_type="text/plain")
        inside = object_get(key) == canary.encode()
        encryption = object_encryption(key)
    with entered(other):
        outcome = object_open_elsewhere(tenant, key)
    with entered(tenant):
        objects_delete([key])
    attempt = Attempt(
        gettext_noop("Object store"),
        gettext_noop("Open an object of this workspace with another workspace's AWS session"),
        outcome,
        inside and outcome in REFUSED,
    )
    return [attempt], encryption


def _counted(query: sql.Composable, value: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, [value])
        return int(cursor.fetchone()[0])
