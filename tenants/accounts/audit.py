"""Write audit rows, in the transaction of the deed they record."""

from typing import Any, Final

from django.db import connection, transaction

from tenants.accounts.models import AuditEvent
from tenants.context import Actor
from tenants.logging import client_address, request_id

LOCK: Final = 0x41554449
"""The first key of the advisory lock between writing and sealing; the second is the schema."""

_WRITING: Final = "SELECT pg_advisory_xact_lock_shared(%s, hashtext(current_schema()))"


def audit_write(
    actor: Actor, *, action: str, object_type: str = "", object_id: Any = "", **data: Any
) -> None:
    """Record that `actor` did `action` to an object; `data` is small and holds no content.

    Until the transaction ends nobody seals: a row with a lower id could still come.
    """
    if actor.staff_id is not None:
        data = {**data, "by": "staff", "as": str(actor.user_id)}
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            cursor.execute(_WRITING, [LOCK])
        AuditEvent.objects.create(
            actor_id=actor.staff_id or actor.user_id,
            actor_kind=actor.kind,
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            request_id=request_id() or "",
            address=client_address(),
            data=data,
        )
