"""Invitations: a signed link by mail, good once and for seven days, in this workspace alone."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.accounts.groups import groups_join, groups_named
from tenants.accounts.invitations import invitation_of, invitations_open
from tenants.accounts.models import Invitation, Role, User, role_reaches
from tenants.accounts.services import user_create
from tenants.accounts.tasks import invitation_mail
from tenants.context import Actor
from tenants.errors import Forbidden, Invalid, NotFound, RateLimited
from tenants.turns import turn_take
from tenants.webhooks.publishing import publish

GOOD_FOR: Final = timedelta(days=7)
AT_ONCE: Final = 200  # invitations in one file
A_DAY: Final = (
    500  # of a workspace: who has just signed up could mail anybody as often as they like
)
ADDRESS_CHARACTERS: Final = 254


@dataclass(frozen=True)
class Invited:
    """What became of one line: the address, the role, why not where it was refused, and itself."""

    email: str
    role: str
    refused: str = ""
    line: str = ""


def invitation_create(
    *, actor: Actor, email: str, role: str, groups: Sequence[str] = ()
) -> Invitation:
    """Invite an address, into groups by their names; an open invitation to it is replaced.

    Raises Invalid, Forbidden, RateLimited.
    """
    email = email.strip().lower()
    if not role_reaches(actor.role, Role.ADMIN) or actor.user_id is None:
        raise Forbidden
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid(
            _("%(email)s is not an email address.") % {"email": email[:80] or _("An empty line")}
        ) from None
    if len(email) > ADDRESS_CHARACTERS:  # Django's own check lets some more pass
        raise Invalid(
            _("%(email)s… is too long: an address has at most %(most)s characters.")
            % {"email": email[:40], "most": ADDRESS_CHARACTERS}
        )
    if role not in Role.values:
        raise Invalid(_("A role is one of %(roles)s.") % {"roles": ", ".join(Role.values)})
    if role == Role.OWNER and actor.role != Role.OWNER:
        raise Forbidden(_("Only an owner invites another owner."))
    if User.objects.filter(email=email).exists():
        raise Invalid(_("%(email)s belongs to this workspace already.") % {"email": email})
    into = groups_named(groups)
    with transaction.atomic():
        _day_check()
        invitations_open().filter(email=email).update(revoked_at=timezone.now())
        invitation = Invitation.objects.create(
            email=email,
            role=role,
            invited_by=actor.user_id,
            expires_at=timezone.now() + GOOD_FOR,
            groups=[str(group.id) for group in into],
        )
        audit_write(
            actor,
            action="invitation.create",
            object_type="invitation",
            object_id=invitation.id,
            email=email,
            role=role,
        )
        invitation_mail.dispatch(str(invitation.id))
    return invitation


def _day_check() -> None:
    """Let invitations of a workspace be counted in turn until the transaction ends.

    Raises RateLimited where those of the last 24 hours are as many as there may be.
    """
    turn_take("invitations")
    since = timezone.now() - timedelta(days=1)
    if Invitation.objects.filter(created_at__gt=since).count() >= A_DAY:
        raise RateLimited(
            _("A workspace invites at most %(most)s people in 24 hours; invite the rest tomorrow.")
            % {"most": A_DAY},
            retry_after=3600,
        )


def invitations_create(*, actor: Actor, lines: str, role: str) -> list[Invited]:
    """Invite each line of `address[,role[,group; group]]`, and say what became of each."""
    rows = _rows(lines)
    if rows and rows[0][0].strip().lower() in ("email", "e-mail", "address"):
        rows = rows[1:]
    if not rows:
        raise Invalid(_("Write at least one email address."))
    if len(rows) > AT_ONCE:
        raise Invalid(
            _("At most %(most)s people are invited at once; these are %(count)s.")
            % {"most": AT_ONCE, "count": len(rows)}
        )
    return [_invited(actor, row, role) for row in rows]


def _rows(lines: str) -> list[list[str]]:
    """Return the lines that hold anything, however they end. Raises Invalid."""
    try:
        read = list(csv.reader(io.StringIO(lines, newline=None)))
    except csv.Error:  # a cell of more than 131,072 characters
        raise Invalid(
            _("The list cannot be read: write one address a line, and close what you quote.")
        ) from None
    return [row for row in read if any(cell.strip() for cell in row)]


def _invited(actor: Actor, row: Sequence[str], role: str) -> Invited:
    email = row[0].strip().lower()
    wanted = row[1].strip().lower() if len(row) > 1 and row[1].strip() else role
    groups = row[2].split(";") if len(row) > 2 else []
    try:
        invitation_create(actor=actor, email=email, role=wanted, groups=groups)
    except (Invalid, Forbidden, RateLimited) as refused:
        return Invited(email, wanted, refused.detail, _line(row))
    return Invited(email, wanted)


def _line(row: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(row)
    return out.getvalue()


def invitation_revoke(*, actor: Actor, invitation_id: UUID) -> None:
    """Take an open invitation back; its link leads nowhere from now on."""
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden
    with transaction.atomic():
        changed = invitations_open().filter(id=invitation_id).update(revoked_at=timezone.now())
        if not changed:
            raise NotFound
        audit_write(
            actor, action="invitation.revoke", object_type="invitation", object_id=invitation_id
        )


def invitation_accept(*, token: str, name: str, password: str) -> User:
    """Make the user that was invited. Of two at once, one wins and the other finds nothing."""
    with transaction.atomic():
        invitation = invitation_of(token)
        taken = invitations_open().filter(id=invitation.id).update(accepted_at=timezone.now())
        if not taken or User.objects.filter(email=invitation.email).exists():
            raise NotFound
        user = user_create(
            email=invitation.email, password=password, name=name, role=Role(invitation.role)
        )
        groups_join(user, invitation.groups)
        actor = Actor(user_id=user.id, role=user.role, kind="session")
        audit_write(
            actor, action="invitation.accept", object_type="invitation", object_id=invitation.id
        )
        publish("member.joined", {"id": str(user.id), "role": user.role})
    return user
