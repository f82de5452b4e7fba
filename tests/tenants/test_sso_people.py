"""Who comes in by a workspace's provider, as whom, how long, and what a password is still for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from joserfc import jwk, jwt

from tenants.accounts.models import AuditEvent, Role, User
from tenants.accounts.services import user_create
from tenants.accounts.tasks import password_mail
from tenants.context import entered
from tenants.errors import Conflict
from tenants.signin.factors import factor_remove
from tenants.signin.models import EmailDomain, OpenSession, Provider, ProviderLink
from tenants.signin.tasks import signin_recheck_domains
from tests.assistant.talking import actor_for
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, PASSWORD, Person
from tests.support.clients import signed_in, stranger, tenant_of, user_of
from tests.support.nameserver import NameServer
from tests.support.openid import OpenId, key_make
from tests.support.sso import (
    SETTINGS,
    code_on,
    come_in,
    form_of,
    sessions_by,
    there_and_back,
    with_openid,
)

pytestmark = pytest.mark.django_db
NEW = "nora@acme.example"
FACTOR = {"kind": "app", "name": "Telephone"}


@contextmanager
def eager_tasks() -> Iterator[None]:
    """Run tasks where they are sent from."""
    from config.celery import app

    app.conf.task_always_eager = True
    try:
        yield
    finally:
        app.conf.task_always_eager = False


def audited(action: str, person: Person = ADA) -> list[dict[str, Any]]:
    with entered(tenant_of(person)):
        return [row.data for row in AuditEvent.objects.filter(action=action).order_by("id")]


def test_who_is_new_joins_and_is_known_by_subject_from_then_on(openid: OpenId) -> None:
    with_openid(openid, role="member")
    client, answer = come_in(openid, NEW, then="/documents/")
    assert (answer.status_code, answer["Location"]) == (302, "/documents/")
    assert client.get("/documents/").status_code == 200
    with entered(tenant_of(ADA)):
        assert client.session.get_expiry_age() <= 12 * 3600
    [session] = sessions_by("oidc")
    user = session.user
    assert (user.email, user.name, user.role) == (NEW, "nora", "member")
    assert not user.has_usable_password()
    assert audited("sso.join") == [{"role": "member"}]
    assert {"how": "oidc"} in audited("session.start")
    openid.plant(claims={"email": "nora.new@acme.example"})
    client, answer = come_in(openid, NEW)
    assert answer.status_code == 302
    with entered(tenant_of(ADA)):
        assert {each.user_id for each in OpenSession.objects.filter(how="oidc")} == {user.id}
        assert not User.objects.filter(email="nora.new@acme.example").exists()


def test_a_member_is_matched_by_a_verified_address_and_an_owner_is_not(openid: OpenId) -> None:
    with_openid(openid)
    _, answer = come_in(openid, BOB.email)
    assert answer.status_code == 302 and user_of(BOB).role == "viewer"
    _, refused = come_in(openid, ALICE.email)
    assert (refused.status_code, code_on(refused)) == (403, "sso_owner")
    owner = signed_in(ALICE)
    out = owner.post(f"{SETTINGS}link/")
    other = there_and_back(openid, owner, out, MAX.email)
    assert code_on(other) == "sso_subject"
    linked = there_and_back(openid, owner, owner.post(f"{SETTINGS}link/"), ALICE.email)
    assert linked["Location"] == "/settings/security/"
    client, answer = come_in(openid, ALICE.email)
    assert client.get("/usage/invoices/").status_code == 200
    # An admin who leads the provider elsewhere must not become the owner by it.
    signed_in(ADA).post(SETTINGS, form_of(openid, client_id="another"))
    with entered(tenant_of(ADA)):
        links = ProviderLink.objects.values_list("user__role", flat=True)
        assert sorted(links) == ["viewer"]
        assert Provider.objects.get().stage == "off"


def test_members_of_another_provider_before_are_matched_by_their_address_anew(
    openid: OpenId,
) -> None:
    with_openid(openid)
    come_in(openid, MAX.email)
    with entered(tenant_of(ADA)):
        ProviderLink.objects.update(issuer="https://before.example")
    client, answer = come_in(openid, MAX.email)
    assert answer.status_code == 302 and client.get("/documents/").status_code == 200
    with entered(tenant_of(ADA)):
        assert ProviderLink.objects.get().issuer == openid.issuer


@pytest.mark.parametrize("way", ["role", "transfer"])
def test_a_member_who_becomes_an_owner_is_known_to_the_provider_no_more(
    openid: OpenId, way: str
) -> None:
    """Whoever runs the provider may have signed in as the member, and must not be owner by it."""
    with_openid(openid)
    assert come_in(openid, MAX.email)[1].status_code == 302
    assert come_in(openid, MAX.email)[1].status_code == 302
    form = {"role": "owner"} if way == "role" else {"transfer": "yes"}
    made = signed_in(ALICE).post(f"/settings/members/{user_of(MAX).id}/", form)
    assert made.status_code == 302 and user_of(MAX).role == "owner"
    _, refused = come_in(openid, MAX.email)
    assert (refused.status_code, code_on(refused)) == (403, "sso_owner")
    assert len(audited("sso.unlink")) == 1


def test_the_page_leads_by_domain_and_never_tells_who_has_an_account(openid: OpenId) -> None:
    with_openid(openid)
    pages = {}
    for email in (BOB.email, "nobody@acme.example"):
        out = stranger(ADA.host).post("/sign-in/", {"email": email, "next": "/search/"})
        assert out["Location"].startswith("/sign-in/sso/?next=%2Fsearch%2F&email=")
    for email in ("who@else.example", "nobody@else.example"):
        page = stranger(ADA.host).post("/sign-in/", {"email": email})
        pages[email] = page.content.decode().replace(email, "")
        assert page.status_code == 422 and "Type your password" in pages[email]
    admin = signed_in(ADA)
    tested = there_and_back(openid, admin, admin.post(f"{SETTINGS}test/"), ADA.email)
    assert f"form-action 'self' {openid.url};" in tested["Content-Security-Policy"]
    page = stranger(ADA.host).get("/sign-in/")
    assert "Continue with Okta" in page.content.decode()
    assert f"form-action 'self' {openid.url};" in page["Content-Security-Policy"]
    assert openid.url not in stranger(CHARLIE.host).get("/sign-in/")["Content-Security-Policy"]


def test_required_refuses_every_password_but_the_break_glass_owners(openid: OpenId) -> None:
    admin = with_openid(openid)
    bob = signed_in(BOB)
    owner = user_of(ALICE)
    required = {"state": "required", "break_glass": str(owner.id)}
    refused = admin.post(f"{SETTINGS}state/", required)
    assert refused.status_code == 422 and "second factor" in refused.content.decode()
    with entered(tenant_of(ADA)):
        owner.factors.create(**FACTOR, last_used_at=timezone.now())
    for wrong in ({"state": "required"}, {**required, "break_glass": str(user_of(ADA).id)}):
        assert admin.post(f"{SETTINGS}state/", wrong).status_code == 422
    assert admin.post(f"{SETTINGS}state/", required).status_code == 302
    assert bob.get("/documents/").status_code == 302, "what a password began has ended"
    assert admin.get("/documents/").status_code == 200
    seen = set()
    for person, password in ((BOB, PASSWORD), (BOB, "wrong"), (ADA, PASSWORD)):
        page = stranger(ADA.host).post(
            "/sign-in/?password=1", {"email": person.email, "password": password}
        )
        assert page.status_code == 422
        seen.add(page.content.decode().partition('role="alert"')[2].partition("</div>")[0])
    assert len(seen) == 1 and "requires Okta" in seen.pop(), "a right one looks like a wrong one"
    glass = stranger(ADA.host)
    answer = glass.post("/sign-in/", {"email": ALICE.email, "password": PASSWORD})
    assert answer["Location"] == "/sign-in/second/"
    assert come_in(openid, BOB.email)[1].status_code == 302
    # A password alone would be the way around the provider: that owner's last factor stays.
    with entered(tenant_of(ADA)), pytest.raises(Conflict):
        factor = owner.factors.get()
        factor_remove(actor=actor_for(ALICE), user=owner, factor_id=factor.id)
    # Whatever becomes of that owner, an active owner comes in.
    with entered(tenant_of(ADA)):
        User.objects.filter(id=owner.id).update(role=Role.ADMIN)
        User.objects.filter(email=MAX.email).update(role=Role.OWNER)
    answer = stranger(ADA.host).post("/sign-in/", {"email": MAX.email, "password": PASSWORD})
    assert answer["Location"] == "/sign-in/set-up/", "by no password alone"
    verified = admin.get(SETTINGS).content.decode()
    assert "Required" in verified


def test_who_may_not_come_in_is_told_why(openid: OpenId) -> None:
    with_openid(openid, joins="")
    assert come_in(openid, NEW)[1].status_code == 302  # a checkbox that is sent is on
    form = form_of(openid)
    del form["joins"]
    admin = signed_in(ADA)
    admin.post(SETTINGS, form)
    assert code_on(come_in(openid, "new@acme.example")[1]) == "sso_no_account"
    with entered(tenant_of(ADA)):
        User.objects.filter(email=NEW).update(is_active=False)
        User.objects.create(email="program@acme.example", is_service=True, role="member")
        ProviderLink.objects.filter(user__email=NEW).update(subject="of another time")
    assert code_on(come_in(openid, NEW)[1]) == "sso_deactivated"
    assert code_on(come_in(openid, "program@acme.example")[1]) == "sso_no_account"
    with entered(tenant_of(ADA)):
        User.objects.filter(email=NEW).update(is_active=True)
        nora = User.objects.get(email=NEW)
    assert code_on(come_in(openid, NEW)[1]) == "sso_subject"
    assert admin.post(f"{SETTINGS}members/{nora.id}/unlink/").status_code == 302
    assert come_in(openid, NEW)[1].status_code == 302


def test_the_second_factor_is_asked_for_unless_the_provider_does(openid: OpenId) -> None:
    admin = with_openid(openid)
    with entered(tenant_of(ADA)):
        user_of(BOB).factors.create(**FACTOR, last_used_at=timezone.now())
    client, answer = come_in(openid, BOB.email)
    assert answer["Location"] == "/sign-in/second/"
    assert client.get("/documents/").status_code == 302
    admin.post(SETTINGS, form_of(openid, second_there="on"))
    client, answer = come_in(openid, BOB.email)
    assert answer["Location"] == "/documents/"
    assert client.get("/documents/").status_code == 200


def test_a_fresh_proof_comes_from_the_provider_too(openid: OpenId) -> None:
    with_openid(openid)
    client, _ = come_in(openid, NEW)
    with entered(tenant_of(ADA)):
        session = client.session
        session["proved_at"] = (timezone.now() - timedelta(minutes=16)).isoformat()
        session.save()
    assert client.get("/settings/security/add/")["Location"] == "/settings/security/confirm/"
    page = client.get("/settings/security/confirm/").content.decode()
    assert "Confirm with Okta" in page and 'name="password"' not in page
    again = "/sign-in/sso/?again=1&next=/settings/security/add/"
    assert "prompt=login" in client.get(again)["Location"]
    openid.plant(times={"auth_time": -1000})
    assert code_on(there_and_back(openid, client, client.get(again), NEW)) == "sso_stale"
    openid.plant()
    assert code_on(there_and_back(openid, client, client.get(again), BOB.email)) == "sso_subject"
    done = there_and_back(openid, client, client.get(again), NEW)
    assert done["Location"] == "/settings/security/add/"
    assert client.get("/settings/security/add/").status_code == 200


def logout_token(openid: OpenId, subject: str, **more: Any) -> str:
    key = jwk.RSAKey.import_key(openid.key)
    now = int(time.time())
    claims = {
        "iss": openid.issuer, "aud": "client-of-acme", "iat": now, "exp": now + 120,
        "jti": uuid4().hex, "sub": subject,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}}, **more,
    }  # fmt: skip
    header = {"alg": "RS256", "kid": key.thumbprint()}
    return jwt.encode(header, {k: v for k, v in claims.items() if v is not None}, key)


def test_whoever_is_removed_at_the_provider_is_signed_out_at_once(openid: OpenId) -> None:
    with_openid(openid)
    client, _ = come_in(openid, BOB.email)
    by_password, other = signed_in(BOB), come_in(openid, NEW)[0]
    with entered(tenant_of(ADA)):
        subject = ProviderLink.objects.get(user__email=BOB.email).subject
    server = stranger(ADA.host)

    def told(token: str, host: str = ADA.host) -> int:
        answer = stranger(host).post("/sign-in/sso/oidc/logout/", {"logout_token": token})
        return int(answer.status_code)

    foreign = OpenId(openid.url, key_make())
    for token in (
        "", logout_token(foreign, subject), logout_token(openid, subject, nonce="n"),
        logout_token(openid, subject, events=None), logout_token(openid, subject, aud="x"),
        logout_token(openid, subject, sub=None), logout_token(openid, subject, jti=None),
        logout_token(openid, subject, exp=int(time.time()) + 9999),
    ):  # fmt: skip
        assert told(token) == 400
    good = logout_token(openid, subject)
    assert told(good, CHARLIE.host) == 400
    assert client.get("/documents/").status_code == 200
    assert told(good) == 200
    assert client.get("/documents/").status_code == 302
    assert by_password.get("/documents/").status_code == 200
    assert other.get("/documents/").status_code == 200
    assert told(good) == 400, "a token works once"
    [session] = sessions_by("oidc")
    assert told(logout_token(openid, "", sub=None, sid=session.provider_session)) == 200
    assert other.get("/documents/").status_code == 302
    assert server.get("/sign-in/sso/oidc/logout/").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_a_domain_whose_record_is_gone_lets_nobody_new_join_after_a_week(
    openid: OpenId, names: NameServer
) -> None:
    with_openid(openid)
    record = {"_tenantry.acme.example": ["tenantry-verification=t"]}

    def night(texts: dict[str, list[str]], *, ill: bool = False) -> EmailDomain:
        names.texts, names.ill = texts, ill
        with eager_tasks():
            signin_recheck_domains()
        with entered(tenant_of(ADA)):
            return EmailDomain.objects.get()

    assert night(record).missing_since is night({}, ill=True).missing_since is None
    assert mail.outbox == []
    gone = night({})
    assert gone.missing_since and night({}).missing_since == gone.missing_since
    [message] = mail.outbox
    assert message.to == [ALICE.email] and "tenantry-verification=t" in message.body
    page = signed_in(ADA).get(SETTINGS).content.decode()
    assert "Record gone" in page and "Look again" in page
    assert come_in(openid, NEW)[1].status_code == 302, "within the week"
    with entered(tenant_of(ADA)):
        EmailDomain.objects.update(missing_since=timezone.now() - timedelta(days=7))
    _, refused = come_in(openid, "otto@acme.example")
    assert (refused.status_code, code_on(refused)) == (403, "sso_domain_gone")
    for known in (NEW, BOB.email):  # linked, and not linked yet
        assert come_in(openid, known)[1].status_code == 302
    assert night(record).missing_since is None
    assert come_in(openid, "otto@acme.example")[1].status_code == 302
    assert [row["domain"] for row in audited("domain.record_gone")] == ["acme.example"]
    assert len(audited("domain.record_found")) == len(mail.outbox) == 1
    # The button finds it too.
    gone = night({})
    names.texts = record
    assert signed_in(ADA).post(f"/settings/security/domains/{gone.id}/verify/").status_code == 302
    assert len(audited("domain.record_found")) == 2


def test_requiring_the_provider_ends_passwords_sessions_by_few_statements(openid: OpenId) -> None:
    admin = with_openid(openid)
    with entered(tenant_of(ADA)):
        for number in range(40):
            user = user_create(email=f"n{number}@acme.example", name="N", role=Role.VIEWER)
            OpenSession.objects.create(
                user=user, session_key=f"k{number}", device="d", address="", how="password",
                seen_at=timezone.now(),
            )  # fmt: skip
        OpenSession.objects.create(
            user=user_of(MAX), session_key="theirs", device="d", address="", how="oidc",
            seen_at=timezone.now(),
        )  # fmt: skip
        keeper = user_of(ALICE)
        keeper.factors.create(**FACTOR)
    with CaptureQueriesContext(connection) as asked:
        required = {"state": "required", "break_glass": str(keeper.id)}
        assert admin.post(f"{SETTINGS}state/", required).status_code == 302
    with entered(tenant_of(ADA)):
        assert not OpenSession.objects.filter(how="password", user__name="N").exists()
        assert OpenSession.objects.filter(session_key="theirs").exists(), "the provider began it"
    assert len([each for each in asked if "opensession" in (each["sql"] or "")]) < 8


def test_who_joined_by_the_provider_sets_a_password_when_it_is_gone(openid: OpenId) -> None:
    admin = with_openid(openid)
    come_in(openid, NEW)
    assert admin.post(f"{SETTINGS}remove/").status_code == 302
    with eager_tasks(), entered(tenant_of(ADA)):
        password_mail.task(str(tenant_of(ADA).id), NEW, ADA.host)
    assert [each.to for each in mail.outbox] == [[NEW]]
