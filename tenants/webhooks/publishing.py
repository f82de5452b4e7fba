"""Tell the workspace's own programs that something happened.

    publish("document.ready", {"id": str(document.id), "name": document.name})

Call it in the transaction of the deed: what is rolled back is told to nobody. It costs one
statement where no endpoint wants the event, and no request leaves before the commit.
"""

import json
from datetime import UTC, datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from tenants.webhooks.events import event_known
from tenants.webhooks.models import Delivery, Endpoint


def publish(event_type: str, data: dict[str, Any]) -> int:
    """Queue an event for each enabled endpoint that wants it; return for how many.

    `data` is small and holds ids, names and numbers, no content. Raises ValueError for a type that
    no app has declared: a slip of ours.
    """
    if not event_known(event_type):
        raise ValueError(f"{event_type} is not declared; see tenants/webhooks/events.py.")
    wanting = [
        endpoint
        for endpoint in Endpoint.objects.filter(disabled_at=None).only("id", "events")
        if endpoint.wants(event_type)
    ]
    for endpoint in wanting:
        delivery_queue(endpoint, event_type, data)
    return len(wanting)


def delivery_queue(endpoint: Endpoint, event_type: str, data: dict[str, Any]) -> Delivery:
    """Queue an event for one endpoint, to be sent once the transaction has committed."""
    from tenants.webhooks.tasks import webhook_deliver

    now = timezone.now()
    message = {
        "type": event_type,
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "data": data,
    }
    delivery = Delivery.objects.create(
        endpoint=endpoint,
        event_type=event_type,
        body=json.dumps(message, cls=DjangoJSONEncoder, separators=(",", ":")),
        due_at=now,
    )
    webhook_deliver.dispatch(str(delivery.id))
    return delivery
