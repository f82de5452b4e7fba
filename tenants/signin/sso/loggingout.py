"""Logout tokens: what a provider's server says has ended."""

import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from tenants.signin.models import Provider, ProviderLink
from tenants.signin.sso import oidc
from tenants.signin.sso.errors import Checks, SsoRefused
from tenants.signin.sso.provider import keys_again, metadata_fresh

LONGEST: Final = 3600  # seconds that a logout token may be good for


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """What has ended: a user's sessions, a session of the provider's, or both alike.

    `known` is false for a person who was never here.
    """

    id: str
    user_id: UUID | None
    session: str
    known: bool


def logout_read(provider: Provider, token: str) -> LoggedOut:
    """Check a logout token. Raises SsoRefused."""
    checks = Checks()
    metadata = metadata_fresh(provider)
    try:
        claims = oidc.token_verify(token, list(metadata["keys"]), checks)
    except SsoRefused as refused:
        if refused.code != "sso_key":
            raise
        claims = oidc.token_verify(token, keys_again(provider, metadata), checks)
    oidc.parties_check(claims, checks, issuer=provider.issuer, client_id=provider.client_id)
    now = time.time()
    oidc.times_check(claims, checks, now)
    events, jti, nonce = claims.get("events"), claims.get("jti"), "nonce" in claims
    meant = isinstance(events, dict) and isinstance(events.get(oidc.LOGOUT), dict)
    if not meant or nonce or not _text(jti) or claims["exp"] - now > LONGEST:
        raise SsoRefused("sso_token", _("This is no logout token."))
    subject, session = _text(claims.get("sub")), _text(claims.get("sid"))
    if not subject and not session:
        raise SsoRefused("sso_token", _("The logout token names neither a person nor a session."))
    user_id = None
    if subject:
        links = ProviderLink.objects.filter(issuer=provider.issuer, subject=subject)
        user_id = links.values_list("user_id", flat=True).first()
    return LoggedOut(str(jti), user_id, session, known=not subject or user_id is not None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= 255 else ""
