"""SAML 2.0: the request by redirect, and every check of the response that comes back.

Only the element that was signed is read, and a document in which anything else could be taken for
it is refused: signature wrapping has nothing to wrap.
https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf, section 4.1.4
"""

import base64
import binascii
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from lxml import etree

from tenants.signin.sso.errors import Checks, Claimed, SsoRefused
from tenants.signin.sso.oidc import FRESH, SKEW
from tenants.signin.sso.samlsign import xml_verified
from tenants.signin.sso.samlxml import (
    ASSERTION,
    LONGEST,
    NS,
    POST,
    PROTOCOL,
    redirect_url,
    text_of,
    time_of,
    xml_read,
)

SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
EMAIL_FORMAT: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
EMAILS: Final = ("email", "mail", "emailaddress", f"{CLAIMS}emailaddress",
                 "urn:oid:0.9.2342.19200300.100.1.3")  # fmt: skip
NAMES: Final = ("name", "displayName", "displayname", f"{CLAIMS}name",
                "urn:oid:2.16.840.1.113730.3.1.241")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a response must answer to."""

    provider: str  # entity id
    certificates: list[str]  # PEM
    service: str  # our entity id
    acs: str  # our address for responses
    request_id: str
    again: bool
    email_claim: str = ""
    name_claim: str = ""


def leaving_url(
    address: str, *, request_id: str, service: str, acs: str, again: bool, relay: str = ""
) -> str:
    """Return where the browser asks the provider who its user is."""
    root = etree.Element(
        f"{{{PROTOCOL}}}AuthnRequest", nsmap={"samlp": PROTOCOL, "saml": ASSERTION}
    )
    told = {
        "ID": request_id, "Version": "2.0", "Destination": address, "ProtocolBinding": POST,
        "IssueInstant": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "AssertionConsumerServiceURL": acs,
    }  # fmt: skip
    for name, value in told.items():
        root.set(name, value)
    if again:
        root.set("ForceAuthn", "true")
    etree.SubElement(root, f"{{{ASSERTION}}}Issuer").text = service
    etree.SubElement(root, f"{{{PROTOCOL}}}NameIDPolicy", AllowCreate="true")
    return redirect_url(address, {"SAMLRequest": root})


def response_opened(given: str) -> tuple[bytes, str]:
    """Return a response's bytes and the request that it says it answers. Raises SsoRefused."""
    try:
        if len(given) > LONGEST * 4 // 3 + 4:
            raise ValueError
        raw = base64.b64decode("".join(given.split()), validate=True)
    except (ValueError, binascii.Error) as error:
        raise SsoRefused("sso_response", _("The provider's answer cannot be read.")) from error
    root = xml_read(raw, "sso_response")
    if root.tag != f"{{{PROTOCOL}}}Response":
        raise SsoRefused("sso_response", _("That is no response of SAML."))
    return raw, root.get("InResponseTo") or ""


def response_verify(raw: bytes, wanted: Wanted, checks: Checks) -> tuple[Claimed, str, float]:
    """Return whom a response is about, its assertion's id, and when that ends.

    Raises SsoRefused.
    """
    root = xml_read(raw, "sso_response")
    _succeeded(root)
    destination = root.get("Destination")
    if destination and destination != wanted.acs:
        raise _elsewhere(destination)
    assertion = _signed_assertion(raw, root, wanted, checks)
    return _assertion_checked(assertion, wanted, checks)


def _succeeded(root: Any) -> None:
    status = root.find("p:Status/p:StatusCode", NS)
    if status is None or status.get("Value") != SUCCESS:
        inner = status.find("p:StatusCode", NS) if status is not None else None
        code = inner if inner is not None else status
        told = text_of(root.find("p:Status/p:StatusMessage", NS))
        value = (code.get("Value") or "").rpartition(":")[2] if code is not None else ""
        raise SsoRefused(
            "sso_denied",
            _("The provider let nobody in: %(why)s") % {"why": f"{value} {told}".strip()[:300]},
        )


