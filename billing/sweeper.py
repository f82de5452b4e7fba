"""Settle what a dead process left reserved.

Nobody knows what such a call used, and the provider charges an abandoned call in full. So the
reservation itself is charged, flagged as estimated, until the truth arrives: from a settlement that
was only late, or from the invocation log.
"""

import json
from datetime import timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction

from billing.reservations import SWEPT_ATTEMPT
from billing.settlement import Held, Usage, post
from billing.units import Unit

log = structlog.get_logger(__name__)

ORPHANED: Final = timedelta(minutes=8)
"""Older than any call takes. With a sweep a minute, no orphan lives for ten."""
MOST: Final = 5_000

FIND: Final = """
    SELECT id, tenant_id, month, (created_at AT TIME ZONE 'UTC')::date, request_id, call, feature,
           user_id, api_key_id, model, estimate::text
      FROM billing_reservation
     WHERE state = 'held' AND created_at < now() - %s * interval '1 second'
       AND (sweep_after IS NULL OR sweep_after < now())
     ORDER BY created_at LIMIT 1
       FOR UPDATE SKIP LOCKED
"""


def sweep(older_than: timedelta = ORPHANED) -> int:
    """Settle reservations held for longer than `older_than`, as estimates; return how many.

    Runs under the ops login, across tenants. Rows that a settlement has locked are passed over, and
    two sweepers share the work. One transaction each: holding several tenants' counters together
    could wait in a circle with their own requests. At most `MOST` a run.
    """
    for swept in range(MOST):
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute(FIND, [older_than.total_seconds()])
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
