"""The second factor: no session before it, each code once, asked for by policy, lost and reset."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from tenants.accounts.models import AuditEvent
from tenants.context import entered
from tenants.signin.models import Factor, OpenSession, RecoveryCode
from tenants.signin.totp import totp_code
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, PASSWORD, Person
from tests.support.clients import api, signed_in, stranger, tenant_of, user_of

pytestmark = pytest.mark.django_db
CODES = re.compile(r"\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b")


def now_code(secret: str, steps: int = 0) -> str:
    return totp_code(secret, int(time.time()) // 30 + steps)


def secret_on(page: Any) -> str:
    found = re.search(r'<code id="app-secret">([A-Z2-7 ]+)</code>', page.content.decode())
    assert found, page.content.decode()
    return found[1].replace(" ", "")


def with_app(person: Person) -> tuple[str, list[str], Client]:
    """Add an authenticator app by the page; return its secret, the recovery codes, the browser."""
    browser = signed_in(person)
    secret = secret_on(browser.get("/settings/security/add/"))
    page = browser.post("/settings/security/add/", {"code": now_code(secret)})
    assert page.status_code == 200, page.content
    codes = CODES.findall(page.content.decode())
    assert len(codes) == 10
    return secret, codes, browser


def test_codes_whose_answer_was_lost_are_shown_again_and_not_made_anew() -> None:
    browser, add, anew = signed_in(ADA), "/settings/security/add/", "/settings/security/codes/"
    page = browser.get(add)
    sent = {"once": once_on(page), "code": now_code(secret_on(page))}
    shown = [CODES.findall(browser.post(add, sent).content.decode()) for _ in range(2)]
    assert shown[0] == shown[1] and len(shown[0]) == 10
    page = browser.get("/settings/security/").content.decode()
    sent = {"once": once_on(page.partition(f'action="{anew}"')[2])}
    again = [CODES.findall(browser.post(anew, sent).content.decode()) for _ in range(2)]
    assert again[0] == again[1] and len(again[0]) == 10
    assert not set(again[0]) & set(shown[0])


def once_on(page: Any) -> str:
    text = page if isinstance(page, str) else page.content.decode()
    return text.partition('name="once" value="')[2].partition('"')[0]


def keep(client: Client, person: Person, name: str, value: Any) -> None:
    """Put a value into the client's session."""
    with entered(tenant_of(person)):
        session = client.session
        session[name] = value
        session.save()


