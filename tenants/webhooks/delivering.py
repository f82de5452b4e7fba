"""Send what is due, and decide what becomes of it."""

import time
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop, override

from tenants.accounts.audit import audit_write
from tenants.context import SYSTEM
from tenants.errors import TenantryError
from tenants.outbound import SECONDS, failure_retold, fetch
from tenants.secretbox import secret_open
from tenants.webhooks.models import Delivery, Endpoint
from tenants.webhooks.signing import PURPOSE, headers
from tenants.wording import retold

log = structlog.get_logger(__name__)

# After each failure the next attempt waits this long: three days and a half in all.
WAITS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
LEASE: Final = timedelta(seconds=3 * SECONDS)  # an attempt that is cut off is made again after it
DISABLED_AFTER: Final = timedelta(days=5)
# Stored; pages translate them.
FAILED_LONG: Final = gettext_noop("Nothing was delivered for 5 days.")
GONE: Final = gettext_noop("It answered 410 Gone.")
ANSWERED: Final = gettext_noop("Answered %(status)s; only 2xx says that it was taken.")
ANSWER_KEPT: Final = 500  # characters
LOG_KEPT: Final = 12  # attempts
KEPT: Final = timedelta(days=30)
AT_ONCE: Final = 200


def deliver(delivery_id: UUID) -> float | None:
    """Make one attempt if it is due; return after how many seconds the next one is, if soon.

    The row is claimed first, so that a task delivered twice sends once.
    """
    now = timezone.now()
    claimed = Delivery.objects.filter(
        id=delivery_id, state=Delivery.State.WAITING, due_at__lte=now, endpoint__disabled_at=None
    ).update(due_at=now + LEASE, attempts=F("attempts") + 1)
    if not claimed:
        return None
    delivery = Delivery.objects.select_related("endpoint").get(id=delivery_id)
    attempt = _attempt(delivery, now)
    return _settle(delivery, attempt)


def _attempt(delivery: Delivery, now: datetime) -> dict[str, Any]:
    """Send once, outside any transaction; return what the log keeps of it."""
    endpoint, body = delivery.endpoint, delivery.body.encode()
    told: dict[str, Any] = {"at": now.isoformat(), "status": None, "error": "", "answer": ""}
    begun = time.monotonic()
    try:
        signed = headers(
            secrets_of(endpoint),
            message_id=delivery.message_id,
            timestamp=int(now.timestamp()),
            body=body,
        )
        with override("en"):  # what went wrong is stored
            answer = fetch(
                "POST",
                endpoint.url,
                headers={
                    "Content-Type": "application/json",
                    "User-Agent": "Tenantry-Webhooks/1",
                    **signed,
                },
                body=body,
                most=4096,
            )
    except TenantryError as error:
        told["error"] = error.detail
    else:
        told["status"] = answer.status
        text = answer.body.decode("utf-8", "replace").replace("\0", "")
        told["answer"] = text[:ANSWER_KEPT]
        if not 200 <= answer.status < 300:
            told["error"] = ANSWERED % {"status": answer.status}
    told["ms"] = round((time.monotonic() - begun) * 1000)
    return told


def attempt_error_told(stored: str) -> str:
    """Return what went wrong with an attempt, in the reader's language."""
    told = retold(stored, ANSWERED)
    return told if told != stored else failure_retold(stored)


def secrets_of(endpoint: Endpoint) -> list[str]:
    """Return the secrets that messages are signed with now, the newest first."""
    sealed = [endpoint.secret, *([endpoint.old_secret] if endpoint.rotating else [])]
    return [secret_open(one, purpose=PURPOSE) for one in sealed]


def _settle(delivery: Delivery, attempt: dict[str, Any]) -> float | None:
    """Record the attempt and what follows from it."""
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().filter(id=delivery.endpoint_id).first()
        held = Delivery.objects.select_for_update().filter(id=delivery.id).first()
        if endpoint is None or held is None:  # deleted meanwhile
            return None
        held.log = [*held.log, attempt][-LOG_KEPT:]
        now = timezone.now()
        again: float | None = None
        if not attempt["error"]:
            held.state, held.due_at, held.ended_at = Delivery.State.DELIVERED, None, now
            endpoint.failing_since = None
        elif held.attempts > len(WAITS):
            held.state, held.due_at, held.ended_at = Delivery.State.FAILED, None, now
            endpoint.failing_since = endpoint.failing_since or now
        else:
            wait = WAITS[held.attempts - 1]
            held.due_at = now + wait
            endpoint.failing_since = endpoint.failing_since or now
            again = wait.total_seconds()
        held.save(update_fields=["log", "state", "due_at", "ended_at"])
        _disable_if_due(endpoint, attempt, now)
        endpoint.save(update_fields=["failing_since", "disabled_at", "disabled_why"])
    return again


def _disable_if_due(endpoint: Endpoint, attempt: dict[str, Any], now: datetime) -> None:
    """Stop sending to an endpoint that is gone, or has failed for days."""
    if not endpoint.enabled:
        return
    if attempt["status"] == 410:
        why = GONE
    elif endpoint.failing_since and now - endpoint.failing_since >= DISABLED_AFTER:
        why = FAILED_LONG
    else:
        return
    endpoint.disabled_at, endpoint.disabled_why = now, why
    audit_write(
        SYSTEM, action="webhook.disable", object_type="webhook", object_id=endpoint.id, why=why
    )
    from tenants.webhooks.tasks import webhook_disabled_mail

    webhook_disabled_mail.dispatch(str(endpoint.id))
    log.warning("webhooks.disabled", endpoint_id=str(endpoint.id), why=why)


def deliveries_due() -> list[UUID]:
    """Return the deliveries whose time has come, the longest waiting first."""
    due = Delivery.objects.filter(
        state=Delivery.State.WAITING, due_at__lte=timezone.now(), endpoint__disabled_at=None
    )
    return list(due.order_by("due_at").values_list("id", flat=True)[:AT_ONCE])


def deliveries_tidy() -> int:
    """Remove deliveries that are older than 30 days; return how many."""
    removed, _ = Delivery.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
    return removed
