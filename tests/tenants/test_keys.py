"""API keys: scoped, expiring, with an allowance, shown once; and programs that own them."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from billing.models import LedgerEntry
from billing.plans.seats import seats_count
from tenants.accounts.keys import api_key_check, digest_of
from tenants.accounts.models import ApiKey, AuditEvent, User
from tenants.accounts.scopes import SCOPES, scope_needed
from tenants.context import entered
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, stranger, tenant_of, user_of

pytestmark = pytest.mark.django_db(transaction=True)
JSON = "application/json"


def made(person: Person = MAX, **body: Any) -> dict[str, Any]:
    answer = api(person).post("/api/v1/keys/", {"name": "Import", **body}, content_type=JSON)
    assert answer.status_code == 201, answer.content
    return answer.json()  # type: ignore[no-any-return]


def refused(person: Person = MAX, **body: Any) -> Any:
    return api(person).post("/api/v1/keys/", {"name": "Import", **body}, content_type=JSON)


def using(secret: str, host: str = MAX.host) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}", "Host": host})


def test_a_key_is_shown_once_found_by_scanners_and_stored_as_a_hash() -> None:
    key = made()
    assert re.fullmatch(r"tnt_[A-Za-z0-9_-]{43}", key["secret"])
    [listed] = [row for row in api(MAX).get("/api/v1/keys/").json()["results"]
                if row["id"] == key["id"]]  # fmt: skip
    assert "secret" not in listed and key["secret"].startswith(listed["prefix"])
    with entered(tenant_of(MAX)):
        row = ApiKey.objects.get(id=key["id"])
        assert key["secret"].encode() not in bytes(row.digest) and len(row.digest) == 32
    assert using(key["secret"]).get("/api/v1/documents/").status_code == 200
    assert using(key["secret"], CHARLIE.host).get("/api/v1/documents/").status_code == 401
    with entered(tenant_of(MAX)):
        assert ApiKey.objects.get(id=key["id"]).last_used_at is not None


def test_a_key_does_what_its_scopes_name_and_nothing_else() -> None:
    reader = using(made(scopes=["documents:read", "search"])["secret"])
    assert reader.get("/api/v1/documents/").status_code == 200
    found = reader.post("/api/v1/search/", {"query": "hotel"}, content_type=JSON)
    assert found.status_code == 200
    for method, path in (
        ("post", "/api/v1/documents/"), ("post", "/api/v1/ask/"), ("get", "/api/v1/usage/"),
        ("get", "/api/v1/conversations/"), ("get", "/api/v1/members/"), ("get", "/api/v1/keys/"),
    ):  # fmt: skip
        answer = getattr(reader, method)(path)
        assert (answer.status_code, code_of(answer)) == (403, "scope_missing"), path
    assert reader.get("/api/v1/help/").status_code == 200
    writer = using(made(scopes=["documents:write"])["secret"])
    assert writer.get("/api/v1/documents/").status_code == 200, "who may write may read"
    assert using(made()["secret"]).get("/api/v1/usage/").status_code == 200


def test_every_part_of_the_api_belongs_to_a_scope_that_exists() -> None:
    from tests.isolation.entries import patterns

    routes = {route for route, _ in patterns("config.urls_tenant") if route.startswith("api/v1/")}
    assert len(routes) > 40
    for route in routes:
        for method in ("GET", "POST"):
            needed = scope_needed(f"/{route}", method)
            assert needed in SCOPES or route.split("/")[2] in {"help", "schema", "docs"}, route


def test_an_expired_or_revoked_key_is_refused() -> None:
    key = made(expires_at=(timezone.now() + timedelta(hours=1)).isoformat())
    client = using(key["secret"])
    assert client.get("/api/v1/documents/").status_code == 200
    with entered(tenant_of(MAX)):
        ApiKey.objects.filter(id=key["id"]).update(expires_at=timezone.now())
    assert client.get("/api/v1/documents/").status_code == 401
    other = made()
    path = f"/api/v1/keys/{other['id']}/"
    assert api(BOB).delete(path).status_code == 404, "a colleague's key is nobody's"
    assert api(ADA).delete(path).status_code == 404, "an admin's, too"
    assert api(MAX).delete(path).status_code == 204
    assert using(other["secret"]).get("/api/v1/documents/").status_code == 401
    assert api(MAX).delete(path).status_code == 404


def test_what_a_key_may_cost_a_month_stops_it_and_no_other() -> None:
    ready("Travel.md", HANDBOOK)
    question = {"question": "What may a hotel room cost a night?"}
    poor = using(made(allowance_usd="0.01")["secret"])
    with entered(tenant_of(MAX)):
        ApiKey.objects.filter(allowance_usd__isnull=False).update(allowance_usd=Decimal("0"))
    answer = poor.post("/api/v1/ask/", question, content_type=JSON)
    assert (answer.status_code, answer.json()["limit"]) == (402, "key"), answer.content
    assert answer.json()["upgrade_url"] == "/settings/keys/"
    rich = made(allowance_usd="50")
    assert (
        using(rich["secret"]).post("/api/v1/ask/", question, content_type=JSON).status_code == 200
    )
    with entered(tenant_of(MAX)):
        spent = sum(row.usd or 0 for row in LedgerEntry.objects.filter(api_key_id=rich["id"]))
        assert spent > 0
        # The column holds cents; what was spent is far less than one.
        ApiKey.objects.filter(id=rich["id"]).update(allowance_usd=Decimal("0.00"))
    again = using(rich["secret"]).post("/api/v1/ask/", question, content_type=JSON)
    assert again.status_code == 402 and again.json()["used"] > 0


def test_bad_terms_are_refused_in_a_sentence() -> None:
    for body, told in (
        ({"scopes": ["all"]}, "There is no scope all"),
        ({"scopes": []}, "at least one scope"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires in the future"),
        ({"allowance_usd": "0"}, "more than 0 dollars"),
        ({"allowance_usd": "-5"}, "more than 0 dollars"),
        ({"name": "  "}, "name"),
    ):  # fmt: skip
        answer = refused(**body)
        assert answer.status_code == 400, body
        assert told in answer.content.decode(), answer.content
    page = browser_of(MAX)
    for form in (
        {"name": "x", "days": "7000"},
        {"name": "x", "allowance_usd": "NaN"},
        {"name": "x", "allowance_usd": "9" * 40},
        {"name": ""},
    ):
        asked = page.post("/settings/keys/", form | {"everything": "yes"})
        assert asked.status_code == 422, form
    assert refused(user_id=str(user_of(BOB).id)).status_code == 403
    assert refused(ADA, user_id=str(user_of(BOB).id)).status_code == 404
    assert refused(ADA, user_id=str(uuid4())).status_code == 404


def test_a_key_makes_none_that_may_more_than_itself() -> None:
    soon = (timezone.now() + timedelta(days=1)).isoformat()
    narrow = using(made(scopes=["workspace:write"], expires_at=soon)["secret"])

    def post(**body: Any) -> int:
        answer = narrow.post("/api/v1/keys/", {"name": "x", **body}, content_type=JSON)
        return int(answer.status_code)

    assert post() == 403
    assert post(scopes=["documents:read"], expires_at=soon) == 403
    assert post(scopes=["workspace:write"]) == 403
    assert post(scopes=["workspace:write"], expires_at=soon) == 201
    bounded = using(made(allowance_usd="5")["secret"])
    assert bounded.post("/api/v1/keys/", {"name": "x"}, content_type=JSON).status_code == 403


def test_a_program_of_the_workspace_has_keys_no_password_and_no_seat() -> None:
    made_one = api(ADA).post(
        "/api/v1/service-accounts/", {"name": "CRM sync", "role": "member"}, content_type=JSON
    )
    program = made_one.json()
    assert made_one.status_code == 201
    key = made(ADA, user_id=program["id"], scopes=["documents:write"])
    client = using(key["secret"])
    assert client.get("/api/v1/documents/").status_code == 200
    assert client.get("/api/v1/service-accounts/").status_code == 403
    with entered(tenant_of(ADA)):
        user = User.objects.get(id=program["id"])
        assert not user.has_usable_password()
        people = User.objects.filter(is_active=True, is_service=False).count()
        seats_count()
        assert LedgerEntry.objects.get(feature="seats").quantity == people
    names = [row["email"] for row in api(BOB).get("/api/v1/members/").json()["results"]]
    assert len(names) == people and user.email not in names
    change = api(ADA).patch(f"/api/v1/members/{user.id}/", {"role": "admin"}, content_type=JSON)
    assert change.status_code == 404
    sign_in = stranger(ADA.host).post("/sign-in/", {"email": user.email, "password": "x"})
    assert sign_in.status_code == 422
    page = browser_of(ADA).get("/settings/keys/").content.decode()
    assert "CRM sync" in page and "documents:write" in page
    assert "CRM sync" not in browser_of(BOB).get("/settings/keys/").content.decode()
    listed = api(ADA).get(f"/api/v1/service-accounts/{user.id}/").json()["results"]
    assert [row["id"] for row in listed] == [key["id"]]
    assert api(ADA).delete(f"/api/v1/service-accounts/{user.id}/").status_code == 204
    assert client.get("/api/v1/documents/").status_code == 401
    owner = {"name": "x", "role": "owner"}
    assert api(ALICE).post("/api/v1/service-accounts/", owner, content_type=JSON).status_code == 400
    with entered(tenant_of(ADA)):
        deeds = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"program.create", "program.delete", "api_key.create"} <= deeds


def test_the_page_makes_what_it_says() -> None:
    form = {"name": "Nightly", "days": "30", "allowance_usd": "12.50", "scopes": ["search", "ask"]}
    page = browser_of(MAX).post("/settings/keys/", form)
    assert page.status_code == 200 and re.search(rb"tnt_[\w-]{43}", page.content)
    with entered(tenant_of(MAX)):
        key = ApiKey.objects.get(name="Nightly")
    assert key.scopes == ["ask", "search"] and key.allowance_usd == Decimal("12.50")
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() < timedelta(days=31)


def test_a_key_for_everything_is_made_of_a_box_that_says_so_and_never_of_none() -> None:
    form = {"name": "All of it", "days": "30"}
    refused = browser_of(MAX).post("/settings/keys/", form)
    assert refused.status_code == 422 and b"Tick what the key may be used for" in refused.content
    with entered(tenant_of(MAX)):
        assert not ApiKey.objects.filter(name="All of it").exists()
    page = browser_of(MAX).post("/settings/keys/", form | {"everything": "yes"})
    assert page.status_code == 200 and re.search(rb"tnt_[\w-]{43}", page.content)
    with entered(tenant_of(MAX)):
        assert ApiKey.objects.get(name="All of it").scopes is None
    assert made(MAX)["scopes"] is None  # by REST: left out
    shown = page.content.decode()
    called = re.search(r"http://[^/]+(/[\w/]+) .\n.+Bearer (tnt_[\w-]{43})&quot;<", shown)
    assert called is not None
    answer = stranger(MAX.host).get(called[1], headers={"Authorization": f"Bearer {called[2]}"})
    assert answer.status_code == 200


def test_the_statement_that_is_written_once_reads_each_key_as_the_orm_does() -> None:
    terms = {"scopes": ["documents:read"], "allowance_usd": "12.50"}
    secrets = [made(MAX, **terms)["secret"], made(ALICE)["secret"], made(MAX)["secret"]]
    with entered(tenant_of(ALICE)):
        for secret in secrets:
            assert api_key_check(secret) is not None  # notes its use
            key = api_key_check(secret)
            assert key is not None
            expected = ApiKey.objects.select_related("user").get(digest=digest_of(secret))
            for read, kept in ((key, expected), (key.user, expected.user)):
                for field in kept._meta.concrete_fields:
                    assert getattr(read, field.attname) == getattr(kept, field.attname), field
        assert api_key_check(secrets[0] + "x") is None
    with entered(tenant_of(CHARLIE)):
        assert [api_key_check(secret) for secret in secrets] == [None] * 3