def half_in(person: Person, next_to: str = "/documents/") -> Client:
    """Show the right password; the second step is what is next."""
    client = stranger(person.host)
    answer = client.post(
        "/sign-in/", {"email": person.email, "password": PASSWORD, "next": next_to}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/second/")
    return client


def test_codes_are_those_of_the_rfc() -> None:
    # RFC 6238, appendix B, SHA-1, the last six digits.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert totp_code(secret, seconds // 30) == code


def test_the_password_alone_opens_nothing_and_the_code_opens_all() -> None:
    secret, _, _ = with_app(ADA)
    client = half_in(ADA)
    assert client.get("/documents/").status_code == 302
    assert client.get("/api/v1/documents/").status_code == 401
    for wrong in ("000000", "١٢٣٤٥٦", "²"):
        assert client.post("/sign-in/second/", {"code": wrong}).status_code == 422, wrong
    adding = signed_in(BOB)
    adding.get("/settings/security/add/")
    assert adding.post("/settings/security/add/", {"code": "²"}).status_code == 422
    answer = client.post("/sign-in/second/", {"code": now_code(secret, 1)})
    assert (answer.status_code, answer["Location"]) == (302, "/documents/")
    assert client.get("/documents/").status_code == 200
    with entered(tenant_of(ADA)):
        started = AuditEvent.objects.filter(action="session.start").first()
        assert started is not None and started.data == {"how": "app"}


def test_a_code_works_once_and_so_does_a_recovery_code() -> None:
    secret, codes, _ = with_app(ADA)
    code = now_code(secret, 1)
    assert half_in(ADA).post("/sign-in/second/", {"code": code}).status_code == 302
    assert half_in(ADA).post("/sign-in/second/", {"code": code}).status_code == 422
    typed = codes[0].upper().replace("-", " ")
    assert half_in(ADA).post("/sign-in/second/", {"code": typed}).status_code == 302
    for wrong, told in (
        (codes[0], "recovery code has been used already"),
        ("aaaa-bbbb-cccc-dddd", "none of your recovery codes"),
        (code, "check the device"),
        ("12345", "check the device"),
    ):
        refused = half_in(ADA).post("/sign-in/second/", {"code": wrong})
        assert refused.status_code == 422 and told in refused.content.decode(), wrong


def test_guessing_ends_wherever_it_comes_from() -> None:
    secret, _, _ = with_app(ADA)
    for guess in range(10):
        client = half_in(ADA)
        client.defaults["REMOTE_ADDR"] = f"198.51.100.{guess}"
        assert client.post("/sign-in/second/", {"code": "000000"}).status_code == 422
    answer = half_in(ADA).post("/sign-in/second/", {"code": now_code(secret, 1)})
    assert answer.status_code == 429


def test_the_second_step_is_of_this_workspace_this_user_and_a_short_time(settings: Any) -> None:
    secret, _, _ = with_app(ADA)
    assert stranger(ADA.host).get("/sign-in/second/").status_code == 302
    client = half_in(ADA)
    elsewhere = stranger(CHARLIE.host)
    elsewhere.cookies.load(client.cookies.output(header="", sep=";"))
    assert elsewhere.get("/sign-in/second/").status_code == 302
    with entered(tenant_of(ADA)):
        half = client.session["sign_in"]
    keep(client, ADA, "sign_in", {**half, "at": time.time() - 601})
    late = client.post("/sign-in/second/", {"code": now_code(secret, 1)})
    assert (late.status_code, late["Location"]) == (302, "/sign-in/")
    out = half_in(ADA, "https://evil.example/")
    assert out.post("/sign-in/second/", {"code": now_code(secret, 1)})["Location"] == "/"


def test_the_secret_is_sealed_and_codes_are_hashes() -> None:
    secret, codes, _ = with_app(ADA)
    with entered(tenant_of(ADA)):
        assert secret not in Factor.objects.get().secret
        kept = [bytes(row.digest) for row in RecoveryCode.objects.all()]
    assert not any(code.encode() in digest for code in codes for digest in kept)


def test_factors_are_changed_only_soon_after_the_password() -> None:
    _, _, browser = with_app(ADA)
    keep(browser, ADA, "proved_at", (timezone.now() - timedelta(minutes=16)).isoformat())
    with entered(tenant_of(ADA)):
        factor = Factor.objects.get()
    remove = f"/settings/security/factors/{factor.id}/remove/"
    for answer in (
        browser.post(remove), browser.get("/settings/security/add/"),
        browser.post("/settings/security/codes/"),
    ):  # fmt: skip
        assert answer["Location"] == "/settings/security/confirm/"
    wrong = browser.post("/settings/security/confirm/", {"password": "wrong"})
    assert wrong.status_code == 422
    browser.post("/settings/security/confirm/", {"password": PASSWORD})
    assert browser.post(remove)["Location"] == "/settings/security/"
    assert signed_in(ADA).get("/documents/").status_code == 200
    with entered(tenant_of(ADA)):
        assert not RecoveryCode.objects.exists()


def test_a_policy_has_everyone_set_a_factor_up_before_the_first_session() -> None:
    admin, bob = signed_in(ADA), signed_in(BOB)
    policy = {"second": "everyone"}
    locked_out = admin.post("/settings/security/policy/", policy)
    assert locked_out.status_code == 422 and b"factor of your own first" in locked_out.content
    _, _, admin = with_app(ADA)
    assert admin.post("/settings/security/policy/", policy).status_code == 302
    assert admin.get("/documents/").status_code == 200
    assert bob.get("/documents/").status_code == 302, "who must and has none is signed out"
    client = stranger(BOB.host)
    answer = client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD})
    assert answer["Location"] == "/sign-in/set-up/"
    assert client.get("/documents/").status_code == 302
    secret = secret_on(client.get("/sign-in/set-up/"))
    assert client.post("/sign-in/set-up/", {"code": "123"}).status_code == 422
    done = client.post("/sign-in/set-up/", {"code": now_code(secret)})
    assert len(CODES.findall(done.content.decode())) == 10
    assert client.get("/documents/").status_code == 200
    with entered(tenant_of(BOB)):
        factor = Factor.objects.get(user__email=BOB.email)
    kept = client.post(f"/settings/security/factors/{factor.id}/remove/")
    assert kept.status_code == 409
    assert api(BOB).get("/api/v1/documents/").status_code == 200
    admin.post("/settings/security/policy/", {"second": "optional"})
    assert client.post(f"/settings/security/factors/{factor.id}/remove/").status_code == 302


