"""Single sign-on by SAML, against pysaml2's identity provider on loopback."""

import base64
import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client
from lxml import etree
from saml2.saml import NAMEID_FORMAT_TRANSIENT

from tenants.accounts.models import User
from tenants.context import entered
from tenants.signin.models import Provider
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, Person
from tests.support.clients import signed_in, stranger, tenant_of
from tests.support.plain import NO_TLS
from tests.support.samlidp import SamlIdp, form_on, idp_running
from tests.support.sso import SETTINGS, code_on, path_of, proved, sessions_by

pytestmark = pytest.mark.django_db
NEW = "nora@acme.example"
NS = {"a": "urn:oasis:names:tc:SAML:2.0:assertion", "p": "urn:oasis:names:tc:SAML:2.0:protocol",
      "ds": "http://www.w3.org/2000/09/xmldsig#"}  # fmt: skip
ACS = "/sign-in/sso/saml/"


@pytest.fixture(scope="module")
def idp_thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlIdp]:
    with idp_running(Path(tmp_path_factory.mktemp("idp"))) as running:
        yield running


@pytest.fixture
def idp(idp_thread: SamlIdp, settings: Any) -> SamlIdp:
    settings.OUTBOUND_PRIVATE = True
    idp_thread.right()
    return idp_thread


def with_saml(idp: SamlIdp, person: Person = ADA, **more: str) -> Client:
    """Set the provider up by the pages, test it and switch it on; return the admin's browser."""
    described = stranger(person.host).get("/sign-in/sso/saml/metadata/")
    idp.services.append(described.content.decode().partition("?>")[2])
    proved(person)
    admin = signed_in(person)
    form = {"kind": "saml", "name": "Entra", "metadata_url": idp.entity, "role": "member",
            "joins": "on", "hours": "8", **more}  # fmt: skip
    saved = admin.post(SETTINGS, form)
    assert saved.status_code == 302, code_on(saved)
    tested = finished(
        admin, answered(idp, admin.post(f"{SETTINGS}test/"), person.email), person.host
    )
    assert "The test passed" in tested.content.decode(), code_on(tested)
    assert admin.post(f"{SETTINGS}state/", {"state": "on"}).status_code == 302
    return admin


def answered(idp: SamlIdp, out: Any, email: str) -> dict[str, str]:
    """Follow a redirect to the provider, sign in there; return what its form posts."""
    assert out.status_code == 302 and out["Location"].startswith(f"{idp.url}/sso")
    page = httpx.get(out["Location"] + f"&email={email}", verify=NO_TLS)
    assert page.status_code == 200, page.text
    return form_on(page.text)[1]


def finished(client: Client, form: dict[str, str], host: str = ADA.host) -> Any:
    """Post as the provider's page does, without the session's cookie, and follow."""
    answer = stranger(host).post(ACS, form)
    return client.get(answer["Location"]) if answer.status_code == 303 else answer


def come_in(idp: SamlIdp, email: str, person: Person = ADA) -> tuple[Client, Any]:
    client = stranger(person.host)
    form = answered(idp, client.get("/sign-in/sso/?next=/documents/"), email)
    return client, finished(client, form, person.host)


def test_who_is_new_joins_by_a_signed_assertion_or_response(idp: SamlIdp) -> None:
    with_saml(idp)
    client, answer = come_in(idp, NEW)
    assert (answer.status_code, answer["Location"]) == (302, "/documents/")
    assert client.get("/documents/").status_code == 200
    with entered(tenant_of(ADA)):
        assert client.session.get_expiry_age() <= 8 * 3600
    [session] = sessions_by("saml")
    assert (session.user.email, session.user.name, session.user.role) == (NEW, "nora", "member")
    idp.whole = True
    assert come_in(idp, NEW)[1].status_code == 302
    assert code_on(come_in(idp, ALICE.email)[1]) == "sso_owner"


