"""Tell a workspace's own programs of its audit: each seal with the entries under it, in order.

One message a seal, so that whoever keeps them can recompute the chain: `digest` is SHA-256 over
`before` and each entry as canonical JSON, as in `sealing.py`. Only endpoints that name the type get
it: an endpoint for all events is not flooded.
"""

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from tenants.accounts.models import AuditSeal
from tenants.webhooks.models import Endpoint
from tenants.webhooks.publishing import delivery_queue

SEALED: Final = "audit.sealed"
TOLD: Final = _(
    "Audit entries were sealed, at most two minutes after they were written; sent only to \
webhooks that choose this event."
)


def audit_stream(seal: AuditSeal, before: str, told: Sequence[dict[str, Any]]) -> None:
    """Queue a seal's entries for the endpoints of the entered tenant that name the type.

    Call in the transaction that makes the seal: each is sent once, or tried again as any delivery.
    """
    wanting = [
        endpoint
        for endpoint in Endpoint.objects.filter(disabled_at=None)
        if SEALED in endpoint.events
    ]
    for endpoint in wanting:
        data = {
            "number": seal.number,
            "digest": seal.digest,
            "before": before,
            "first_id": seal.first_id,
            "last_id": seal.last_id,
            "entries": list(told),
        }
        delivery_queue(endpoint, SEALED, data)
