"""Whether a provider signed a message of SAML: signxml for XML, cryptography for a query.

https://docs.oasis-open.org/security/saml/v2.0/saml-bindings-2.0-os.pdf, section 3.4.4.1
"""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote_plus

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils.translation import gettext as _
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidCertificate, SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from tenants.signin.sso.errors import SsoRefused
from tenants.signin.sso.samlxml import NS, text_of, xml_parser, xml_read

METHODS: Final = frozenset(
    SignatureMethod[f"{kind}_SHA{bits}"] for kind in ("RSA", "ECDSA") for bits in (256, 384, 512)
)
DIGESTS: Final = frozenset(DigestAlgorithm[f"SHA{bits}"] for bits in (256, 384, 512))
RSA: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    f"http://www.w3.org/2001/04/xmldsig-more#rsa-{made().name}": made
    for made in (hashes.SHA256, hashes.SHA384, hashes.SHA512)
}


def xml_verified(raw: bytes, location: str, certificates: list[str]) -> Any:
    """Return what one of the certificates has signed, by the signature at `location`.

    Raises SsoRefused.
    """
    config = SignatureConfiguration(
        location=location, signature_methods=METHODS, digest_algorithms=DIGESTS
    )
    stale = ""
    for pem in certificates:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        try:
            result = XMLVerifier().verify(
                raw, x509_cert=certificate, expect_config=config, parser=xml_parser()
            )
        except InvalidCertificate:
            stale = _day_of(certificate)
        except (SignXMLException, ValueError, TypeError, KeyError, etree.LxmlError):
            continue
        else:
            assert not isinstance(result, list)
            return result.signed_xml
    raise _stale(stale) if stale else _unverified(raw, certificates)


def query_part(query: str, name: str) -> str:
    """Return a part of a raw query string: the very octets that a signature is of, decoded."""
    return unquote_plus(_parts(query).get(name, ""))


def _parts(query: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in query.split("&"))


def query_verify(query: str, message: str, certificates: list[str]) -> None:
    """Check the signature of a query string that carries `message`, octet by octet as it was sent.

    By RSA alone, which is what providers use for it. Raises SsoRefused.
    """
    parts = _parts(query)
    signed = [name for name in (message, "RelayState", "SigAlg") if name in parts]
    octets = "&".join(f"{name}={parts[name]}" for name in signed).encode()
    made = RSA.get(unquote_plus(parts.get("SigAlg", "")))
    try:
        signature = base64.b64decode(unquote_plus(parts.get("Signature", "")), validate=True)
    except (ValueError, binascii.Error):
        signature = b""
    if made is None or not signature:
        raise SsoRefused(
            "sso_unsigned", _("The message is not signed by RSA with SHA-256 or better.")
        )
    now, stale = datetime.now(UTC), ""
    for pem in certificates:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            continue
        try:
            key.verify(signature, octets, PKCS1v15(), made())
        except InvalidSignature:
            continue
        if certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return
        stale = _day_of(certificate)
    raise _stale(stale) if stale else _foreign()


def _day_of(certificate: x509.Certificate) -> str:
    return certificate.not_valid_after_utc.date().isoformat()


def _stale(day: str) -> SsoRefused:
    return SsoRefused(
        "sso_certificate",
        _(
            "The provider's certificate is not valid today (it ends on %(end)s). Give it a new"
            " one, then read its metadata anew here."
        )
        % {"end": day},
    )


def _unverified(raw: bytes, certificates: list[str]) -> SsoRefused:
    """Return why no certificate fits: another one signed it, or the signature is broken."""
    for each in xml_read(raw, "sso_response").iterfind(".//ds:X509Certificate", NS):
        try:
            used = x509.load_der_x509_certificate(base64.b64decode(text_of(each)))
            pem = used.public_bytes(Encoding.PEM).decode()
        except (ValueError, binascii.Error):
            continue
        if pem not in certificates:
            return SsoRefused(
                "sso_certificate",
                _(
                    "The answer is signed by a certificate that the provider's metadata does not"
                    " hold. If the provider has a new one, read its metadata anew."
                ),
            )
    return _foreign()


def _foreign() -> SsoRefused:
    return SsoRefused(
        "sso_signature",
        _(
            "The signature is not the provider's. Nobody was signed in. If the provider has a new"
            " certificate, read its metadata anew."
        ),
    )
