"""XML of SAML, read without entities or network, and both sides' metadata.

https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf
"""

import base64
import binascii
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils.translation import gettext as _
from lxml import etree

from tenants.outbound import url_check
from tenants.signin.sso.errors import SsoRefused

PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE: Final = "http://www.w3.org/2000/09/xmldsig#"
REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
LONGEST: Final = 256 * 1024  # bytes of a message or a description
NS: Final = {"p": PROTOCOL, "a": ASSERTION, "m": METADATA, "ds": SIGNATURE}


def xml_read(raw: bytes, code: str) -> Any:
    """Return the root of a document. Raises SsoRefused."""
    try:
        if len(raw) > LONGEST:
            raise ValueError
        root = etree.fromstring(raw, xml_parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SsoRefused(code, _("That is not the XML that SAML describes.")) from error
    if root.getroottree().docinfo.doctype:
        raise SsoRefused(code, _("The XML declares a document type, which is not accepted."))
    return root


def xml_parser() -> Any:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_pis=True,
    )  # fmt: skip


def text_of(element: Any) -> str:
    """Return all of an element's text: a comment inside cuts nothing off."""
    return "".join(element.itertext(with_tail=False)).strip() if element is not None else ""


def time_of(text: str | None) -> float | None:
    """Return the seconds of an xs:dateTime in UTC."""
    try:
        found = datetime.fromisoformat((text or "").strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def provider_described(raw: bytes) -> tuple[str, dict[str, Any]]:
    """Return the entity id, and address and certificates, of a provider's metadata.

    Raises SsoRefused, AddressRefused.
    """
    root = xml_read(raw, "sso_metadata")
    entities = list(root.iter(f"{{{METADATA}}}EntityDescriptor"))
    found = [(each, each.find("m:IDPSSODescriptor", NS)) for each in entities]
    found = [(entity, role) for entity, role in found if role is not None]
    if len(found) != 1:
        raise SsoRefused(
            "sso_metadata",
            _(
                "The metadata must describe one identity provider; it describes %(count)d. Take the"
                " provider's own for this application."
            )
            % {"count": len(found)},
        )
    entity, role = found[0]
    ends = time_of(entity.get("validUntil"))
    if ends is not None and ends < datetime.now(UTC).timestamp():
        raise SsoRefused("sso_metadata", _("The metadata has run out; get the present one."))
    if role.get("WantAuthnRequestsSigned") in ("true", "1"):
        raise SsoRefused(
            "sso_metadata",
            _("The provider wants signed requests, which are not sent; have it accept plain ones."),
        )
    name = (entity.get("entityID") or "").strip()
    addresses = [
        each.get("Location") or ""
        for each in role.findall("m:SingleSignOnService", NS)
        if each.get("Binding") == REDIRECT
    ]
    if not 0 < len(name) <= 500 or not addresses:
        raise SsoRefused(
            "sso_metadata",
            _("The metadata names no entity id or no sign-in address by HTTP redirect."),
        )
    url_check(addresses[0])
    told = {"sso_url": addresses[0], "certificates": _certificates(role)}
    return name, told | _logout_described(role)


def _logout_described(role: Any) -> dict[str, str]:
    """Return where answers to the provider's logout requests go by redirect, if anywhere."""
    for each in role.findall("m:SingleLogoutService", NS):
        where = each.get("ResponseLocation") or each.get("Location") or ""
        if each.get("Binding") == REDIRECT and where:
            url_check(where)
            return {"logout_url": where}
    return {}


def _certificates(role: Any) -> list[str]:
    kept = []
    for key in role.findall("m:KeyDescriptor", NS):
        if key.get("use", "signing") != "signing":
            continue
        for each in key.iterfind(".//ds:X509Certificate", NS):
            try:
                read = x509.load_der_x509_certificate(base64.b64decode(text_of(each)))
            except (ValueError, binascii.Error) as error:
                raise SsoRefused(
                    "sso_certificate",
                    _(
                        "A certificate in the metadata cannot be read. Get the metadata from the"
                        " provider anew, whole and unchanged."
                    ),
                ) from error
            kept.append(read.public_bytes(Encoding.PEM).decode())
    if not kept:
        raise SsoRefused(
            "sso_certificate",
            _(
                "The metadata holds no certificate that signs. Have the provider sign its answers,"
                " then get its metadata anew."
            ),
        )
    return kept


def redirect_url(address: str, told: Mapping[str, Any]) -> str:
    """Return the address that carries messages by redirect: elements squeezed, texts as they are.

    The query that the address has stays.
    """
    query = {}
    for name, value in told.items():
        if not isinstance(value, str):
            squeezer = zlib.compressobj(wbits=-15)
            raw = squeezer.compress(etree.tostring(value)) + squeezer.flush()
            value = base64.b64encode(raw).decode()
        query[name] = value
    return address + ("&" if "?" in address else "?") + urlencode(query)


def redirect_read(given: str) -> bytes:
    """Return the bytes of a message that came by redirect. Raises SsoRefused."""
    try:
        if len(given) > LONGEST:
            raise ValueError
        opener = zlib.decompressobj(wbits=-15)
        raw = opener.decompress(base64.b64decode(given, validate=True), LONGEST)
        if opener.unconsumed_tail or not opener.eof:
            raise ValueError
    except (ValueError, binascii.Error, zlib.error) as error:
        raise SsoRefused("sso_response", _("The provider's message cannot be read.")) from error
    return raw


def service_metadata(*, entity: str, acs: str, logout: str) -> bytes:
    """Return what a provider reads of this workspace."""
    root = etree.Element(f"{{{METADATA}}}EntityDescriptor", nsmap={"md": METADATA})
    root.set("entityID", entity)
    role = etree.SubElement(
        root,
        f"{{{METADATA}}}SPSSODescriptor",
        AuthnRequestsSigned="false",
        WantAssertionsSigned="true",
        protocolSupportEnumeration=PROTOCOL,
    )
    for binding in (REDIRECT, POST):
        etree.SubElement(
            role, f"{{{METADATA}}}SingleLogoutService", Binding=binding, Location=logout
        )
    etree.SubElement(
        role, f"{{{METADATA}}}AssertionConsumerService", Binding=POST, Location=acs, index="0",
        isDefault="true",
    )  # fmt: skip
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