def _elsewhere(named: str) -> SsoRefused:
    return SsoRefused(
        "sso_destination",
        _("The answer was made for %(named)s. Compare the ACS address at the provider.")
        % {"named": named[:200]},
    )


def _signed_assertion(raw: bytes, root: Any, wanted: Wanted, checks: Checks) -> Any:
    """Return the one assertion, as it was signed: by itself, or with the whole response."""
    if root.find(".//a:EncryptedAssertion", NS) is not None:
        raise SsoRefused(
            "sso_encrypted",
            _("The assertion is encrypted, which is not supported: have it sent signed alone."),
        )
    assertions = list(root.iter(f"{{{ASSERTION}}}Assertion"))
    ids = [each.get("ID") for each in root.iter() if isinstance(each.tag, str) and each.get("ID")]
    if len(assertions) != 1 or assertions[0].getparent() is not root or len(ids) != len(set(ids)):
        raise SsoRefused(
            "sso_wrapped",
            _("The answer must hold one assertion, in its place; it may have been tampered with."),
        )
    whole = root.find("ds:Signature", NS) is not None
    if not whole and assertions[0].find("ds:Signature", NS) is None:
        raise SsoRefused(
            "sso_unsigned",
            _("Neither the assertion nor the response is signed; have the provider sign one."),
        )
    location = "./" if whole else f"./{{{ASSERTION}}}Assertion/"
    signed = xml_verified(raw, location, wanted.certificates)
    checks.note(_("Signature"), _("of the whole response") if whole else _("assertion"))
    place = root if whole else assertions[0]
    if signed is None or signed.tag != place.tag or signed.get("ID") != place.get("ID"):
        raise SsoRefused("sso_wrapped", _("The signature is of something else than the answer."))
    found = signed.findall("a:Assertion", NS) if whole else [signed]
    if len(found) != 1:
        raise SsoRefused("sso_wrapped", _("The signature is of something else than the answer."))
    return found[0]


def _assertion_checked(
    assertion: Any, wanted: Wanted, checks: Checks
) -> tuple[Claimed, str, float]:
    now = time.time()
    issuer = text_of(assertion.find("a:Issuer", NS))
    checks.require(
        _("Issuer"),
        issuer == wanted.provider,
        lambda: SsoRefused(
            "sso_issuer",
            _(
                "The assertion is of %(named)s, not of the provider that is set up here. An admin"
                " compares its entity id with the one in the settings."
            )
            % {"named": issuer[:200]},
        ),
        issuer,
    )
    _audience_check(assertion, wanted, checks)
    _times_check(assertion, checks, now)
    ends = _confirmed(assertion, wanted, checks, now)
    session = _statement_check(assertion, wanted, checks, now)
    return _claimed(assertion, wanted, session), assertion.get("ID") or "", ends


def _audience_check(assertion: Any, wanted: Wanted, checks: Checks) -> None:
    limits = assertion.findall("a:Conditions/a:AudienceRestriction", NS)
    named = [{text_of(each) for each in limit.findall("a:Audience", NS)} for limit in limits]
    checks.require(
        _("Audience"),
        bool(named) and all(wanted.service in each for each in named),
        lambda: SsoRefused(
            "sso_audience",
            _("The assertion was made for another application. Compare the entity id at the"
              " provider with the one here."),
        ),
        wanted.service,
    )  # fmt: skip


def _times_check(assertion: Any, checks: Checks, now: float) -> None:
    conditions = assertion.find("a:Conditions", NS)
    issued, begins = time_of(assertion.get("IssueInstant")), time_of(conditions.get("NotBefore"))
    ends = time_of(conditions.get("NotOnOrAfter"))
    if issued is None:
        raise SsoRefused("sso_response", _("The assertion does not say when it was made."))
    ahead = max(issued, begins or 0) - now
    if ahead > SKEW:
        raise SsoRefused(
            "sso_clock",
            _(
                "The provider's clock is %(seconds)d seconds ahead of ours; %(skew)d are allowed."
                " Have its clock set."
            )
            % {"seconds": ahead, "skew": SKEW},
        )
    if ends is not None and ends <= now - SKEW:
        raise _ended(now - ends)
    checks.note(_("Clock"), _("%(seconds)+d s") % {"seconds": round(issued - now)})