def at(seconds: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def attribute(path: str, name: str, value: Callable[[], str]) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        for each in root.iterfind(path, NS):
            each.set(name, value())

    return change


def text(path: str, value: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        root.find(path, NS).text = value

    return change


def removed(path: str) -> Callable[[Any], None]:
    def change(root: Any) -> None:
        found = root.find(path, NS)
        found.getparent().remove(found)

    return change


DATA = ".//a:SubjectConfirmationData"
BEFORE: dict[str, tuple[Callable[[Any], None], str]] = {
    "of another provider": (text("a:Assertion/a:Issuer", "https://evil"), "sso_issuer"),
    "for another service": (text(".//a:Audience", "https://other"), "sso_audience"),
    "for nobody": (removed(".//a:AudienceRestriction"), "sso_audience"),
    "ended": (attribute(".//a:Conditions", "NotOnOrAfter", lambda: at(-200)), "sso_expired"),
    "not begun": (attribute(".//a:Conditions", "NotBefore", lambda: at(200)), "sso_clock"),
    "made tomorrow": (attribute("a:Assertion", "IssueInstant", lambda: at(200)), "sso_clock"),
    "shown too late": (attribute(DATA, "NotOnOrAfter", lambda: at(-200)), "sso_expired"),
    "shown elsewhere": (attribute(DATA, "Recipient", lambda: "https://x/"), "sso_destination"),
    "to elsewhere": (attribute(".", "Destination", lambda: "https://x/"), "sso_destination"),
    "for another request": (attribute(DATA, "InResponseTo", lambda: "_other"), "sso_state"),
    "for no request": (removed(DATA), "sso_response"),
    "over there": (attribute(".//a:AuthnStatement", "SessionNotOnOrAfter", lambda: at(-200)),
                   "sso_expired"),
    "without sign-in": (removed(".//a:AuthnStatement"), "sso_response"),
    "not let in": (attribute("p:Status/p:StatusCode", "Value", lambda: "urn:x:Responder"),
                   "sso_denied"),
    "no address": (removed(".//a:AttributeStatement"), "sso_email"),
}  # fmt: skip


def test_a_response_that_is_not_right_is_refused_and_says_why(idp: SamlIdp) -> None:
    with_saml(idp)
    for name, (change, code) in BEFORE.items():
        idp.before = change
        client, answer = come_in(idp, NEW)
        assert code_on(answer) == code, name
        if code == "sso_issuer":
            assert "compares its entity id" in answer.content.decode()
        assert client.get("/documents/").status_code == 302
    idp.before = attribute(".//a:Conditions", "NotOnOrAfter", lambda: at(-60))
    assert come_in(idp, NEW)[1].status_code == 302, "the clocks may differ a little"
    idp.right()
    idp.name_format = NAMEID_FORMAT_TRANSIENT
    assert code_on(come_in(idp, NEW)[1]) == "sso_subject"


def forged(assertion: Any) -> Any:
    """Return a copy that says it is somebody else, unsigned, under an id of its own."""
    evil = copy.deepcopy(assertion)
    evil.set("ID", "_evil")
    evil.remove(evil.find("ds:Signature", NS))
    for each in evil.iterfind(".//a:AttributeValue", NS):
        each.text = "max@acme.example"
    return evil


def before_it(root: Any) -> Any:
    signed = root.find("a:Assertion", NS)
    signed.addprevious(forged(signed))
    return root


def in_its_place(root: Any) -> Any:
    """The signed one inside the forged one's signature: the classic wrapping."""
    signed = root.find("a:Assertion", NS)
    evil = forged(signed)
    signature = copy.deepcopy(signed.find("ds:Signature", NS))
    root.replace(signed, evil)
    holder = etree.SubElement(signature, f"{{{NS['ds']}}}Object")
    holder.append(signed)
    evil.insert(1, signature)
    return root


def in_an_extension(root: Any) -> Any:
    signed = root.find("a:Assertion", NS)
    evil = forged(signed)
    signature = copy.deepcopy(signed.find("ds:Signature", NS))
    root.replace(signed, evil)
    evil.insert(1, signature)
    extension = etree.Element(f"{{{NS['p']}}}Extensions")
    extension.append(signed)
    root.insert(1, extension)
    return root


def same_id(root: Any) -> Any:
    signed = root.find("a:Assertion", NS)
    root.find("p:Status", NS).set("ID", signed.get("ID"))
    return root


def said_otherwise(root: Any) -> Any:
    for each in root.iterfind(".//a:AttributeValue", NS):
        each.text = "max@acme.example"
    return root


def unsigned(root: Any) -> Any:
    signed = root.find("a:Assertion", NS)
    signed.remove(signed.find("ds:Signature", NS))
    return root


def encrypted(root: Any) -> Any:
    root.find("a:Assertion", NS).tag = f"{{{NS['a']}}}EncryptedAssertion"
    return root


AFTER: dict[str, tuple[Callable[[Any], Any], str]] = {
    "one more before it": (before_it, "sso_wrapped"),
    "inside the signature": (in_its_place, "sso_wrapped"),
    "inside an extension": (in_an_extension, "sso_wrapped"),
    "one id twice": (same_id, "sso_wrapped"),
    "other words": (said_otherwise, "sso_signature"),
    "no signature": (unsigned, "sso_unsigned"),
    "encrypted": (encrypted, "sso_encrypted"),
}


def test_a_response_that_was_changed_afterwards_lets_nobody_in(idp: SamlIdp) -> None:
    with_saml(idp)
    for name, (work, code) in AFTER.items():
        idp.after = lambda raw, work=work: etree.tostring(work(etree.fromstring(raw)))
        client, answer = come_in(idp, NEW)
        assert code_on(answer) == code, name
        assert client.get("/documents/").status_code == 302
    with entered(tenant_of(ADA)):
        assert not User.objects.filter(email=NEW).exists()
    # A comment in a value cuts nothing off: the address is the whole one.
    idp.right()
    idp.before = lambda root: said_with_a_comment(root)
    assert code_on(come_in(idp, NEW)[1]) == "sso_domain"


def said_with_a_comment(root: Any) -> None:
    value = root.find(".//a:AttributeValue", NS)
    value.text = "max@acme.example"
    comment = etree.Comment("cut here")
    comment.tail = ".evil.example"
    value.append(comment)


def test_a_response_works_once_where_it_was_asked_for(idp: SamlIdp) -> None:
    with_saml(idp)
    with_saml(idp, CHARLIE)
    client = stranger(ADA.host)
    form = answered(idp, client.get("/sign-in/sso/"), NEW)
    elsewhere = stranger(CHARLIE.host).post(ACS, form)
    assert code_on(elsewhere) == "sso_state", "of another workspace"
    posted = stranger(ADA.host).post(ACS, form)
    assert posted.status_code == 303
    other = stranger(ADA.host)
    assert code_on(other.get(posted["Location"])) == "sso_state", "of another browser"
    assert code_on(client.get(posted["Location"])) == "sso_state", "a ticket works once"
    assert code_on(stranger(ADA.host).post(ACS, form)) == "sso_state", "and so does a response"
    # The same assertion for a request that waits: as a thief of one would have it signed again.
    idp.before = attribute("a:Assertion", "ID", lambda: "_same")
    assert come_in(idp, NEW)[1].status_code == 302
    assert code_on(come_in(idp, NEW)[1]) == "sso_replayed"
    idp.right()
    client = stranger(ADA.host)
    form = answered(idp, client.get("/sign-in/sso/"), NEW)
    root = etree.fromstring(base64.b64decode(form["SAMLResponse"]))
    del root.attrib["InResponseTo"]
    form["SAMLResponse"] = base64.b64encode(etree.tostring(root)).decode()
    refused = stranger(ADA.host).post(ACS, form)
    assert (refused.status_code, code_on(refused)) == (403, "sso_unsolicited")


BOMB = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><r>&b;</r>'


def test_what_is_no_response_is_refused(idp: SamlIdp) -> None:
    with_saml(idp)
    for raw in (b"", b"no xml", b"<r/>", BOMB, b"<r>" * 5000, b"x" * 400_000):
        for given in (base64.b64encode(raw).decode(), raw.decode()):
            answer = stranger(ADA.host).post(ACS, {"SAMLResponse": given})
            assert (answer.status_code, code_on(answer)) == (403, "sso_response")


def test_certificates_change_by_metadata_and_run_out(idp: SamlIdp) -> None:
    admin = with_saml(idp)
    idp.renew()
    assert come_in(idp, NEW)[1].status_code == 302, "read anew by itself"
    idp.renew()
    refused = come_in(idp, NEW)[1]
    assert code_on(refused) == "sso_certificate", "at most once a minute"
    assert "read its metadata anew" in refused.content.decode()
    assert "Read its metadata anew" in admin.get(SETTINGS).content.decode(), "a button of that name"
    assert admin.post(f"{SETTINGS}refresh/").status_code == 302
    assert come_in(idp, NEW)[1].status_code == 302
    idp.renew(days=-1)
    admin.post(f"{SETTINGS}refresh/")
    refused = come_in(idp, NEW)[1]
    assert code_on(refused) == "sso_certificate" and "not valid today" in refused.content.decode()
    idp.renew()


def test_metadata_is_pasted_or_fetched_and_must_be_a_providers(idp: SamlIdp) -> None:
    pasted = idp.metadata().decode()
    with_saml(idp, metadata_url="", metadata_xml=pasted)
    admin = signed_in(ADA)
    form = {"kind": "saml", "name": "Entra", "role": "viewer", "hours": "8"}
    assert admin.post(SETTINGS, form).status_code == 302, "what was pasted stays"
    with entered(tenant_of(ADA)):
        assert Provider.objects.get().stage == "on"
    for wrong, code in (
        ({"metadata_xml": "<a/>"}, "sso_metadata"),
        (
            {"metadata_xml": pasted.replace("X509Certificate>", "X509Certificate>A")},
            "sso_certificate",
        ),
        ({"metadata_xml": BOMB.decode()}, "sso_metadata"),
        ({"metadata_xml": pasted.replace("IDPSSODescriptor", "SPSSODescriptor")}, "sso_metadata"),
        ({"metadata_xml": pasted.replace("X509Certificate>", "X>")}, "sso_certificate"),
        ({"metadata_url": "http://127.0.0.1:9/"}, "sso_unreachable"),
        ({"metadata_url": idp.entity, "metadata_xml": pasted}, "invalid"),
        ({"kind": "oidc"}, "invalid"),
    ):
        page = admin.post(SETTINGS, {**form, **wrong})
        assert (page.status_code, code_on(page)) == (422, code), wrong
        if code == "sso_certificate":
            assert (
                "metadata anew" in page.content.decode() or "anew, whole" in page.content.decode()
            )
    assert admin.post(f"{SETTINGS}refresh/").status_code == 422


def test_a_fresh_proof_is_asked_for_and_looked_at(idp: SamlIdp) -> None:
    with_saml(idp)
    client, _ = come_in(idp, BOB.email)
    again = "/sign-in/sso/?again=1&next=/settings/security/add/"
    idp.before = attribute(".//a:AuthnStatement", "AuthnInstant", lambda: at(-1000))
    stale = finished(client, answered(idp, client.get(again), BOB.email))
    assert code_on(stale) == "sso_stale"
    idp.right()
    done = finished(client, answered(idp, client.get(again), BOB.email))
    assert done["Location"] == "/settings/security/add/"
    assert path_of(done["Location"]).startswith("/settings/")