def test_admins_alone_may_be_asked() -> None:
    _, _, admin = with_app(ADA)
    viewer, owner = signed_in(BOB), signed_in(ALICE)
    admin.post("/settings/security/policy/", {"second": "admins"})
    assert viewer.get("/documents/").status_code == 200, "what nobody asks of them ends nothing"
    assert owner.get("/documents/").status_code == 302
    assert signed_in(BOB).get("/documents/").status_code == 200
    assert signed_in(ALICE).get("/documents/").status_code == 302


def test_an_admin_resets_what_a_member_lost_and_nobody_their_own() -> None:
    _, _, member = with_app(BOB)
    _, _, owner = with_app(ALICE)
    admin = signed_in(ADA)

    def reset(who: Person) -> int:
        path = f"/settings/security/members/{user_of(who).id}/reset/"
        return int(admin.post(path).status_code)

    assert (reset(ADA), reset(ALICE), reset(BOB)) == (400, 403, 302)
    assert (
        member.get("/documents/").status_code == 302 and owner.get("/documents/").status_code == 200
    )
    assert signed_in(BOB).get("/documents/").status_code == 200


def test_sessions_are_listed_and_ended_one_by_one_and_together() -> None:
    agents = {
        "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/143.0": "Firefox on Linux",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1":
            "Safari on iPhone",
    }  # fmt: skip
    here = signed_in(BOB)
    others = []
    for agent in agents:
        client = Client(headers={"Host": BOB.host, "User-Agent": agent}, REMOTE_ADDR="203.0.113.7")
        client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD})
        others.append(client)
    page = here.get("/settings/security/").content.decode()
    assert all(told in page for told in agents.values()) and "203.0.113.7" in page
    with entered(tenant_of(BOB)):
        phone = OpenSession.objects.get(device="Safari on iPhone")
        adas = signed_in(ADA) and OpenSession.objects.get(user=user_of(ADA))
    assert here.post(f"/settings/security/sessions/{adas.id}/end/").status_code == 404
    assert here.post(f"/settings/security/sessions/{phone.id}/end/").status_code == 302
    assert others[1].get("/documents/").status_code == 302
    assert others[0].get("/documents/").status_code == 200
    here.post("/settings/security/sessions/end/")
    assert others[0].get("/documents/").status_code == 302
    assert here.get("/documents/").status_code == 200


def test_a_session_that_is_used_is_seen_at_most_once_a_minute() -> None:
    browser = signed_in(BOB)
    key = browser.cookies[settings.SESSION_COOKIE_NAME].value
    with entered(tenant_of(BOB)):
        before = OpenSession.objects.get(session_key=key).seen_at
    browser.get("/settings/security/")
    with entered(tenant_of(BOB)):
        assert OpenSession.objects.get(session_key=key).seen_at == before
    keep(browser, BOB, "seen_at", (timezone.now() - timedelta(seconds=61)).isoformat())
    browser.get("/settings/security/", REMOTE_ADDR="203.0.113.9")
    with entered(tenant_of(BOB)):
        row = OpenSession.objects.get(session_key=key)
        assert row.seen_at > before and row.address == "203.0.113.9"
