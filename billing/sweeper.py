"""Settle what a dead process left reserved.

Nobody knows what such a call used, and the provider charges an abandoned call in full. So the
reservation itself is charged, flagged as estimated, until the truth arrives: from a settlement that
was only late, or from the invocation log.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction

from billing.models import Reservation
from billing.reservations import SWEPT_ATTEMPT
from billing.settlement import Held, Usage, post
from billing.units import Unit
from tenants.context import TenantContext, public_scope
from tenants.lifecycle.steps import Erased

log = structlog.get_logger(__name__)

ORPHANED: Final = timedelta(minutes=8)
"""Older than any call takes. With a sweep a minute, no orphan lives for ten."""
MOST: Final = 5_000

FIND: Final = """
    SELECT id, tenant_id, month, (created_at AT TIME ZONE 'UTC')::date, request_id, call, feature,
           user_id, api_key_id, model, estimate::text
      FROM billing_reservation
     WHERE state = 'held' AND {which}
     ORDER BY created_at LIMIT 1
       FOR UPDATE SKIP LOCKED
"""
ORPHANS: Final = FIND.format(
    which="created_at < now() - %s * interval '1 second'"
    " AND (sweep_after IS NULL OR sweep_after < now())"
)
OPEN: Final = FIND.format(which="tenant_id = %s")


def sweep(older_than: timedelta = ORPHANED) -> int:
    """Settle reservations held for longer than `older_than`, as estimates; return how many.

    Runs under the ops login, across tenants. Rows that a settlement has locked are passed over, and
    two sweepers share the work. One transaction each: holding several tenants' counters together
    could wait in a circle with their own requests. At most `MOST` a run.
    """
    return _swept(ORPHANS, older_than.total_seconds())


def reservations_close(tenant: TenantContext) -> Sequence[Erased]:
    """Erasing's step: settle what a workspace still has reserved, before its rows go.

    What stays of it is the ledger, which would otherwise lack calls that the provider charges.
    """
    closed = 0
    with public_scope("owner"):
        while found := _swept(OPEN, tenant.id):
            closed += found
    return [Erased("open reservations, settled as estimates", "ledger", closed)] if closed else []


def reservations_open(tenant: TenantContext) -> int:
    """Return how many reservations of a workspace are not settled."""
    with public_scope("owner"):
        return Reservation.objects.filter(tenant_id=tenant.id, state="held").count()


def _swept(find: str, *which: Any) -> int:
    for swept in range(MOST):
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(find, which)
            row = cursor.fetchone()
            if row is None:
                return swept
            _settle(*row)
    return MOST


def _settle(*row: Any) -> None:
    held = Held(*row[:9])
    model, estimate = row[9:]
    units = {Unit(unit): quantity for unit, quantity in json.loads(estimate).items()}
    log.warning(
        "reservation.swept",
        reservation=str(held.id),
        tenant_id=str(held.tenant_id),
        request=str(held.request_id),
    )
    usage = Usage(model, units, SWEPT_ATTEMPT, estimated=True)
    post(held, usage, final=True, resolved="swept")
