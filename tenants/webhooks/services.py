"""Endpoints and deliveries, as admins change them.

Raise Forbidden, NotFound, Invalid, Conflict.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tenants.accounts.audit import audit_write
from tenants.accounts.models import Role, role_reaches
from tenants.context import Actor
from tenants.errors import Conflict, Forbidden, Invalid, NotFound
from tenants.naming import one_line
from tenants.outbound import Unreachable, reach_check
from tenants.secretbox import secret_seal
from tenants.turns import turn_take
from tenants.webhooks.events import TEST, event_types
from tenants.webhooks.models import Delivery, Endpoint
from tenants.webhooks.publishing import delivery_queue
from tenants.webhooks.signing import PURPOSE, secret_make

MOST: Final = 10  # endpoints of a workspace
SWITCHED_OFF: Final = gettext_noop("An admin switched it off.")  # stored; pages translate it
OVERLAP: Final = timedelta(hours=24)  # during which the secret before signs too


def endpoints(actor: Actor) -> list[Endpoint]:
    """Return the workspace's endpoints, newest first."""
    _admin(actor)
    return list(Endpoint.objects.all())


def endpoint_of(actor: Actor, endpoint_id: UUID) -> Endpoint:
    """Return one of the workspace's endpoints."""
    _admin(actor)
    found = Endpoint.objects.filter(id=endpoint_id).first()
    if found is None:
        raise NotFound
    return found


def endpoint_create(
    *, actor: Actor, url: str, events: Iterable[str] = (), description: str = ""
) -> tuple[Endpoint, str]:
    """Make an endpoint; return it with its secret, which is not shown again."""
    _admin(actor)
    _leads_outside(url)
    secret = secret_make()
    endpoint = Endpoint(secret=secret_seal(secret, purpose=PURPOSE))
    _fill(endpoint, {"url": url, "events": list(events), "description": description})
    with transaction.atomic():
        turn_take("webhooks")
        if Endpoint.objects.count() >= MOST:
            raise Conflict(
                _("A workspace has at most %(most)s webhooks; delete one first.") % {"most": MOST}
            )
        endpoint.save(force_insert=True)
        _audit(actor, "webhook.create", endpoint, url=endpoint.url)
    return endpoint, secret


def endpoint_change(
    *,
    actor: Actor,
    endpoint_id: UUID,
    held: Callable[[], AbstractContextManager[Any]] = transaction.atomic,
    **wanted: Any,
) -> Endpoint:
    """Change `url`, `events`, `description` or `enabled`; what is not named stays.

    Where an address leads is found out first; then it is kept in the transaction of `held`.
    """
    endpoint_of(actor, endpoint_id)
    if "url" in wanted:
        _leads_outside(wanted["url"])
    with held():
        return _changed(actor, endpoint_id, wanted)


def _changed(actor: Actor, endpoint_id: UUID, wanted: dict[str, Any]) -> Endpoint:
    endpoint = _locked(actor, endpoint_id)
    _fill(endpoint, wanted)
    enabled = wanted.get("enabled")
    if enabled is True and not endpoint.enabled:
        endpoint.disabled_at, endpoint.disabled_why, endpoint.failing_since = None, "", None
    elif enabled is False and endpoint.enabled:
        endpoint.disabled_at, endpoint.disabled_why = timezone.now(), SWITCHED_OFF
    endpoint.save()
    _audit(actor, "webhook.change", endpoint, changed=sorted(wanted))
    return endpoint


@transaction.atomic
def endpoint_delete(*, actor: Actor, endpoint_id: UUID) -> None:
    """Delete an endpoint with its deliveries."""
    endpoint = _locked(actor, endpoint_id)
    _audit(actor, "webhook.delete", endpoint, url=endpoint.url)
    endpoint.delete()


@transaction.atomic
def secret_rotate(*, actor: Actor, endpoint_id: UUID) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret and return it; the one before signs too for a day."""
    endpoint = _locked(actor, endpoint_id)
    secret = secret_make()
    endpoint.old_secret, endpoint.old_until = endpoint.secret, timezone.now() + OVERLAP
    endpoint.secret = secret_seal(secret, purpose=PURPOSE)
    endpoint.save(update_fields=["secret", "old_secret", "old_until"])
    _audit(actor, "webhook.rotate", endpoint)
    return endpoint, secret


@transaction.atomic
def endpoint_test(*, actor: Actor, endpoint_id: UUID) -> Delivery:
    """Queue a test event for the endpoint, whatever types it wants."""
    endpoint = _locked(actor, endpoint_id)
    if not endpoint.enabled:
        raise Conflict(_("This webhook is switched off; switch it on first."))
    return delivery_queue(endpoint, TEST, {"endpoint_id": str(endpoint.id)})


@transaction.atomic
def delivery_replay(*, actor: Actor, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Send an event again under the same `webhook-id`, with all its attempts before it."""
    from tenants.webhooks.tasks import webhook_deliver

    endpoint = _locked(actor, endpoint_id)
    delivery = Delivery.objects.select_for_update().filter(id=delivery_id, endpoint=endpoint)
    found = delivery.first()
    if found is None:
        raise NotFound
    if not endpoint.enabled:
        raise Conflict(_("This webhook is switched off; switch it on first."))
    found.state, found.attempts = Delivery.State.WAITING, 0
    found.due_at, found.ended_at = timezone.now(), None
    found.save(update_fields=["state", "attempts", "due_at", "ended_at"])
    _audit(actor, "webhook.replay", endpoint, delivery=str(found.id))
    webhook_deliver.dispatch(str(found.id))
    return found


def _admin(actor: Actor) -> None:
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden


def _leads_outside(url: str) -> None:
    """Refuse an address that cannot be called, before anything is locked: this asks the network."""
    try:
        reach_check(url.strip())
    except Unreachable as error:
        raise Invalid(error.detail) from None


def _locked(actor: Actor, endpoint_id: UUID) -> Endpoint:
    _admin(actor)
    found = Endpoint.objects.select_for_update().filter(id=endpoint_id).first()
    if found is None:
        raise NotFound
    return found


def _fill(endpoint: Endpoint, wanted: dict[str, Any]) -> None:
    if "url" in wanted:
        endpoint.url = wanted["url"].strip()
    if "events" in wanted:
        known = event_types()
        unknown = sorted(set(wanted["events"]) - set(known))
        if unknown:
            raise Invalid(
                _("There is no event %(event)s; choose among %(events)s.")
                % {"event": unknown[0], "events": ", ".join(known)}
            )
        endpoint.events = sorted(set(wanted["events"]))
    if "description" in wanted:
        endpoint.description = one_line(wanted["description"])
        if len(endpoint.description) > 120:
            raise Invalid(_("The description may have 120 characters."))


def _audit(actor: Actor, action: str, endpoint: Endpoint, **data: Any) -> None:
    audit_write(actor, action=action, object_type="webhook", object_id=endpoint.id, **data)