def _ended(seconds: float) -> SsoRefused:
    return SsoRefused(
        "sso_expired",
        _(
            "The assertion ended %(seconds)d seconds ago. Start signing in again; if that repeats,"
            " the provider's clock is behind."
        )
        % {"seconds": seconds},
    )


def _confirmed(assertion: Any, wanted: Wanted, checks: Checks, now: float) -> float:
    """Check that the bearer may show the assertion here, now, for this request; return its end."""
    found = [
        each.find("a:SubjectConfirmationData", NS)
        for each in assertion.findall("a:Subject/a:SubjectConfirmation", NS)
        if each.get("Method") == BEARER
    ]
    data = next((each for each in found if each is not None), None)
    ends = time_of(data.get("NotOnOrAfter")) if data is not None else None
    if data is None or ends is None:
        raise SsoRefused("sso_response", _("The assertion does not say who may show it."))
    if data.get("Recipient") != wanted.acs:
        raise _elsewhere(data.get("Recipient") or "")
    if data.get("InResponseTo") != wanted.request_id:
        raise SsoRefused("sso_state", _("The assertion answers another request."))
    if ends <= now - SKEW:
        raise _ended(now - ends)
    checks.note(_("Recipient and request"))
    return ends


def _statement_check(assertion: Any, wanted: Wanted, checks: Checks, now: float) -> str:
    """Check when the provider has asked its user; return its session's id."""
    statement = assertion.find("a:AuthnStatement", NS)
    proved = time_of(statement.get("AuthnInstant")) if statement is not None else None
    if statement is None or proved is None:
        raise SsoRefused("sso_response", _("The assertion does not say that somebody signed in."))
    over = time_of(statement.get("SessionNotOnOrAfter"))
    if over is not None and over <= now - SKEW:
        raise _ended(now - over)
    if wanted.again:
        checks.require(
            _("Asked just now"),
            now - proved <= FRESH + SKEW,
            lambda: SsoRefused(
                "sso_stale",
                _("The provider did not ask you again just now. Sign out there, then repeat."),
            ),
        )
    return str(statement.get("SessionIndex") or "")[:255]


def _claimed(assertion: Any, wanted: Wanted, session: str) -> Claimed:
    name_id = assertion.find("a:Subject/a:NameID", NS)
    subject = text_of(name_id)
    form = name_id.get("Format", "") if name_id is not None else ""
    if form == TRANSIENT or not 0 < len(subject) <= 255:
        raise SsoRefused(
            "sso_subject",
            _("The provider sends no lasting name id: choose “persistent” or the email address."),
        )
    claims = _attributes(assertion)
    emails = (wanted.email_claim,) if wanted.email_claim else EMAILS
    named = (wanted.name_claim,) if wanted.name_claim else NAMES
    email = _first(claims, emails)
    if not email and not wanted.email_claim and form == EMAIL_FORMAT:
        email = subject
    return Claimed(
        issuer=wanted.provider,
        subject=subject,
        email=email.lower(),
        name=_first(claims, named)[:120],
        session=session,
        claims={"NameID": subject, "NameID Format": form, **claims},
    )


def _attributes(assertion: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in assertion.iterfind("a:AttributeStatement/a:Attribute", NS):
        values = [text_of(value) for value in each.findall("a:AttributeValue", NS)]
        told: Any = values[0] if len(values) == 1 else values
        for name in filter(None, (each.get("Name"), each.get("FriendlyName"))):
            found.setdefault(name, told)
    return found


def _first(claims: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = claims.get(name)
        if isinstance(value, list):
            value = value[0] if value else ""
        if value:
            return str(value).strip()
    return ""
