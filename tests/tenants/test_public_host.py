"""Signing up and finding one's workspace, on the public host: what is told, to whom, how often."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.db import DatabaseError, connection, transaction
from django.test import Client

from tenants.accounts.addresses import address_digest, addresses_sync
from tenants.accounts.handover import handover_make
from tenants.accounts.models import User
from tenants.accounts.services import user_create, user_disable
from tenants.accounts.tasks import find_mail
from tenants.context import SYSTEM, entered, public_scope
from tenants.registry import signup
from tenants.registry.models import AddressEntry, Onboarding
from tests.support.cast import ALICE, BOB, CHARLIE
from tests.support.clients import code_of, signed_in, stranger, tenant_of, user_of
from tests.support.services import Worker

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Northwind",
    "slug": "northwind",
    "email": "nora@northwind.example",
    "password": "a long enough password",
    "region": "eu-central-1",
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody makes the workspaces that are asked for here, so nobody waits for them."""
    monkeypatch.setattr(signup, "PATIENCE", 0.0)


def public() -> Client:
    return stranger("localhost")


@pytest.mark.parametrize(
    ("slug", "state"),
    [
        ("northwind", "free"),
        ("acme", "taken"),
        ("ACME", "taken"),
        ("admin", "reserved"),
        ("no", "invalid"),
        ("9lives", "invalid"),
        ("a_b", "invalid"),
        ("a" * 41, "invalid"),
        ("über", "invalid"),
        ("nul\x00", "invalid"),
        ("xn--cme-7cd", "invalid"),  # a browser would show a Cyrillic а: acme's, to the eye
    ],
)
def test_an_address_is_judged_while_it_is_typed(slug: str, state: str) -> None:
    told = public().get("/sign-up/address/", {"slug": slug}).json()
    assert told["state"] == state
    assert told["message"]


def test_looking_addresses_up_is_slowed_down() -> None:
    client = public()
    codes = [client.get("/sign-up/address/", {"slug": "free"}).status_code for _ in range(121)]
    assert codes == [200] * 120 + [429]
    refused = client.get("/sign-up/address/", {"slug": "x"}, headers={"Accept": "*/*"})
    assert code_of(refused) == "rate_limited"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("slug", "acme", "taken"),
        ("slug", "www", "kept for the product"),
        ("password", "q7!", "at least 12"),
        ("password", "northwind-nora@northwind.example", "too similar"),
        ("region", "moon-east-1", "not one of the available"),
        ("email", "nobody", "valid email"),
        ("name", "Prizes at https://evil.example", "plain name"),
        ("name", "", "required"),
        ("name", "\u200b\u2060", "required"),  # nothing that anybody sees
        ("name", "\u0958" * 120, "at most 120 characters"),  # kept as two letters each
    ],
)
def test_bad_input_is_told_and_what_was_typed_is_kept(field: str, value: str, said: str) -> None:
    answer = public().post("/sign-up/", {**FORM, field: value})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page.replace("&#x27;", "'")
    kept = {**FORM, field: value}
    for name in ("name", "slug", "email"):
        assert f'value="{kept[name]}"' in page
    assert kept["password"] not in page.replace(kept["email"], "")
    if field != "region":
        assert '<option value="eu-central-1" selected>' in page
    with public_scope("staff"):
        assert not Onboarding.objects.filter(slug="northwind").exists()


def test_two_who_want_one_address_do_not_both_get_it() -> None:
    first, second = public(), public()
    assert first.post("/sign-up/", FORM)["Location"] == "/sign-up/made/"
    late = second.post("/sign-up/", {**FORM, "email": "other@northwind.example"})
    assert late.status_code == 422
    assert "taken" in late.content.decode()
    waiting = first.get("/sign-up/made/")
    assert waiting["Refresh"] == "1"
    assert second.get("/sign-up/made/")["Location"] == "/sign-up/"
    # The web process may ask for a workspace, and read neither hash nor address of anybody's.
    for column in ("password", "owner_email", "owner_name"):
        with pytest.raises(DatabaseError), transaction.atomic(), public_scope("app_public"):
            connection.cursor().execute(f"SELECT {column} FROM registry_onboarding")
    with pytest.raises(DatabaseError), transaction.atomic(), public_scope("app_public"):
        connection.cursor().execute("UPDATE registry_onboarding SET state = 'ready'")
    # Staff see how far it is, and no password's hash.
    with public_scope("staff"):
        asked = Onboarding.objects.get(slug="northwind")
        assert asked.password.split("$")[0] == "md5" and FORM["password"] not in asked.password


