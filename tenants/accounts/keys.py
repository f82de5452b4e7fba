"""API keys: made, checked and revoked. A key acts as its user, within its scopes and allowance."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.accounts.models import ApiKey, Role, User, role_reaches
from tenants.accounts.scopes import scopes_checked
from tenants.context import Actor
from tenants.errors import Conflict, Forbidden, Invalid, NotFound
from tenants.naming import one_line
from tenants.sockets import sockets_close
from tenants.statements import Written

KEY_PREFIX: Final = "tnt_"  # what secret scanners look for: tnt_[A-Za-z0-9_-]{43}
LAST_USED_EVERY: Final = timedelta(minutes=1)
MOST: Final = 100  # keys of one user that work
DEAREST: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What a key is limited to; every None is no limit."""

    scopes: list[str] | None = None
    expires_at: datetime | None = None
    allowance_usd: Decimal | None = None


EVERYTHING: Final = KeyTerms()


def digest_of(secret: str) -> bytes:
    """Return what is stored of a key."""
    return hashlib.sha256(secret.encode()).digest()


def api_key_create(
    *, actor: Actor, user: User, name: str, terms: KeyTerms = EVERYTHING
) -> tuple[ApiKey, str]:
    """Make a key for `user` and return it with its secret, which cannot be read again.

    For oneself, or by an admin for a service account. A key makes none that may more than it does.
    Raises Invalid, Conflict, Forbidden.
    """
    name = one_line(name)
    if not 1 <= len(name) <= 120:
        raise Invalid(_("Give the key a name of 1 to 120 characters."))
    scopes = scopes_checked(terms.scopes)
    if terms.expires_at is not None and terms.expires_at <= timezone.now():
        raise Invalid(_("A key expires in the future."))
    if terms.allowance_usd is not None and not 0 < terms.allowance_usd <= DEAREST:
        raise Invalid(_("An allowance is more than 0 dollars; leave it out for no limit."))
    if actor.user_id != user.id:
        _service_of(actor, user)
    _no_more_than(actor, scopes, terms)
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        User.objects.select_for_update().get(id=user.id)
        if ApiKey.objects.filter(user=user, revoked_at=None).count() >= MOST:
            raise Conflict(_("At most %(most)s keys; revoke one first.") % {"most": MOST})
        key = ApiKey.objects.create(
            user=user,
            name=name,
            prefix=secret[:12],
            digest=digest_of(secret),
            scopes=scopes,
            expires_at=terms.expires_at,
            allowance_usd=terms.allowance_usd,
        )
        audit_write(
            actor,
            action="api_key.create",
            object_type="api_key",
            object_id=key.id,
            of=str(user.id),
            scopes=scopes,
        )
    return key, secret


def _service_of(actor: Actor, user: User) -> None:
    """Let an admin look after the workspace's programs, and nobody after other people's keys."""
    if not user.is_service:
        raise NotFound
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden


def _no_more_than(actor: Actor, scopes: list[str] | None, terms: KeyTerms) -> None:
    if actor.api_key_id is None:
        return
    own = ApiKey.objects.get(id=actor.api_key_id)
    wider = own.scopes is not None and (scopes is None or not set(scopes) <= set(own.scopes))
    longer = own.expires_at is not None and (
        terms.expires_at is None or terms.expires_at > own.expires_at
    )
    dearer = own.allowance_usd is not None
    if wider or longer or dearer:
        raise Forbidden(_("A key makes none that may more, longer or for more than itself."))


def key_found(actor: Actor, key_id: UUID) -> ApiKey:
    """Return a key that works, of one's own or of a service account one looks after.

    Raises NotFound, Forbidden.
    """
    key = ApiKey.objects.select_related("user").filter(id=key_id, revoked_at=None).first()
    if key is None:
        raise NotFound
    looked_after = key.user.is_service and role_reaches(actor.role, Role.ADMIN)
    if key.user_id != actor.user_id and not looked_after:
        raise NotFound
    return key


@transaction.atomic
def api_key_revoke(*, actor: Actor, key: ApiKey) -> None:
    """Refuse the key from now on."""
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at"])
    audit_write(actor, action="api_key.revoke", object_type="api_key", object_id=key.id)
    user_id = key.user_id
    transaction.on_commit(lambda: sockets_close(user_id))


def key_statement(**told: Any) -> Written[ApiKey]:
    """Return the statement that reads a valid key by its digest, with its user and what is `told`.

    `told` are expressions.
    """
    place = bytes(32)
    valid = ApiKey.objects.filter(digest=place, revoked_at=None, user__is_active=True)
    return Written(valid.select_related("user").annotate(**told).order_by(), place)


_keys: Final = cache(key_statement)


def api_key_check(secret: str, statement: Written[ApiKey] | None = None) -> ApiKey | None:
    """Return the entered tenant's valid key for `secret`, noting its use once a minute.

    `statement` is one that reads more with it.
    """
    key = (statement or _keys()).first(digest_of(secret))
    if key is None or key.expired:
        return None
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_EVERY:
        ApiKey.objects.filter(id=key.id).update(last_used_at=now)
    return key
