"""Single sign-on by OpenID Connect, against django-oauth-toolkit in a process of its own."""

import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from joserfc import jwk

from tenants.accounts.models import AuditEvent, User
from tenants.context import entered
from tenants.signin.models import Provider
from tests.support.cast import ADA, CHARLIE, Person
from tests.support.clients import signed_in, stranger, tenant_of
from tests.support.openid import OpenId, key_make
from tests.support.sso import (
    SETTINGS,
    code_on,
    come_in,
    form_of,
    path_of,
    proved,
    there_and_back,
    with_openid,
)

pytestmark = pytest.mark.django_db
NEW = "nora@acme.example"


def audited(action: str, person: Person = ADA) -> list[dict[str, Any]]:
    with entered(tenant_of(person)):
        return [row.data for row in AuditEvent.objects.filter(action=action).order_by("id")]


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


WHAT_TO_DO = {
    "sso_issuer": "An admin compares the issuer",
    "sso_audience": "Compare the client id",
    "sso_expired": "Start signing in again",
    "sso_clock": "Have its clock set",
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_token_that_is_not_right_is_refused_and_says_why(openid: OpenId, code: str) -> None:
    admin = with_openid(openid)
    openid.plant(**FAULTS[code])
    client, answer = come_in(openid, NEW)
    assert (answer.status_code, code_on(answer)) == (403, code)
    assert WHAT_TO_DO.get(code, "") in answer.content.decode()
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
    page = signed_in(ADA).post(SETTINGS, form_of(openid, **change))
    assert (page.status_code, code_on(page)) == (422, code)


def test_an_issuer_of_another_place_says_what_to_compare(openid: OpenId) -> None:
    page = signed_in(ADA).post(SETTINGS, form_of(openid, issuer=openid.url)).content.decode()
    assert "answered 404" in page and "An admin compares the address" in page


def test_a_provider_is_asked_on_the_public_internet_alone(
    openid: OpenId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OUTBOUND_PRIVATE", False)
    form = form_of(openid, issuer="https://127.0.0.1/o")
    assert code_on(signed_in(ADA).post(SETTINGS, form)) == "address_refused"


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
    refused = come_in(openid, NEW)[1]
    assert code_on(refused) == "sso_key", "read at most once a minute"
    assert "an admin compares the issuer" in refused.content.decode()
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


def test_a_provider_may_tell_the_address_apart_from_the_token(openid: OpenId) -> None:
    with_openid(openid)
    openid.plant(claims={"email": None})
    assert come_in(openid, NEW)[1].status_code == 302, json.dumps(audited("sso.refuse"))
