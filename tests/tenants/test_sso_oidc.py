"""Single sign-on by OpenID Connect, against django-oauth-toolkit in a process of its own."""

import base64
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail
from django.utils import timezone
from joserfc import jwk, jwt

from tenants.accounts.models import AuditEvent, Role, User
from tenants.context import entered
from tenants.signin.models import OpenSession, Provider, ProviderLink
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, PASSWORD, Person
from tests.support.clients import browser_of, stranger, tenant_of, user_of
from tests.support.openid import OpenId, key_make
from tests.support.sso import (
    SETTINGS,
    code_on,
    come_in,
    form_of,
    path_of,
    proved,
    sessions_by,
    there_and_back,
    with_openid,
)

pytestmark = pytest.mark.django_db
NEW = "nora@acme.example"
FACTOR = {"kind": "app", "name": "Telephone"}


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
    owner = browser_of(ALICE)
    out = owner.post(f"{SETTINGS}link/")
    other = there_and_back(openid, owner, out, MAX.email)
    assert code_on(other) == "sso_subject"
    linked = there_and_back(openid, owner, owner.post(f"{SETTINGS}link/"), ALICE.email)
    assert linked["Location"] == "/settings/security/"
    client, answer = come_in(openid, ALICE.email)
    assert client.get("/usage/invoices/").status_code == 200
    # An admin who leads the provider elsewhere must not become the owner by it.
    browser_of(ADA).post(SETTINGS, form_of(openid, client_id="another"))
    with entered(tenant_of(ADA)):
        links = ProviderLink.objects.values_list("user__role", flat=True)
        assert sorted(links) == ["viewer"]
        assert Provider.objects.get().stage == "off"


FAULTS: dict[str, dict[str, Any]] = {
    "sso_issuer": {"claims": {"iss": "https://evil.example"}},
    "sso_audience": {"claims": {"aud": "another-client"}},
    "sso_expired": {"times": {"exp": -200, "iat": -400}},
    "sso_clock": {"times": {"iat": 200, "exp": 4000}},
    "sso_nonce": {"claims": {"nonce": "made-for-another"}},
    "sso_email": {"claims": {"email": "no address"}},
    "sso_email_unverified": {"claims": {"email_verified": False}},
    "sso_domain": {"claims": {"email": "nora@globex.example"}},
    "sso_token": {"claims": {"sub": 7}},
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_token_that_is_not_right_is_refused_and_says_why(openid: OpenId, code: str) -> None:
    admin = with_openid(openid)
    openid.plant(**FAULTS[code])
    client, answer = come_in(openid, NEW)
    assert (answer.status_code, code_on(answer)) == (403, code)
    assert client.get("/documents/").status_code == 302
    assert audited("sso.refuse")[-1] == {"code": code, "kind": "oidc", "purpose": "sign_in"}
    with entered(tenant_of(ADA)):
        assert not User.objects.filter(email__startswith="nora").exists()
    tested = there_and_back(openid, admin, admin.post(f"{SETTINGS}test/"), NEW)
    assert code_on(tested) == code and "Stopped here" in tested.content.decode()


def test_the_clocks_may_differ_a_little(openid: OpenId) -> None:
    with_openid(openid)
    openid.plant(times={"iat": 100, "exp": 4000})
    assert come_in(openid, NEW)[1].status_code == 302
    openid.plant(times={"iat": -4000, "exp": -100})
    assert come_in(openid, NEW)[1].status_code == 302


def test_a_token_that_another_key_signed_is_refused(openid: OpenId) -> None:
    with_openid(openid)
    foreign = jwk.RSAKey.import_key(key_make()).as_dict(private=True)
    shared = {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).rstrip(b"=").decode()}
    for fault, code in (
        ({"header": {"alg": "RS256"}, "key": foreign}, "sso_signature"),
        ({"header": {"alg": "RS256", "kid": "unheard"}, "key": foreign}, "sso_key"),
        ({"header": {"alg": "HS256"}, "key": shared}, "sso_algorithm"),
    ):
        openid.plant(sign=fault)
        assert code_on(come_in(openid, NEW)[1]) == code


