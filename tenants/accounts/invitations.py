"""Open invitations and the links that lead to them."""

from uuid import UUID

from django.core import signing
from django.db.models import QuerySet
from django.utils import timezone

from tenants.accounts.models import Invitation
from tenants.context import current
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


def invitations_open() -> QuerySet[Invitation]:
    """Return those that wait, the newest first; expired ones too, until they are taken back."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None)
