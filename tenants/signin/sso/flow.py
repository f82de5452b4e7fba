"""Out to the provider and back: what a browser's session keeps meanwhile, and what comes of it.

What is kept is taken once, within ten minutes, by the browser that began: an answer that was
replayed, or begun in another browser, finds nothing.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.context import current
from tenants.lifecycle.naming import url_for
from tenants.signin.models import Provider
from tenants.signin.sso import oidc, samlflow
from tenants.signin.sso.errors import Checks, Claimed, SsoRefused
from tenants.signin.sso.provider import keys_again, metadata_fresh, secret_of

KEPT: Final = "sso"
SECONDS: Final = 600
AT_ONCE: Final = 5  # tabs


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back: `claimed` where every check held, else why not."""

    kept: Mapping[str, Any]
    checks: Checks
    claimed: Claimed | None = None
    refused: SsoRefused | None = None


def address(name: str) -> str:
    """Return the workspace's own address of a page, as the provider knows it."""
    return url_for(current().slug) + reverse(name)


def flow_begin(
    request: HttpRequest,
    provider: Provider,
    *,
    purpose: str,
    target: str = "/",
    again: bool = False,
    hint: str = "",
) -> str:
    """Keep what the answer is held against; return the provider's page. Raises SsoRefused."""
    metadata = metadata_fresh(provider)
    state = f"_{secrets.token_hex(24)}"  # SAML's ids are XML names
    kept = {
        "purpose": purpose,
        "next": target,
        "again": again,
        "hint": hint,
        "at": time.time(),
        "nonce": secrets.token_urlsafe(24),
        "verifier": secrets.token_urlsafe(48),
    }
    waiting = dict(request.session.get(KEPT) or {})
    newest = sorted(waiting.items(), key=lambda each: each[1]["at"])[-AT_ONCE + 1 :]
    request.session[KEPT] = {**dict(newest), state: kept}
    if provider.kind == Provider.Kind.SAML:
        return samlflow.leave(state, metadata, service=address("sign-in-sso-saml-metadata"),
                              acs=address("sign-in-sso-saml"), again=again)  # fmt: skip
    return oidc.leaving_url(
        metadata,
        client_id=provider.client_id,
        redirect_uri=address("sign-in-sso-oidc"),
        kept=kept,
        state=state,
    )


def flow_take(request: HttpRequest, state: str) -> Mapping[str, Any]:
    """Return what was kept for an answer, once. Raises SsoRefused."""
    waiting = dict(request.session.get(KEPT) or {})
    kept = waiting.pop(state, None)
    if kept is not None:
        request.session[KEPT] = waiting
    if kept is None or time.time() - kept["at"] > SECONDS:
        raise SsoRefused(
            "sso_state",
            _(
                "This answer belongs to no sign-in that was begun in this browser in the last ten"
                " minutes, or it was used already. Start signing in again."
            ),
        )
    return dict(kept)


def answer_waiting(request: HttpRequest, ticket: str) -> Outcome:
    """Return what a SAML response said, to the browser that had asked. Raises SsoRefused."""
    answer = samlflow.ticket_take(ticket)
    kept = flow_take(request, answer.request_id if answer else "")
    assert answer is not None
    return Outcome(kept, answer.checks, answer.claimed, answer.refused)


def answer_read(provider: Provider, kept: Mapping[str, Any], given: Mapping[str, str]) -> Outcome:
    """Judge what the browser brought back from an OIDC provider."""
    checks = Checks()
    checks.note(_("State"))
    try:
        claimed = _answered(provider, kept, given, checks)
    except SsoRefused as refused:
        return Outcome(kept, checks, refused=refused)
    return Outcome(kept, checks, claimed=claimed)


def _answered(
    provider: Provider, kept: Mapping[str, Any], given: Mapping[str, str], checks: Checks
) -> Claimed:
    if given.get("error"):
        raise SsoRefused(
            "sso_denied",
            _("The provider let nobody in: %(why)s")
            % {"why": f"{given['error']} {given.get('error_description', '')}".strip()[:300]},
        )
    if given.get("iss") and given["iss"] != provider.issuer:  # RFC 9207
        raise SsoRefused("sso_issuer", _("The answer is another provider's."))
    metadata = metadata_fresh(provider)
    tokens = oidc.code_redeem(
        metadata,
        client_id=provider.client_id,
        secret=secret_of(provider),
        redirect_uri=address("sign-in-sso-oidc"),
        code=given.get("code", ""),
        verifier=kept["verifier"],
    )
    checks.note(_("Code exchanged, with PKCE"))
    try:
        claims = oidc.token_verify(tokens.get("id_token"), list(metadata["keys"]), checks)
    except SsoRefused as refused:
        if refused.code not in ("sso_key", "sso_signature"):
            raise
        keys = keys_again(provider, metadata)  # the provider may have changed them
        claims = oidc.token_verify(tokens.get("id_token"), keys, checks)
    oidc.claims_check(
        claims, checks, issuer=provider.issuer, client_id=provider.client_id, kept=kept
    )
    email_claim = provider.email_claim or "email"
    claims = oidc.claims_complete(metadata, tokens, claims, email_claim)
    return oidc.claimed_of(provider.issuer, claims, email_claim, provider.name_claim or "name")