def test_an_answer_works_once_in_the_browser_and_the_workspace_that_asked(openid: OpenId) -> None:
    with_openid(openid)
    proved(CHARLIE)
    with_openid(openid, CHARLIE)
    client = stranger(ADA.host)
    back = path_of(openid.asked(client.get("/sign-in/sso/")["Location"], NEW))
    for host in (ADA.host, CHARLIE.host):
        assert code_on(stranger(host).get(back)) == "sso_state", "a browser that has not asked"
    before = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert client.get(back).status_code == 302
    after = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert after != before, "a new session, not the one of before"
    again = client.get(back)
    assert (again.status_code, code_on(again)) == (403, "sso_state")
    # The same code under a state that waits: the provider takes no code twice.
    other = stranger(ADA.host)
    asked = path_of(openid.asked(other.get("/sign-in/sso/")["Location"], NEW))
    code = back.partition("code=")[2].partition("&")[0]
    state = asked.partition("state=")[2].partition("&")[0]
    replayed = other.get(f"/sign-in/sso/oidc/?code={code}&state={state}")
    assert code_on(replayed) == "sso_code"
    # Of the other workspace's provider, a code for that workspace's client.
    mine, theirs = stranger(ADA.host), stranger(CHARLIE.host)
    state = path_of(mine.get("/sign-in/sso/")["Location"]).partition("state=")[2].split("&")[0]
    given = path_of(openid.asked(theirs.get("/sign-in/sso/")["Location"], NEW))
    code = given.partition("code=")[2].partition("&")[0]
    crossed = mine.get(f"/sign-in/sso/oidc/?code={code}&state={state}")
    assert code_on(crossed) == "sso_code"


def test_what_is_kept_for_an_answer_ends_after_ten_minutes(openid: OpenId) -> None:
    with_openid(openid)
    client = stranger(ADA.host)
    back = path_of(openid.asked(client.get("/sign-in/sso/")["Location"], NEW))
    with entered(tenant_of(ADA)):
        session = client.session
        [kept] = session["sso"].values()
        session["sso"] = {state: kept | {"at": time.time() - 601} for state in session["sso"]}
        session.save()
    assert code_on(client.get(back)) == "sso_state"


def test_an_answer_works_once_for_who_is_signed_in_too(openid: OpenId) -> None:
    admin = with_openid(openid, state="off")
    back = path_of(openid.asked(admin.post(f"{SETTINGS}test/")["Location"], NEW))
    assert "The test passed" in admin.get(back).content.decode()
    assert code_on(admin.get(back)) == "sso_state"


def test_leaving_for_the_provider_carries_state_nonce_and_a_challenge(openid: OpenId) -> None:
    with_openid(openid)
    client = stranger(ADA.host)
    asked = client.get("/sign-in/sso/?next=https://evil.example/")["Location"]
    for part in ("state=", "nonce=", "code_challenge=", "code_challenge_method=S256"):
        assert part in asked
    answer = client.get(path_of(openid.asked(asked, NEW)))
    assert answer["Location"] == "/"


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
    page = stranger(ADA.host).get("/sign-in/")
    assert "Continue with Okta" in page.content.decode()
    assert f"form-action 'self' {openid.url};" in page["Content-Security-Policy"]
    assert openid.url not in stranger(CHARLIE.host).get("/sign-in/")["Content-Security-Policy"]


def test_required_refuses_every_password_but_the_break_glass_owners(openid: OpenId) -> None:
    admin = with_openid(openid)
    bob = browser_of(BOB)
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
    # Whatever becomes of that owner, an active owner comes in.
    with entered(tenant_of(ADA)):
        User.objects.filter(id=owner.id).update(role=Role.ADMIN)
        User.objects.filter(email=MAX.email).update(role=Role.OWNER)
    answer = stranger(ADA.host).post("/sign-in/", {"email": MAX.email, "password": PASSWORD})
    assert answer.status_code == 302
    verified = admin.get(SETTINGS).content.decode()
    assert "Required" in verified


def test_it_is_switched_on_only_after_a_test_of_what_it_is(openid: OpenId) -> None:
    admin = with_openid(openid, state="off")
    early = admin.post(f"{SETTINGS}state/", {"state": "on"})
    assert early.status_code == 422 and "Run the test first" in early.content.decode()
    assert stranger(ADA.host).get("/sign-in/sso/")["Location"] == "/sign-in/"
    result = there_and_back(openid, admin, admin.post(f"{SETTINGS}test/"), "eve@else.example")
    assert code_on(result) == "sso_domain"
    assert admin.post(f"{SETTINGS}state/", {"state": "on"}).status_code == 422
    result = there_and_back(openid, admin, admin.post(f"{SETTINGS}test/"), NEW)
    page = result.content.decode()
    assert (
        "The test passed" in page
        and "Signature" in page
        and f'<td data-label="Value" class="break">{NEW}' in page
    )
    with entered(tenant_of(ADA)):
        assert not User.objects.filter(email=NEW).exists(), "a test makes nobody"
    assert [row["code"] for row in audited("sso.test")] == ["sso_domain", "passed"]
    assert admin.post(f"{SETTINGS}state/", {"state": "on"}).status_code == 302
    saved = admin.get(SETTINGS).content.decode()
    assert "a-secret-of-the-client" not in saved and "empty leaves it" in saved
    with entered(tenant_of(ADA)):
        provider = Provider.objects.get()
        assert "a-secret-of-the-client" not in provider.secret
    admin.post(SETTINGS, form_of(openid, secret="", hours="2"))
    with entered(tenant_of(ADA)):
        assert Provider.objects.get().stage == "on", "nothing that leads elsewhere"
    assert come_in(openid, NEW)[1].status_code == 302


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"issuer": "http://127.0.0.1:9/"}, "sso_unreachable"),
        ({"issuer": "nonsense"}, "address_refused"),
        ({"hours": "0"}, "invalid"),
        ({"hours": "ten"}, "invalid"),
        ({"role": "owner"}, "invalid"),
        ({"name": ""}, "invalid"),
        ({"client_id": ""}, "invalid"),
        ({"kind": "magic"}, "invalid"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    openid: OpenId, change: dict[str, str], code: str
) -> None:
    page = browser_of(ADA).post(SETTINGS, form_of(openid, **change))
    assert (page.status_code, code_on(page)) == (422, code)


