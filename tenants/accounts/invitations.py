"""Open invitations and the links that lead to them."""

from uuid import UUID

from django.core import signing
from django.db.models import QuerySet
from django.utils import timezone

from tenants.accounts.audit import audit_write
from tenants.accounts.models import Invitation, Role, role_reaches
from tenants.context import Actor, current
from tenants.errors import NotFound


def _salt() -> str:
    return f"invitation:{current().id.hex}"


def token_of(invitation: Invitation) -> str:
    """Return the link's token. It names the invitation; what it is worth, the row says."""
    return signing.dumps(invitation.id.hex, salt=_salt())


def invitation_of(token: str) -> Invitation:
    """Return the open invitation of a link. Raises NotFound for every other link alike."""
    try:
        invitation_id = UUID(signing.loads(token, salt=_salt()))
    except (signing.BadSignature, ValueError, TypeError, AttributeError):
        raise NotFound from None
    found = invitations_open().filter(id=invitation_id, expires_at__gt=timezone.now()).first()
    if found is None:
        raise NotFound
    return found


def invitations_outlived(actor: Actor, inviter_id: UUID, *, role: str = "") -> None:
    """Take back what is open of an inviter who could not invite so any more; `role` is theirs now.

    Else whoever is put out would come in again by a link sent to another address of theirs.
    """
    rows = invitations_open().filter(invited_by=inviter_id)
    if role == Role.OWNER:
        return
    if role and role_reaches(role, Role.ADMIN):
        rows = rows.filter(role=Role.OWNER)
    for invitation_id in list(rows.values_list("id", flat=True)):
        invitations_open().filter(id=invitation_id).update(revoked_at=timezone.now())
        audit_write(
            actor, action="invitation.revoke", object_type="invitation", object_id=invitation_id,
            of=str(inviter_id),
        )  # fmt: skip


def invitations_open() -> QuerySet[Invitation]:
    """Return those that wait, the newest first; expired ones too, until they are taken back."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None)
