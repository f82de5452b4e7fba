"""SAML single logout that the provider begins: what it ends, and what it may not."""

import base64
import copy
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
from django.test import Client
from lxml import etree
from saml2.samlp import logout_response_from_string

from tenants.accounts.models import AuditEvent
from tenants.context import entered
from tenants.lifecycle.naming import url_for
from tenants.signin.sso.samlxml import NS, PROTOCOL
from tests.support.cast import ADA, BOB, CHARLIE
from tests.support.clients import signed_in, stranger, tenant_of
from tests.support.samlidp import SamlIdp, idp_running
from tests.support.sso import SETTINGS, path_of, sessions_by
from tests.tenants.test_sso_saml import NEW, at, attribute, come_in, removed, text, with_saml

pytestmark = pytest.mark.django_db
LOGOUT = "/sign-in/sso/saml/logout/"
HERE = url_for(ADA.workspace) + LOGOUT
SUBJECT = f"id-of-{BOB.email}"


@pytest.fixture(scope="module")
def idp_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlIdp]:
    with idp_running(Path(tmp_path_factory.mktemp("idp"))) as running:
        yield running


@pytest.fixture
def idp(idp_thread: SamlIdp, settings: Any) -> SamlIdp:
    settings.OUTBOUND_PRIVATE = True
    idp_thread.right()
    return idp_thread


def by_query(address: str, host: str = ADA.host) -> Any:
    return stranger(host).get(path_of(address))


def by_form(message: str) -> Any:
    return stranger(ADA.host).post(LOGOUT, {"SAMLRequest": message})


def code_of(answer: Any) -> str:
    assert answer.status_code == 400, answer.content
    return str(answer.content.decode().partition(":")[0])


def is_in(client: Client) -> bool:
    return bool(client.get("/documents/").status_code == 200)


def test_the_providers_request_ends_what_it_names_and_is_answered(idp: SamlIdp) -> None:
    with_saml(idp)
    described = stranger(ADA.host).get("/sign-in/sso/saml/metadata/").content.decode()
    assert described.count(f'Location="{HERE}"') == 2
    first, second, other = (come_in(idp, email)[0] for email in (BOB.email, BOB.email, NEW))
    by_password = signed_in(BOB)
    _, newest = sorted(
        (each for each in sessions_by("saml") if each.user.email == BOB.email),
        key=lambda each: each.signed_in_at,
    )
    address = idp.logout(HERE, SUBJECT, sessions=[newest.provider_session])
    answer = by_query(address)
    assert (is_in(first), is_in(second)) == (True, False)
    told = parse_qs(urlsplit(answer["Location"]).query)
    assert answer["Location"].startswith(f"{idp.url}/slo?") and told["RelayState"] == [
        "back-to-here"
    ]
    raw = zlib.decompress(base64.b64decode(told["SAMLResponse"][0]), -15)
    response = logout_response_from_string(raw)
    assert response.status.status_code.value.endswith(":Success")
    asked = zlib.decompress(
        base64.b64decode(parse_qs(urlsplit(address).query)["SAMLRequest"][0]), -15
    )
    assert response.in_response_to == etree.fromstring(asked).get("ID")
    assert code_of(by_query(address)) == "sso_replayed"
    # Without a session: all of the person's that the provider began, and no other.
    assert by_form(idp.logout(HERE, SUBJECT, form=True)).status_code == 302
    assert (is_in(first), is_in(other), is_in(by_password)) == (False, True, True)
    assert by_form(idp.logout(HERE, "id-of-nobody", form=True)).status_code == 302
    with entered(tenant_of(ADA)):
        rows = AuditEvent.objects.filter(action="sso.logout").order_by("id")
        assert [row.data["ended"] for row in rows] == [1, 1, 0]