def test_a_provider_is_asked_on_the_public_internet_alone(
    openid: OpenId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OUTBOUND_PRIVATE", False)
    form = form_of(openid, issuer="https://127.0.0.1/o")
    assert code_on(browser_of(ADA).post(SETTINGS, form)) == "address_refused"


def test_a_wrong_secret_says_so(openid: OpenId) -> None:
    admin = with_openid(openid)
    admin.post(SETTINGS, form_of(openid, secret="another one"))
    assert code_on(come_in(openid, NEW)[1]) == "sso_client"


def test_keys_that_change_are_read_anew_and_old_ones_are_not_believed_for_ever(
    openid: OpenId,
) -> None:
    admin = with_openid(openid)
    openid.rotate()
    assert come_in(openid, NEW)[1].status_code == 302
    openid.rotate()
    assert code_on(come_in(openid, NEW)[1]) == "sso_key", "read at most once a minute"
    assert admin.post(f"{SETTINGS}refresh/").status_code == 302
    assert come_in(openid, NEW)[1].status_code == 302

    def known_since(days: float) -> Any:
        with entered(tenant_of(ADA)):
            provider = Provider.objects.get()
            away = {k: v.replace(openid.url, "http://127.0.0.1:9") if isinstance(v, str) else v
                    for k, v in provider.metadata.items()}  # fmt: skip
            Provider.objects.update(
                issuer="http://127.0.0.1:9/o", metadata=away,
                read_at=timezone.now() - timedelta(days=days),
            )  # fmt: skip
        return stranger(ADA.host).get("/sign-in/sso/")

    assert known_since(2).status_code == 302, "the provider is away, and believed as it was"
    old = known_since(8)
    assert (old.status_code, code_on(old)) == (503, "sso_unreachable")
    assert "Okta does not answer" in old.content.decode()


def test_a_provider_that_is_away_says_so_and_lets_nobody_in(openid: OpenId) -> None:
    with_openid(openid)
    client = stranger(ADA.host)
    back = path_of(openid.asked(client.get("/sign-in/sso/")["Location"], NEW))
    with entered(tenant_of(ADA)):
        provider = Provider.objects.get()
        away = provider.metadata | {"token_endpoint": "http://127.0.0.1:9/token"}
        Provider.objects.update(metadata=away, state="required")
    page = client.get(back)
    assert (page.status_code, code_on(page)) == (503, "sso_unreachable")
    assert "/sign-in/?password=1" in page.content.decode()
    denied = stranger(ADA.host)
    state = denied.get("/sign-in/sso/")["Location"].partition("state=")[2].partition("&")[0]
    page = denied.get(f"/sign-in/sso/oidc/?error=access_denied&state={state}")
    assert code_on(page) == "sso_denied"


def test_who_may_not_come_in_is_told_why(openid: OpenId) -> None:
    with_openid(openid, joins="")
    assert come_in(openid, NEW)[1].status_code == 302  # a checkbox that is sent is on
    form = form_of(openid)
    del form["joins"]
    admin = browser_of(ADA)
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
    by_password, other = browser_of(BOB), come_in(openid, NEW)[0]
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


def test_who_joined_by_the_provider_sets_a_password_when_it_is_gone(openid: OpenId) -> None:
    from config.celery import app

    admin = with_openid(openid)
    come_in(openid, NEW)
    assert admin.post(f"{SETTINGS}remove/").status_code == 302
    app.conf.task_always_eager = True
    try:
        with entered(tenant_of(ADA)):
            from tenants.accounts.tasks import password_mail

            password_mail.task(str(tenant_of(ADA).id), NEW, ADA.host)
    finally:
        app.conf.task_always_eager = False
    assert [each.to for each in mail.outbox] == [[NEW]]


def test_a_provider_may_tell_the_address_apart_from_the_token(openid: OpenId) -> None:
    with_openid(openid)
    openid.plant(claims={"email": None})
    assert come_in(openid, NEW)[1].status_code == 302, json.dumps(audited("sso.refuse"))