@pytest.mark.django_db(transaction=True)
def test_a_form_whose_answer_was_lost_leads_to_the_workspace_it_asked_for(worker: Worker) -> None:
    page = public().get("/sign-up/").content.decode()
    sent = FORM | {"once": page.partition('name="once" value="')[2].partition('"')[0]}
    for _ in range(2):  # the second time without the cookie, which was lost too
        client = public()
        assert client.post("/sign-up/", sent)["Location"] == "/sign-up/made/"
        assert client.get("/sign-up/made/")["Refresh"] == "1"
    for other in ({"password": "another long password"}, {"once": ""}, {"once": "\x00"}):
        assert public().post("/sign-up/", sent | other).status_code == 422
    with psycopg.connect(worker.served.cluster().url("owner", worker.database)) as owner:
        made = owner.execute(
            "UPDATE registry_onboarding SET ready_at = now() - interval '16 minutes'"
            " WHERE slug = 'northwind'"
        )
    assert made.rowcount == 1
    assert public().post("/sign-up/", sent).status_code == 422, "a history lets nobody in"


def test_signing_up_often_is_slowed_down_and_nothing_typed_is_lost() -> None:
    client = public()
    codes = []
    for number in range(6):
        answer = client.post("/sign-up/", {**FORM, "slug": f"northwind-{number}"})
        codes.append(answer.status_code)
    assert codes == [302] * 5 + [429]
    assert 'value="northwind-5"' in answer.content.decode()


def test_the_way_in_works_once_for_its_workspace_and_for_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acme, alice = tenant_of(ALICE), user_of(ALICE)
    token = handover_make(acme.id, alice.id)
    assert stranger(CHARLIE.host).get(f"/welcome/{token}/")["Location"] == "/sign-in/"
    forged = stranger(ALICE.host)
    assert forged.get(f"/welcome/{token[:-1]}x/")["Location"] == "/sign-in/"
    bob = signed_in(BOB)  # an open session is not replaced
    bob.get(f"/welcome/{token}/")
    assert bob.post("/settings/workspace/setup/").status_code == 403
    client = stranger(ALICE.host)
    assert client.get(f"/welcome/{token}/")["Location"] == "/"
    assert client.get("/settings/members/").status_code == 200
    again = stranger(ALICE.host)
    assert again.get(f"/welcome/{token}/")["Location"] == "/sign-in/"
    assert again.get("/settings/members/").status_code == 302
    import time

    old = handover_make(acme.id, alice.id)
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 61)
    assert stranger(ALICE.host).get(f"/welcome/{old}/")["Location"] == "/sign-in/"


def test_finding_a_workspace_looks_the_same_for_every_address(monkeypatch: Any) -> None:
    sent: list[str] = []
    monkeypatch.setattr(find_mail, "delay", sent.append)
    answers = [public().post("/find/", {"email": each}) for each in (ALICE.email, "no@one.example")]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (302, "/find/sent/")
    }
    assert sent == [ALICE.email, "no@one.example"]
    assert public().get("/find/sent/").status_code == 200
    kept = public().post("/find/", {"email": "nobody"})
    assert kept.status_code == 422 and 'value="nobody"' in kept.content.decode()
    codes = [public().post("/find/", {"email": BOB.email}).status_code for _ in range(6)]
    assert codes == [302] * 5 + [429]


def test_the_mail_names_every_workspace_of_an_address_and_no_other() -> None:
    with entered(tenant_of(CHARLIE)):
        user_create(email=ALICE.email, password="x", name="Alice", role="viewer")
    find_mail(ALICE.email.upper())
    [message] = mail.outbox
    assert re.findall(r"http://(\w+)\.localhost", message.body) == ["acme", "globex"]
    with entered(tenant_of(CHARLIE)):
        user_disable(actor=SYSTEM, user=User.objects.get(email=ALICE.email))
        # A stale entry tells nobody anything: the workspace's own users decide.
        AddressEntry.objects.create(
            tenant_id=tenant_of(CHARLIE).id, digest=address_digest(ALICE.email)
        )
    find_mail(ALICE.email)
    find_mail("no@one.example")
    assert len(mail.outbox) == 2
    assert "globex" not in mail.outbox[1].body
    with entered(tenant_of(CHARLIE)):
        addresses_sync()
        assert AddressEntry.objects.count() == 1  # of globex's own rows, Charlie's
    with public_scope("app_public"):
        digests = {bytes(each) for each in AddressEntry.objects.values_list("digest", flat=True)}
    assert address_digest(CHARLIE.email) in digests
    assert not any(b"acme" in each for each in digests)
