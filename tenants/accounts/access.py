"""Which keys a user may touch: their own."""

from uuid import UUID

from tenants.accounts.models import ApiKey
from tenants.accounts.selectors import keys_of
from tenants.context import Actor
from tenants.errors import NotFound


def api_key_of(actor: Actor, key_id: UUID) -> ApiKey:
    """Return the user's own key that still works. Raises NotFound."""
    key = next((key for key in keys_of(actor) if key.id == key_id), None)
    if key is None:
        raise NotFound
    return key
