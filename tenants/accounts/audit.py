"""Write audit rows, in the transaction of the deed they record."""

from typing import Any

from tenants.accounts.models import AuditEvent
from tenants.context import Actor
from tenants.logging import request_id


def audit_write(
    actor: Actor, *, action: str, object_type: str = "", object_id: Any = "", **data: Any
) -> None:
    """Record that `actor` did `action` to an object; `data` is small and holds no content."""
    AuditEvent.objects.create(
        actor_id=actor.user_id,
        actor_kind=actor.kind,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        request_id=request_id() or "",
        data=data,
    )
