"""Ask staff for a looser posture, take it back, and what staff decide."""

from typing import Final

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from bedrock.errors import RulesWrong
from bedrock.models import PostureRequest
from bedrock.postureguard import loosening_role, looser, posture_allowed
from bedrock.services import posture_set
from tenants.accounts.audit import audit_write
from tenants.accounts.models import role_reaches
from tenants.context import Actor, current, entered
from tenants.errors import Conflict, Invalid, NotFound
from tenants.registry.selectors import tenant_by_id

REASON_CHARACTERS: Final = 500
State = PostureRequest.State


def posture_ask(*, actor: Actor, posture: str, reason: str) -> PostureRequest:
    """Ask staff for a looser posture. Raises RulesWrong, Invalid, Conflict."""
    tenant = current()
    posture_allowed(Actor(None, "staff", "task"), tenant, posture)
    needed = loosening_role(tenant, posture)
    if not looser(tenant.posture, posture) or (needed and role_reaches(actor.role, needed)):
        raise RulesWrong(_("You may choose this posture yourself; nobody has to approve it."))
    why = " ".join(reason.replace("\x00", "").split())
    if not 10 <= len(why) <= REASON_CHARACTERS:
        raise Invalid(
            _("Say why in 10 to %(most)s characters; staff decide by it.")
            % {"most": REASON_CHARACTERS}
        )
    try:
        with transaction.atomic():
            row = PostureRequest.objects.create(
                tenant_id=tenant.id,
                before=tenant.posture,
                posture=posture,
                reason=why,
                asked_by=actor.user_id,
            )
            audit_write(
                actor, action="posture.asked", object_type="posture_request", object_id=row.id,
                posture=posture,
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict(_("A request is waiting already; take it back to ask anew.")) from error
    return row


def posture_withdraw(*, actor: Actor) -> None:
    """Take the waiting request back. Raises NotFound."""
    with transaction.atomic():
        rows = PostureRequest.objects.filter(tenant_id=current().id, state=State.ASKED)
        row = rows.first()
        if row is None or not rows.update(state=State.WITHDRAWN, decided_at=Now()):
            raise NotFound(_("No request is waiting."))
        audit_write(
            actor, action="posture.withdrawn", object_type="posture_request", object_id=row.id
        )


def posture_decide(*, staff: Actor, request: PostureRequest, approve: bool) -> None:
    """Record what staff decided, on both sides; an approved posture is in force at once.

    Runs in `public` as staff. An approval that was cut off is carried on by approving again. Raises
    Conflict where it was decided or taken back meanwhile, or asked under another posture: it says
    nothing of the one that is in force by now.
    """
    tenant = tenant_by_id(request.tenant_id)
    if approve and tenant.posture != request.before:
        raise Conflict(
            _("%(before)s was in force when they asked, and %(now)s is now: refuse it, so that they"
              " ask anew.")
            % {"before": request.before.capitalize(), "now": tenant.posture}
        )  # fmt: skip
    state = State.APPROVED if approve else State.REFUSED
    verdict = "posture.approved" if approve else "posture.refused"
    with transaction.atomic():
        changed = PostureRequest.objects.filter(id=request.id, state=State.ASKED).update(
            state=state, decided_by=staff.user_id, decided_at=Now()
        )
        cut_off = approve and request.state == State.APPROVED
        if not (changed or cut_off):
            raise Conflict(_("This request was decided or taken back meanwhile; reload the list."))
        audit_write(staff, action=verdict, object_type="posture_request", object_id=request.id,
                    tenant_id=str(request.tenant_id))  # fmt: skip
    with entered(tenant), transaction.atomic():
        audit_write(
            staff,
            action="posture.approved" if approve else "posture.refused",
            object_type="posture_request",
            object_id=request.id,
        )
        if approve:
            posture_set(actor=staff, posture=request.posture)


def open_request() -> PostureRequest | None:
    """Return the entered tenant's request that waits, if any."""
    return PostureRequest.objects.filter(
        tenant_id=current().id, state__in=[State.ASKED, State.APPROVED]
    ).first()
