"""SAML single logout: what the provider's own request ends here, and the answer to it.

The provider sends its signed request by the user's browser, by redirect or by a form. Answers are
not signed, since this side has no key (decision 21).
https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf, section 4.4
"""

import base64
import binascii
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from lxml import etree

from tenants.redis import redis_client, tenant_key
from tenants.signin.models import Provider, ProviderLink
from tenants.signin.sessions import sessions_end_there
from tenants.signin.sso.errors import SsoRefused
from tenants.signin.sso.oidc import SKEW
from tenants.signin.sso.provider import certificates_again, metadata_fresh
from tenants.signin.sso.saml import SUCCESS
from tenants.signin.sso.samlsign import query_part, query_verify, xml_verified
from tenants.signin.sso.samlxml import (
    ASSERTION,
    LONGEST,
    NS,
    PROTOCOL,
    redirect_read,
    redirect_url,
    text_of,
    time_of,
    xml_read,
)

OLDEST: Final = 600  # seconds since the request was made
RETRIED: Final = frozenset({"sso_certificate", "sso_signature"})
RELAYED: Final = 80  # bytes of RelayState, as the bindings allow


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """Whom the provider has signed out: all of a subject's sessions, or those it names."""

    id: str
    subject: str
    sessions: tuple[str, ...]


def logout_take(provider: Provider, *, posted: str | None, query: str, here: str) -> LogoutRequest:
    """Check a request, once: `posted` by a form, or None and in the raw `query` by redirect.

    Raises SsoRefused.
    """
    root = _signed(provider, posted, query)
    now = time.time()
    made, ends = time_of(root.get("IssueInstant")), time_of(root.get("NotOnOrAfter"))
    if root.tag != f"{{{PROTOCOL}}}LogoutRequest" or made is None or not root.get("ID"):
        raise SsoRefused("sso_response", _("That is no logout request of SAML."))
    if text_of(root.find("a:Issuer", NS)) != provider.issuer:
        raise SsoRefused("sso_issuer", _("The request is another provider's."))
    if root.get("Destination") != here:
        raise SsoRefused("sso_destination", _("The request was made for another address."))
    if made - now > SKEW:
        raise SsoRefused("sso_clock", _("The request was made in the future: set the clock."))
    if now - made > OLDEST + SKEW or (ends is not None and ends <= now - SKEW):
        raise SsoRefused("sso_expired", _("The request is too old."))
    subject = text_of(root.find("a:NameID", NS))
    if not subject:
        raise SsoRefused("sso_subject", _("The request names nobody whom this side can read."))
    once = tenant_key("sso", "logout", root.get("ID"))
    if not redis_client().set(once, b"1", nx=True, ex=OLDEST + 3 * SKEW):
        raise SsoRefused("sso_replayed", _("This request was used already."))
    named = tuple(text_of(each)[:255] for each in root.findall("p:SessionIndex", NS))
    return LogoutRequest(root.get("ID"), subject, named)


def _signed(provider: Provider, posted: str | None, query: str) -> Any:
    """Return the root of the request as the provider has signed it; the whole of it is."""
    by_query = posted is None
    raw = redirect_read(query_part(query, "SAMLRequest")) if posted is None else _posted(posted)
    root = xml_read(raw, "sso_response")

    def verified(certificates: list[str]) -> Any:
        if by_query:
            query_verify(query, "SAMLRequest", certificates)
            return root
        if root.find("ds:Signature", NS) is None:
            raise SsoRefused("sso_unsigned", _("The request is not signed."))
        return xml_verified(raw, "./", certificates)

    metadata = metadata_fresh(provider)
    try:
        signed = verified(list(metadata["certificates"]))
    except SsoRefused as refused:
        if refused.code not in RETRIED:
            raise
        newer = certificates_again(provider, metadata)  # the provider may have changed them
        if newer == metadata["certificates"]:
            raise
        signed = verified(newer)
    if signed is None or signed.tag != root.tag or signed.get("ID") != root.get("ID"):
        raise SsoRefused("sso_wrapped", _("The signature is of something else than the request."))
    return signed


def _posted(given: str) -> bytes:
    try:
        if len(given) > LONGEST:
            raise ValueError
        return base64.b64decode("".join(given.split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise SsoRefused("sso_response", _("The provider's message cannot be read.")) from error


def logout_do(provider: Provider, asked: LogoutRequest) -> tuple[UUID | None, int]:
    """End what the request names; return whose and how many. Who was never here has none."""
    links = ProviderLink.objects.filter(issuer=provider.issuer, subject=asked.subject)
    user_id = links.values_list("user_id", flat=True).first()
    if user_id is None:
        return None, 0
    named = asked.sessions or ("",)
    return user_id, sum(sessions_end_there(user_id=user_id, session=each) for each in named)


def answer_url(provider: Provider, asked: LogoutRequest, *, service: str, relay: str) -> str:
    """Return where the browser takes the answer; empty where the metadata names no address."""
    address = str(provider.metadata.get("logout_url", ""))
    if not address:
        return ""
    root = etree.Element(
        f"{{{PROTOCOL}}}LogoutResponse", nsmap={"samlp": PROTOCOL, "saml": ASSERTION}
    )
    told = {
        "ID": f"_{secrets.token_hex(24)}", "Version": "2.0", "Destination": address,
        "IssueInstant": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "InResponseTo": asked.id,
    }  # fmt: skip
    for name, value in told.items():
        root.set(name, value)
    etree.SubElement(root, f"{{{ASSERTION}}}Issuer").text = service
    status = etree.SubElement(root, f"{{{PROTOCOL}}}Status")
    etree.SubElement(status, f"{{{PROTOCOL}}}StatusCode", Value=SUCCESS)
    relayed = {"RelayState": relay} if 0 < len(relay.encode()) <= RELAYED else {}
    return redirect_url(address, {"SAMLResponse": root, **relayed})
