"""SAML's way out and back. The response comes without the session, so what it said waits.

Redis keeps, under the workspace's own keys, which requests wait for a response (ten minutes, once),
which assertions have been taken (until they end), and what a response said (a minute, once).
"""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from tenants.redis import redis_client, tenant_key
from tenants.signin.models import Provider
from tenants.signin.sso import saml
from tenants.signin.sso.errors import Checks, Claimed, SsoRefused
from tenants.signin.sso.oidc import SKEW
from tenants.signin.sso.provider import certificates_again, metadata_fresh

REQUEST_SECONDS: Final = 600
TICKET_SECONDS: Final = 60
RETRIED: Final = frozenset({"sso_certificate", "sso_signature"})


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a response said, and which request it answers."""

    request_id: str
    checks: Checks
    claimed: Claimed | None
    refused: SsoRefused | None


def leave(
    request_id: str, metadata: Mapping[str, Any], *, service: str, acs: str, again: bool
) -> str:
    """Note that a request waits for its response; return where the browser is sent."""
    key = tenant_key("sso", "request", request_id)
    redis_client().set(key, b"again" if again else b"plain", ex=REQUEST_SECONDS)
    return saml.leaving_url(
        metadata["sso_url"], request_id=request_id, service=service, acs=acs, again=again
    )


def response_take(provider: Provider, given: str, *, service: str, acs: str) -> str:
    """Judge a response that a waiting request has asked for; return the ticket of what it said.

    Raises SsoRefused for what nobody has asked for: whoever posts it, nothing of it is kept.
    """
    raw, request_id = saml.response_opened(given)
    if not request_id:
        raise SsoRefused(
            "sso_unsolicited",
            _("Nobody here has asked for this answer: begin on the page of signing in."),
        )
    asked = redis_client().getdel(tenant_key("sso", "request", request_id))
    if asked is None:
        raise SsoRefused(
            "sso_state",
            _(
                "This answer belongs to no sign-in that was begun in this browser in the last ten"
                " minutes, or it was used already. Start signing in again."
            ),
        )
    checks = Checks()
    told: dict[str, Any] = {"request": request_id}
    try:
        told["claimed"] = asdict(
            _judged(provider, raw, request_id, asked == b"again", service, acs, checks)
        )
    except SsoRefused as refused:
        told["refused"] = [refused.code, refused.detail, refused.status]
    ticket = secrets.token_urlsafe(24)
    told["checks"] = checks.passed
    redis_client().set(
        tenant_key("sso", "ticket", ticket), json.dumps(told).encode(), ex=TICKET_SECONDS
    )
    return ticket


def _judged(
    provider: Provider, raw: bytes, request_id: str, again: bool, service: str, acs: str,
    checks: Checks,
) -> Claimed:  # fmt: skip
    metadata = metadata_fresh(provider)

    def read(certificates: list[str]) -> tuple[Claimed, str, float]:
        wanted = saml.Wanted(
            provider=provider.issuer,
            certificates=certificates,
            service=service,
            acs=acs,
            request_id=request_id,
            again=again,
            email_claim=provider.email_claim,
            name_claim=provider.name_claim,
        )
        return saml.response_verify(raw, wanted, checks)

    try:
        claimed, assertion_id, ends = read(list(metadata["certificates"]))
    except SsoRefused as refused:
        if refused.code not in RETRIED:
            raise
        newer = certificates_again(provider, metadata)  # the provider may have changed them
        if newer == metadata["certificates"]:
            raise
        claimed, assertion_id, ends = read(newer)
    taken = tenant_key("sso", "assertion", assertion_id)
    left = int(ends + SKEW - time.time()) + 1
    checks.require(
        _("Used for the first time"),
        bool(assertion_id) and bool(redis_client().set(taken, b"1", nx=True, ex=max(left, 1))),
        lambda: SsoRefused(
            "sso_replayed", _("This answer was used already. Start signing in again.")
        ),
    )
    return claimed


def ticket_take(ticket: str) -> Waiting | None:
    """Return what waits under a ticket, once."""
    raw = redis_client().getdel(tenant_key("sso", "ticket", ticket)) if ticket else None
    if raw is None:
        return None
    told = json.loads(raw)
    refused = told.get("refused")
    return Waiting(
        request_id=told["request"],
        checks=Checks([(name, found) for name, found in told["checks"]]),
        claimed=Claimed(**told["claimed"]) if "claimed" in told else None,
        refused=SsoRefused(refused[0], refused[1], status=refused[2]) if refused else None,
    )
