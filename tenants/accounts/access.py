"""Which keys a user may touch: their own."""

from uuid import UUID

from tenants.accounts.models import ApiKey
from tenants.context import Actor
from tenants.errors import NotFound


def api_key_of(actor: Actor, key_id: UUID) -> ApiKey:
    """Return the user's own key that still works. Raises NotFound."""
    key = ApiKey.objects.filter(id=key_id, user_id=actor.user_id, revoked_at=None).first()
    if key is None:
        raise NotFound
    return key
