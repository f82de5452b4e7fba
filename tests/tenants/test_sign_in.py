"""Sessions, keys and reset tokens belong to one tenant."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from tenants.accounts.models import AuditEvent, User
from tenants.accounts.services import user_disable
from tenants.accounts.tasks import password_mail
from tenants.context import SYSTEM, entered
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, PASSWORD
from tests.support.clients import api, code_of, signed_in, stranger, tenant_of, user_of

pytestmark = pytest.mark.django_db


def test_the_right_password_opens_the_workspace() -> None:
    client = signed_in(ALICE)
    assert client.get("/settings/members/").status_code == 200


def test_a_wrong_password_says_nothing_about_the_address() -> None:
    client = stranger(ALICE.host)
    known = client.post("/sign-in/", {"email": ALICE.email, "password": "not the password"})
    unknown = client.post("/sign-in/", {"email": "no@one.example", "password": "not the password"})
    assert known.status_code == unknown.status_code == 422
    assert re.search(rb'id="id_password"[^>]* autofocus', known.content)  # the address stays
    varying = re.compile(rb'csrf[^>]*value="[^"]+"|value="[^"]*@[^"]*"|content="[^"]+"')
    assert varying.sub(b"", known.content) == varying.sub(b"", unknown.content)


def test_too_many_attempts_are_slowed_down() -> None:
    client = stranger(ALICE.host)
    form = {"email": BOB.email, "password": "not the password"}
    answers = [client.post("/sign-in/", form) for _ in range(11)]
    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) > 0
    assert "Wait 5 minutes, then try again." in answers[-1].content.decode()


def test_a_form_that_is_out_of_date_is_told_so_and_no_role_is_blamed() -> None:
    client = Client(enforce_csrf_checks=True, headers={"Host": ALICE.host})
    page = client.post("/sign-in/", {"email": ALICE.email, "password": PASSWORD})
    told = page.content.decode()
    assert page.status_code == 403 and "This form is out of date" in told
    assert "reload the page" in told and "Your role" not in told


def test_who_is_signed_in_by_another_tab_is_led_on_and_another_sites_form_is_refused() -> None:
    client = Client(enforce_csrf_checks=True, headers={"Host": ALICE.host})
    client.cookies = signed_in(ALICE).cookies
    form = {"email": ALICE.email, "password": PASSWORD}
    assert client.post("/sign-in/", form).status_code == 302
    for origin in (f"https://{ALICE.host}", "https://evil.example", "null"):
        assert client.post("/sign-in/", form, headers={"Origin": origin}).status_code == 403


def test_who_is_signed_in_is_led_on_and_shown_no_form() -> None:
    client = signed_in(ALICE)
    for asked, target in (
        ("", "/"), ("?next=/documents/", "/documents/"), ("?next=https://evil.example/", "/"),
    ):  # fmt: skip
        answer = client.get(f"/sign-in/{asked}")
        assert (answer.status_code, answer["Location"]) == (302, target)
    client.post("/sign-out/")
    assert b"id_password" in client.get("/sign-in/").content


def test_a_user_of_another_workspace_cannot_sign_in_here() -> None:
    answer = stranger(ALICE.host).post("/sign-in/", {"email": CHARLIE.email, "password": PASSWORD})
    assert answer.status_code == 422


def test_a_session_cookie_is_worth_nothing_on_another_host() -> None:
    client = signed_in(CHARLIE)
    other = Client(headers={"Host": ALICE.host})
    other.cookies = client.cookies
    assert other.get("/settings/members/").status_code == 302


def test_a_session_row_copied_into_another_schema_is_refused() -> None:
    client = signed_in(CHARLIE)
    key = client.cookies["session"].value
    from django.contrib.sessions.models import Session

    with entered(tenant_of(CHARLIE)):
        row = Session.objects.get(session_key=key)
    with entered(tenant_of(ALICE)):
        # Even a user with the same id and password hash would not help.
        stolen = User.objects.create(
            id=user_of(CHARLIE).id, email=CHARLIE.email, password=user_of(CHARLIE).password
        )
        Session.objects.create(
            session_key=key, session_data=row.session_data, expire_date=row.expire_date
        )
    other = Client(headers={"Host": ALICE.host})
    other.cookies = client.cookies
    assert stolen.is_active
    assert other.get("/settings/members/").status_code == 302


def test_an_api_key_of_another_workspace_is_refused() -> None:
    answer = api(CHARLIE, host=ALICE.host).get("/api/v1/usage/")
    assert answer.status_code == 401
    assert code_of(answer) == "not_authenticated"


def test_a_disabled_user_is_out_at_once() -> None:
    client = signed_in(ADA)
    user = user_of(ADA)
    with entered(tenant_of(ADA)):
        user_disable(actor=SYSTEM, user=user)
    assert client.get("/settings/members/").status_code == 302
    assert api(ADA).get("/api/v1/usage/").status_code == 401


def test_signing_out_ends_the_session() -> None:
    client = signed_in(ALICE)
    cookie = client.cookies["session"].value
    client.post("/sign-out/")
    again = Client(headers={"Host": ALICE.host})
    again.cookies["session"] = cookie
    assert again.get("/settings/members/").status_code == 302


def test_signing_in_and_out_is_audited() -> None:
    client = signed_in(ALICE)
    client.post("/sign-out/")
    with entered(tenant_of(ALICE)):
        actions = list(
            AuditEvent.objects.filter(actor_id=user_of(ALICE).id).values_list("action", flat=True)
        )
    assert actions[:2] == ["session.end", "session.start"]


def test_a_reset_link_works_once_and_only_in_its_workspace() -> None:
    client = stranger(ALICE.host)
    with entered(tenant_of(ALICE)):
        password_mail(ALICE.email, ALICE.host)
    [message] = mail.outbox
    assert message.subject == "Set a new password for Acme Works"
    assert "in the workspace Acme Works." in message.body
    link = re.search(r"http://acme\.localhost[^/]*(/password-reset/\S+)", message.body)
    assert link is not None
    path = link.group(1)

    elsewhere = stranger(CHARLIE.host).get(path, follow=True)
    assert b"new_password1" not in elsewhere.content

    form = client.get(path, follow=True)
    assert b"new_password1" in form.content
    chosen = {"new_password1": "another long password", "new_password2": "another long password"}
    client.post(form.redirect_chain[-1][0], chosen)
    signed = client.post("/sign-in/", {"email": ALICE.email, "password": "another long password"})
    assert signed.status_code == 302
    assert b"new_password1" not in stranger(ALICE.host).get(path, follow=True).content


def test_asking_for_a_reset_looks_the_same_for_every_address(
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks() as queued:
        answers = [
            stranger(ALICE.host).post("/password-reset/", {"email": email})
            for email in (ALICE.email, "no@one.example")
        ]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, "/password-reset/sent/")
    ] * 2
    assert len(queued) == 2


def test_an_unknown_address_gets_no_mail() -> None:
    with entered(tenant_of(ALICE)):
        password_mail("no@one.example", ALICE.host)
    assert mail.outbox == []


def test_the_port_in_a_reset_mail_is_ours_not_the_requests() -> None:
    with entered(tenant_of(ALICE)):
        password_mail(ALICE.email, ALICE.host)
    [message] = mail.outbox
    assert f"http://{ALICE.host}:{settings.PORT}/password-reset/" in message.body


def test_asking_for_many_resets_is_slowed_down() -> None:
    client = stranger(ALICE.host)
    answers = [client.post("/password-reset/", {"email": BOB.email}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [302] * 5 + [429]


def test_one_password_cannot_be_tried_on_many_addresses() -> None:
    client = stranger(ALICE.host)
    codes = [
        client.post(
            "/sign-in/", {"email": f"user{n}@acme.example", "password": "guess"}
        ).status_code
        for n in range(51)
    ]
    assert codes == [422] * 50 + [429]


def test_guessing_at_the_staff_admin_is_slowed_down() -> None:
    client = Client(headers={"Host": "localhost"})
    form = {"username": "staff@tenantry.example", "password": "guess"}
    codes = [client.post("/admin/login/", form).status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]


def test_signing_in_never_leads_to_another_site() -> None:
    answer = stranger(ALICE.host).post(
        "/sign-in/?next=https://evil.example/", {"email": ALICE.email, "password": PASSWORD}
    )
    assert answer["Location"] == "/"


def test_who_presses_a_button_after_the_session_ended_comes_back_to_its_page() -> None:
    page, own = f"http://{ALICE.host}/documents/?sort=name", f"http://{ALICE.host}/collections/"
    pressed = stranger(ALICE.host).post(
        "/documents/bulk/", {"action": "tag"}, headers={"Referer": page}
    )
    assert pressed["Location"] == "/sign-in/?next=http%3A//acme.localhost/documents/%3Fsort%3Dname"
    pressed = stranger(ALICE.host).post("/collections/", {"name": "a"}, headers={"Referer": own})
    assert pressed["Location"] == "/sign-in/?next=http%3A//acme.localhost/collections/"
    for elsewhere in ({"Referer": "https://evil.example/"}, {}):
        pressed = stranger(ALICE.host).post("/collections/", {"name": "a"}, headers=elsewhere)
        assert pressed["Location"] in ("/sign-in/?next=/", "/sign-in/?next=/collections/")
    for part in ({"HX-Request": "true"}, {"Accept": "text/event-stream"}):
        assert stranger(ALICE.host).get("/search/?q=a", headers=part).status_code == 401