WRONG: dict[str, tuple[Callable[[Any], None], str]] = {
    "of another provider": (text("a:Issuer", "https://evil"), "sso_issuer"),
    "for another address": (attribute(".", "Destination", lambda: "https://x/"), "sso_destination"),
    "made tomorrow": (attribute(".", "IssueInstant", lambda: at(200)), "sso_clock"),
    "made long ago": (attribute(".", "IssueInstant", lambda: at(-800)), "sso_expired"),
    "ended": (attribute(".", "NotOnOrAfter", lambda: at(-200)), "sso_expired"),
    "of nobody": (removed("a:NameID"), "sso_subject"),
    "no logout": (lambda root: setattr(root, "tag", root.tag.replace("Logout", "Authn")),
                  "sso_response"),
}  # fmt: skip


def said_of_another(raw: bytes) -> bytes:
    return raw.replace(SUBJECT.encode(), f"id-of-{NEW}".encode())


def wrapped(raw: bytes) -> bytes:
    """Carry the signed request inside a forged one that bears its signature."""
    evil = etree.fromstring(raw)
    signed = copy.deepcopy(evil)
    signed.remove(signed.find("ds:Signature", NS))
    evil.set("ID", "_evil")
    etree.SubElement(evil, f"{{{PROTOCOL}}}Extensions").append(signed)
    return etree.tostring(evil)


def test_a_request_that_is_not_right_ends_nothing(idp: SamlIdp) -> None:
    admin = with_saml(idp)
    client, _ = come_in(idp, BOB.email)
    for name, (change, code) in WRONG.items():
        idp.before = change
        assert code_of(by_form(idp.logout(HERE, SUBJECT, form=True))) == code, name
        assert code_of(by_query(idp.logout(HERE, SUBJECT))) == code, name
    idp.right()
    idp.signs = False
    assert code_of(by_form(idp.logout(HERE, SUBJECT, form=True))) == "sso_unsigned"
    assert code_of(by_query(idp.logout(HERE, SUBJECT))) == "sso_unsigned"
    idp.right()
    idp.after = said_of_another
    assert code_of(by_form(idp.logout(HERE, SUBJECT, form=True))) == "sso_signature"
    idp.after = wrapped
    assert code_of(by_form(idp.logout(HERE, SUBJECT, form=True))) == "sso_wrapped"
    idp.right()
    good, foreign = idp.logout(HERE, SUBJECT), SamlIdp(idp.folder, idp.url, idp.services)
    foreign.renew()
    forged = parse_qs(urlsplit(foreign.logout(HERE, SUBJECT)).query)["SAMLRequest"][0]
    query = urlsplit(good).query
    for changed in (
        query.replace("back-to-here", "elsewhere"),
        f"{query}&SAMLRequest={quote_plus(forged)}",
        query.replace("rsa-sha256", "rsa-sha1"),
        "",
    ):
        assert stranger(ADA.host).get(f"{LOGOUT}?{changed}").status_code == 400
    assert code_of(by_query(foreign.logout(HERE, SUBJECT))) == "sso_signature"
    assert code_of(by_query(good, CHARLIE.host)) == "sso_off"
    # What is read is what was signed, whatever else the query calls by its name.
    of_nobody = urlsplit(idp.logout(HERE, "id-of-nobody")).query
    both = stranger(ADA.host).get(f"{LOGOUT}?{of_nobody}&SAML%52equest={quote_plus(forged)}")
    assert both.status_code == 302 and is_in(client)
    for bomb in (b"", b"no xml", b"<r/>" + b" " * 3_000_000):
        squeezer = zlib.compressobj(wbits=-15)
        squeezed = base64.b64encode(squeezer.compress(bomb) + squeezer.flush()).decode()
        answer = stranger(ADA.host).get(LOGOUT, {"SAMLRequest": squeezed})
        assert code_of(answer) == "sso_response"
    assert is_in(client)
    # Of a query too the certificate must be valid today.
    idp.renew(days=-1)
    assert admin.post(f"{SETTINGS}refresh/").status_code == 302
    assert code_of(by_query(idp.logout(HERE, SUBJECT))) == "sso_certificate"
    idp.renew()
    assert admin.post(f"{SETTINGS}refresh/").status_code == 302
    assert by_query(idp.logout(HERE, SUBJECT)).status_code == 302 and not is_in(client)
