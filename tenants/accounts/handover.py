"""Tokens in links: into a workspace just made, and to confirm an address.

Each is signed for one workspace: the tenant's id is in the salt, so that another's host cannot read
it. The way into a new workspace works once and for a minute; what is spent is remembered in Redis
for as long as the token lives.
"""

from datetime import timedelta
from secrets import token_urlsafe
from typing import Final
from uuid import UUID

from django.core import signing

from tenants.accounts.models import User
from tenants.context import TenantContext, current
from tenants.redis import redis_client, tenant_key

HANDOVER: Final = timedelta(seconds=60)
CONFIRM: Final = timedelta(days=7)


def _salt(kind: str, tenant_id: UUID) -> str:
    return f"tenantry.{kind}:{tenant_id.hex}"


def handover_make(tenant_id: UUID, user_id: UUID) -> str:
    """Return a token that signs the user in once, within a minute, on that workspace's host."""
    told = {"user": user_id.hex, "once": token_urlsafe(16)}
    return signing.dumps(told, salt=_salt("handover", tenant_id))


def handover_take(token: str) -> User | None:
    """Spend a token of the entered tenant; return its user, or None where it opens nothing."""
    try:
        told = signing.loads(token, salt=_salt("handover", current().id), max_age=HANDOVER)
    except signing.BadSignature:
        return None
    spent = tenant_key("handover", told["once"])
    if not redis_client().set(spent, b"1", nx=True, ex=int(HANDOVER.total_seconds()) + 5):
        return None
    return User.objects.filter(id=UUID(told["user"]), is_active=True).first()


def confirm_make(user: User, tenant: TenantContext) -> str:
    """Return a token that says that the user reads mail to this address."""
    told = {"user": user.id.hex, "email": user.email}
    return signing.dumps(told, salt=_salt("confirm", tenant.id))


def confirm_take(token: str) -> User | None:
    """Return the entered tenant's user whose address a token confirms; None for any other."""
    try:
        told = signing.loads(token, salt=_salt("confirm", current().id), max_age=CONFIRM)
    except signing.BadSignature:
        return None
    return User.objects.filter(id=UUID(told["user"]), email=told["email"], is_active=True).first()
