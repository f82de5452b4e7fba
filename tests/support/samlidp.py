"""A SAML identity provider on loopback: pysaml2's server, in a thread; signxml signs.

pysaml2 reads the requests and writes the responses. It would have them signed by the program
`xmlsec1`, which need not be installed here. `before` and `after` let a test change a response
before it is signed, and when it has been.
"""

from __future__ import annotations

import base64
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from saml2 import BINDING_HTTP_REDIRECT
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.pack import http_redirect_message
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server
from saml2.sigver import RSACrypto
from saml2.xmldsig import SIG_RSA_SHA256
from signxml import CanonicalizationMethod, XMLSigner

ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
Change = Callable[[Any], Any]


def certificate_make(days: int = 30) -> tuple[rsa.RSAPrivateKey, bytes]:
    """Return a new key and a certificate of its own, as PEM; it ended where `days` is negative."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.test")])
    ends = datetime.now(UTC) + timedelta(days=days)
    built = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=60)).not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return key, built.public_bytes(serialization.Encoding.PEM)


@dataclass
class SamlIdp:
    """The provider and what it does wrong; `whole` signs the response, else its assertion."""

    folder: Path
    url: str = ""
    services: list[str] = field(default_factory=list)  # metadata of who it knows
    key: rsa.RSAPrivateKey | None = None  # an object: read from a file, it is checked at length
    certificate: bytes = b""
    published: bytes = b""
    before: Change | None = None
    after: Change | None = None
    whole: bool = False
    signs: bool = True
    name_format: str = NAMEID_FORMAT_PERSISTENT
    digest: str = "sha256"

    def right(self) -> None:
        """Do nothing wrong any more."""
        self.before = self.after = None
        self.whole, self.signs, self.name_format = False, True, NAMEID_FORMAT_PERSISTENT

    def renew(self, days: int = 30, publish: bool = True) -> None:
        """Sign by a new certificate from now on."""
        self.key, self.certificate = certificate_make(days)
        if publish:
            self.published = self.certificate

    @property
    def entity(self) -> str:
        return f"{self.url}/metadata"

    def _config(self, **more: Any) -> IdPConfig:
        (self.folder / "certificate.pem").write_bytes(self.published)
        config = IdPConfig()
        config.load(
            {
                "entityid": self.entity,
                "service": {
                    "idp": {
                        "endpoints": {
                            "single_sign_on_service": [(f"{self.url}/sso", BINDING_HTTP_REDIRECT)],
                            "single_logout_service": [(f"{self.url}/slo", BINDING_HTTP_REDIRECT)],
                        },
                        "want_authn_requests_signed": False,
                    }
                },
                "cert_file": str(self.folder / "certificate.pem"),
                **more,
            }
        )
        return config

    def metadata(self) -> bytes:
        return str(entity_descriptor(self._config())).encode()

    def response(self, request: str, email: str) -> tuple[str, str]:
        """Return where a request's answer goes, and the answer for whoever signed in."""
        config = self._config(xmlsec_binary=sys.executable, metadata={"inline": self.services})
        server = Server(config=config)
        asked = server.parse_authn_request(request, BINDING_HTTP_REDIRECT).message
        name = NameID(format=self.name_format, text=f"id-of-{email}")
        made = server.create_authn_response(
            {"mail": [email], "displayName": [email.split("@")[0]]},
            in_response_to=asked.id, destination=asked.assertion_consumer_service_url,
            sp_entity_id=asked.issuer.text, name_id=name, sign_assertion=False,
            sign_response=False, authn={"class_ref": PASSWORDPROTECTEDTRANSPORT},
        )  # fmt: skip
        root = etree.fromstring(str(made).encode())
        if self.before is not None:
            self.before(root)
        if self.signs:
            root = self.signed(root)
        raw = etree.tostring(root)
        if self.after is not None:
            raw = self.after(raw)
        return asked.assertion_consumer_service_url, base64.b64encode(raw).decode()

    def logout(
        self, where: str, subject: str, *, sessions: list[str] | None = None, form: bool = False
    ) -> str:
        """Return a signed request that ends a subject's sessions: an address, or a form's field."""
        config = self._config(xmlsec_binary=sys.executable, metadata={"inline": self.services})
        server = Server(config=config)
        name = NameID(format=self.name_format, text=subject)
        _, made = server.create_logout_request(
            where, self.entity, name_id=name, session_indexes=sessions, sign=False
        )
        root = etree.fromstring(str(made).encode())
        if self.before is not None:
            self.before(root)
        if not form:
            told = http_redirect_message(
                etree.tostring(root).decode(), where, "back-to-here", sigalg=SIG_RSA_SHA256,
                sign=self.signs, backend=RSACrypto(self.key),
            )  # fmt: skip
            return str(dict(told["headers"])["Location"])
        if self.signs:
            root = self._signature_of(root)
        raw = etree.tostring(root)
        return base64.b64encode(self.after(raw) if self.after is not None else raw).decode()

    def _signature_of(self, target: Any) -> Any:
        signer = XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
        issuer = target.find("{urn:oasis:names:tc:SAML:2.0:assertion}Issuer")
        place = etree.Element(f"{{{DS}}}Signature", Id="placeholder", nsmap={"ds": DS})
        issuer.addnext(place)
        return signer.sign(
            target, key=self.key, cert=self.certificate.decode(),
            reference_uri=target.get("ID"), id_attribute="ID",
        )  # fmt: skip

    def signed(self, root: Any) -> Any:
        """Sign the response, or the assertion in it, as providers do."""
        target = root if self.whole else root.find(ASSERTION)
        made = self._signature_of(target)
        if self.whole:
            return made
        target.getparent().replace(target, made)
        return root


@contextmanager
def idp_running(folder: Path) -> Iterator[SamlIdp]:
    """Serve until the block ends."""
    idp = SamlIdp(folder)
    idp.renew()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/metadata":
                return self.answer(idp.metadata(), "application/samlmetadata+xml")
            if parts.path == "/sso" and "email" not in query:
                return self.answer(
                    b"<title>Provider</title><form><input name=email aria-label=Email>"
                    b"<input type=hidden name=SAMLRequest value='%s'><button>Sign in</button>"
                    b"</form>" % query["SAMLRequest"].encode(), "text/html",
                )  # fmt: skip
            if parts.path == "/slo":
                assert "SAMLResponse" in query
                return self.answer(b"<title>Signed out</title>", "text/html")
            acs, response = idp.response(query["SAMLRequest"], query["email"])
            page = (
                f"<title>Provider</title><form method=post action='{acs}'>"
                f"<input type=hidden name=SAMLResponse value='{response}'>"
                "<button>Go on</button></form>"
            )
            return self.answer(page.encode(), "text/html")

        def answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        idp.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield idp
        finally:
            server.shutdown()
            thread.join()


def form_on(page: str) -> tuple[str, dict[str, str]]:
    """Return where a page's form goes, and its fields."""
    action = re.search(r"action='([^']+)'", page)
    assert action, page
    return action[1], dict(re.findall(r"name=(\w+) value='([^']*)'", page))
