"""Leaving: an owner asks, a waiting time passes in which it can be taken back, then all is erased.

Until the waiting time is over the workspace works as before, so that its people can take their data
with them. `erasing.py` does the erasing.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.context import Actor, current
from tenants.errors import Conflict, Forbidden, NotFound
from tenants.lifecycle.holding import hold_refuse
from tenants.registry.models import Offboarding

WAIT: Final = timedelta(days=30)


def offboarding_request(*, actor: Actor, wait: timedelta = WAIT) -> Offboarding:
    """Ask for the entered workspace to be erased `wait` from now.

    Raises Forbidden, LegalHold, Conflict.
    """
    _require_owner(actor)
    hold_refuse()
    try:
        with transaction.atomic():
            asked = Offboarding.objects.create(
                tenant_id=current().id,
                slug=current().slug,
                requested_by=actor.user_id,
                due_at=timezone.now() + wait,
            )
            audit_write(actor, action="workspace.leaving", due_at=asked.due_at.isoformat())
    except IntegrityError as error:
        raise Conflict(_("This workspace is leaving already.")) from error
    return asked


def offboarding_cancel(*, actor: Actor) -> None:
    """Take the request back. Raises Forbidden, or NotFound where nothing waits any more."""
    _require_owner(actor)
    with transaction.atomic():
        changed = Offboarding.objects.filter(
            tenant_id=current().id, state=Offboarding.State.WAITING
        ).update(state=Offboarding.State.CANCELLED)
        if not changed:
            raise NotFound(_("No erasure of this workspace is waiting."))
        audit_write(actor, action="workspace.staying")


def offboarding_waiting() -> Offboarding | None:
    """Return the entered workspace's request that waits, if any."""
    return Offboarding.objects.filter(
        tenant_id=current().id, state=Offboarding.State.WAITING
    ).first()


def receipt_address(offboarding_id: UUID) -> str:
    """Return where the receipt stands once all is erased: on the public host, for who knows it."""
    return f"{settings.BASE_URL}/erased/{offboarding_id}/"


def offboarding_told(offboarding_id: UUID) -> Offboarding:
    """Return what the public host may read of an erasure. Raises NotFound, where cancelled too."""
    readable = ("id", "slug", "due_at", "state", "receipt", "signature")
    rows = Offboarding.objects.exclude(state=Offboarding.State.CANCELLED).order_by()
    found = rows.filter(id=offboarding_id).only(*readable).first()
    if found is None:
        raise NotFound
    return found


def _require_owner(actor: Actor) -> None:
    if actor.role != "owner":
        raise Forbidden(_("Only an owner may have the workspace erased."))
