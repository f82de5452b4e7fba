"""Members: invited by a link that works once, changed by admins, never locked out from inside."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from tenants.accounts.models import AuditEvent, Invitation, Role, User
from tenants.accounts.services import user_create
from tenants.context import entered
from tenants.webhooks.models import Delivery, Endpoint
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, Person
from tests.support.clients import api, browser_of, code_of, stranger, tenant_of, user_of

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "a long and quiet afternoon"


@pytest.fixture(autouse=True)
def _mails_at_once() -> Iterator[None]:
    """Run what is dispatched in this process: the mail is what the test is about."""
    from config.celery import app

    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def invited(lines: str, role: str = "member", **more: Any) -> Any:
    return browser_of(ALICE).post("/settings/members/", {"lines": lines, "role": role, **more})


def link() -> str:
    """Return the path in the last mail."""
    return link_in(mail.outbox[-1])


def link_in(message: Any) -> str:
    found = re.search(r"http://acme\.localhost[^/]*(/invitation/\S+/)", str(message.body))
    assert found, message.body
    return found[1]


def members() -> dict[str, tuple[str, bool]]:
    with entered(tenant_of(ALICE)):
        rows = User.objects.values_list("email", "role", "is_active")
        return {email: (role, active) for email, role, active in rows}


def test_an_invitation_is_good_once_here_and_for_seven_days() -> None:
    assert (
        "mia@example.com</strong>: invited as viewer"
        in invited("mia@example.com,viewer").content.decode()
    )
    assert mail.outbox[-1].to == ["mia@example.com"]
    path = link()
    assert stranger(CHARLIE.host).get(path).status_code == 404
    with entered(tenant_of(ALICE)):
        Invitation.objects.update(expires_at=timezone.now())
    assert stranger(ALICE.host).get(path).status_code == 404
    invited("Mia@Example.com", "viewer")
    assert stranger(ALICE.host).get(path).status_code == 404, "the newer one alone works"
    newcomer = stranger(ALICE.host)
    page = newcomer.get(link())
    # No other site sees the token; under `no-referrer` a browser's form would come from `null`.
    assert page["Referrer-Policy"] == "same-origin" and b"mia@example.com" in page.content
    weak = newcomer.post(link(), {"name": "Mia", "password": "12345678"})
    assert weak.status_code == 422
    for unseen in ("\u200b\u2060", "\u0958" * 120):
        nameless = newcomer.post(link(), {"name": unseen, "password": PASSWORD})
        assert nameless.status_code == 422, unseen
    joined = newcomer.post(link(), {"name": "Mia", "password": PASSWORD})
    assert (joined.status_code, joined["Location"]) == (302, "/")
    assert newcomer.get("/settings/members/").status_code == 200
    assert members()["mia@example.com"] == ("viewer", True)
    assert stranger(ALICE.host).post(link(), {"name": "x", "password": PASSWORD}).status_code == 404
    with entered(tenant_of(ALICE)):
        deeds = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"invitation.create", "invitation.accept"} <= deeds


def test_a_file_of_people_says_of_each_line_what_became_of_it() -> None:
    file = SimpleUploadedFile(
        "people.csv",
        f"email,role\nada.new@example.com,admin\nnobody,viewer,Field; Lab\n{BOB.email},viewer\n"
        "x@example.com,king\n".encode(),
    )
    page = invited("", file=file).content.decode()
    assert "ada.new@example.com</strong>: invited as admin" in page
    assert "nobody is not an email address" in page
    assert "belongs to this workspace already" in page
    assert "A role is one of viewer, member, admin, owner" in page
    # What was refused is mended where it stands, with its role and groups.
    assert f"nobody,viewer,Field; Lab\n{BOB.email},viewer\nx@example.com,king</textarea>" in page
    assert len(mail.outbox) == 1
    many = "\n".join(f"p{n}@example.com" for n in range(201))
    refused = invited(many)
    assert refused.status_code == 422 and "At most 200 people" in refused.content.decode()
    assert "p200@example.com" in refused.content.decode(), "what was typed is kept"
    assert len(mail.outbox) == 1


def test_a_list_that_is_no_list_is_told_so_and_kept() -> None:
    mac = invited("mac@example.com,viewer\rold@example.com,viewer").content.decode()
    assert "mac@example.com</strong>: invited as viewer" in mac
    assert "old@example.com</strong>: invited as viewer" in mac
    endless = invited("x" * 140_000)
    assert endless.status_code == 422
    assert "one address a line" in endless.content.decode()
    assert "x" * 140_000 in endless.content.decode(), "what was typed is kept"
    long = f"{'x' * 64}@{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.example"
    page = invited(f"{long}\nafter@example.com").content.decode()
    assert "an address has at most 254 characters" in page
    assert "after@example.com</strong>: invited as member" in page


def test_a_workspace_invites_no_more_than_its_day_allows() -> None:
    with entered(tenant_of(ALICE)):
        Invitation.objects.bulk_create(
            Invitation(
                email=f"p{n}@example.com", role="viewer", invited_by=user_of(ALICE).id,
                expires_at=timezone.now(), revoked_at=timezone.now(),
            )
            for n in range(499)
        )  # fmt: skip
    page = invited("last@example.com\nmore@example.com").content.decode()
    assert "last@example.com</strong>: invited as member" in page
    assert "at most 500 people in 24 hours" in page and "more@example.com</textarea>" in page
    assert [one.to for one in mail.outbox] == [["last@example.com"]]
    refused = api(ALICE).post(
        "/api/v1/invitations/", {"email": "mia@example.com"}, content_type="application/json"
    )
    assert refused.status_code == 429 and code_of(refused) == "rate_limited"
    assert refused["Retry-After"] == "3600"


def test_a_revoked_invitation_leads_nowhere() -> None:
    answer = api(ALICE).post(
        "/api/v1/invitations/", {"email": "mia@example.com"}, content_type="application/json"
    )
    assert answer.status_code == 201 and answer.json()["role"] == "member"
    waiting = api(ALICE).get("/api/v1/invitations/").json()["results"]
    assert [row["email"] for row in waiting] == ["mia@example.com"]
    gone = f"/api/v1/invitations/{waiting[0]['id']}/"
    assert api(ALICE).delete(gone).status_code == 204
    assert api(ALICE).delete(gone).status_code == 404
    assert stranger(ALICE.host).get(link()).status_code == 404


def test_who_has_come_in_by_another_way_meanwhile_is_made_no_second_time() -> None:
    invited("mia@example.com")
    with entered(tenant_of(ALICE)):
        user_create(email="mia@example.com", password=PASSWORD, name="Mia", role=Role.VIEWER)
    answer = stranger(ALICE.host).post(link(), {"name": "Other", "password": PASSWORD})
    assert answer.status_code == 404
    assert members()["mia@example.com"] == ("viewer", True)


def aside(ask: Callable[[], Any]) -> Any:
    """Ask in another thread: beside a browser, the main one has a running loop."""

    def asked() -> Any:
        try:
            return ask()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asked).result()


def patched(who: Person, whom: str, **change: Any) -> Any:
    return aside(
        lambda: api(who).patch(f"/api/v1/members/{whom}/", change, content_type="application/json")
    )


def test_roles_are_changed_by_those_above_and_never_by_oneself() -> None:
    bob = str(user_of(BOB).id)
    assert patched(ALICE, bob, role="admin").json()["role"] == "admin"
    assert code_of(patched(BOB, str(user_of(ALICE).id), role="viewer")) == "forbidden"
    assert code_of(patched(BOB, bob, role="viewer")) == "invalid"
    with entered(tenant_of(ALICE)):
        other = User.objects.exclude(email__in=[ALICE.email, BOB.email]).first()
        assert other is not None
    assert code_of(patched(BOB, str(other.id), role="owner")) == "forbidden"
    asked = {"email": "mia@example.com", "role": "owner"}
    invites = api(BOB).post("/api/v1/invitations/", asked, content_type="application/json")
    assert code_of(invites) == "forbidden"
    assert patched(ALICE, str(user_of(CHARLIE).id), role="viewer").status_code == 404
    assert patched(ALICE, str(uuid4()), role="viewer").status_code == 404
    assert patched(ALICE, bob).status_code == 400


def test_people_say_what_they_are_called_and_nobody_says_it_for_them() -> None:
    for given, kept in (("  Bob \u202e Ortiz ", "Bob Ortiz"), ("", "")):
        answer = browser_of(BOB).post("/settings/security/name/", {"name": given})
        assert answer.status_code == 302
        assert user_of(BOB).name == kept
        with entered(tenant_of(BOB)):
            assert AuditEvent.objects.latest("id").action == "user.name"
        shown = browser_of(ALICE).get("/settings/members/").content.decode()
        assert ("Bob Ortiz" in shown) == bool(kept)
    refused = browser_of(BOB).post("/settings/security/name/", {"name": "x" * 121})
    assert refused.status_code == 422 and "at most 120 characters" in refused.content.decode()
    assert "x" * 121 in refused.content.decode() and user_of(BOB).name == ""


def test_who_is_deactivated_is_out_at_once_with_keys_and_sessions() -> None:
    session, unused, key = browser_of(BOB), browser_of(BOB), api(BOB)
    bob = str(user_of(BOB).id)
    assert patched(ALICE, bob, active=False).json()["active"] is False
    assert session.get("/documents/").status_code == 302
    assert key.get("/api/v1/documents/").status_code == 401
    assert patched(ALICE, bob, active=True).json()["active"] is True
    assert key.get("/api/v1/documents/").status_code == 200
    assert unused.get("/documents/").status_code == 302, "sessions are not brought back"


def test_the_workspace_always_keeps_an_active_owner() -> None:
    alice, bob = str(user_of(ALICE).id), str(user_of(BOB).id)
    patched(ALICE, bob, role="owner")
    assert patched(BOB, alice, role="admin").json()["role"] == "admin"
    assert code_of(patched(BOB, bob, role="admin")) == "invalid"
    transfer = {"transfer": "yes"}
    with entered(tenant_of(ALICE)):
        Endpoint.objects.create(url="https://127.0.0.1/", secret="x", events=["member.changed"])
    page = aside(lambda: browser_of(BOB).post(f"/settings/members/{alice}/", transfer))
    assert page.status_code == 302
    held = members()
    assert held[ALICE.email][0] == Role.OWNER and held[BOB.email][0] == Role.ADMIN
    with entered(tenant_of(ALICE)):
        told = [json.loads(each.body)["data"] for each in Delivery.objects.order_by("created_at")]
    assert {(each["id"], each["was"], each["role"]) for each in told} == {
        (alice, "admin", "owner"), (bob, "owner", "admin")
    }  # fmt: skip
    refused = browser_of(BOB).post(f"/settings/members/{alice}/", {"active": "no"})
    assert refused.status_code == 403
    refused = browser_of(BOB).post(f"/settings/members/{user_of(ADA).id}/", transfer)
    assert refused.status_code == 403
    assert members() == held


def test_who_is_put_out_comes_in_by_no_invitation_of_theirs() -> None:
    invite, ada = "/api/v1/invitations/", str(user_of(ADA).id)
    for who, address, role in (
        (ADA, "second@ada.example", "admin"), (ADA, "third@ada.example", "viewer"),
        (ALICE, "mia@example.com", "member"),
    ):  # fmt: skip
        body = {"email": address, "role": role}
        assert api(who).post(invite, body, content_type="application/json").status_code == 201
    paths = dict(zip(("second", "third", "mia"), map(link_in, mail.outbox[-3:]), strict=True))
    assert patched(ALICE, ada, active=False).json()["active"] is False
    patched(ALICE, ada, active=True)
    said = {name: stranger(ALICE.host).get(path).status_code for name, path in paths.items()}
    assert said == {"second": 404, "third": 404, "mia": 200}
    # Who was an owner keeps what an admin may send, and loses what an owner alone may.
    patched(ALICE, ada, role="owner")
    for address, role in (("fourth@ada.example", "owner"), ("fifth@ada.example", "admin")):
        api(ADA).post(invite, {"email": address, "role": role}, content_type="application/json")
    owner, admin = map(link_in, mail.outbox[-2:])
    patched(ALICE, ada, role="admin")
    assert stranger(ALICE.host).get(owner).status_code == 404
    assert stranger(ALICE.host).get(admin).status_code == 200
    patched(ALICE, ada, role="member")
    assert stranger(ALICE.host).get(admin).status_code == 404
    with entered(tenant_of(ALICE)):
        taken = AuditEvent.objects.filter(action="invitation.revoke", data__of=ada)
        assert taken.count() == 4
