"""Sessions, second factors and the policy of them by REST."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from tenants.accounts.models import ApiKey
from tenants.context import entered
from tenants.signin.models import Factor, OpenSession
from tests.support.cast import ADA, ALICE, BOB, MAX, Person
from tests.support.clients import api, code_of, signed_in, tenant_of, user_of
from tests.tenants.test_second_factor import keep, with_app

pytestmark = pytest.mark.django_db
SESSIONS, FACTORS, POLICY = "/api/v1/sessions/", "/api/v1/factors/", "/api/v1/sign-in/policy/"


def test_ones_own_sessions_are_listed_and_ended_also_by_key() -> None:
    here, there, adas = signed_in(BOB), signed_in(BOB), signed_in(ADA)
    listed = here.get(SESSIONS).json()["results"]
    assert [row["current"] for row in listed] == [False, True]
    assert set(listed[0]) == {
        "id", "device", "address", "how", "signed_in_at", "seen_at", "current"
    }  # fmt: skip
    by_key = api(BOB).get(SESSIONS).json()["results"]
    assert [row["id"] for row in by_key] == [row["id"] for row in listed]
    assert not any(row["current"] for row in by_key)
    with entered(tenant_of(ADA)):
        other = OpenSession.objects.get(user=user_of(ADA))
        kept = here.cookies[settings.SESSION_COOKIE_NAME].value
        assert kept not in str(listed)
    assert code_of(api(BOB).delete(f"{SESSIONS}{other.id}/")) == "not_found"
    assert api(BOB).delete(f"{SESSIONS}{listed[0]['id']}/").status_code == 204
    assert there.get("/documents/").status_code == 302
    assert here.get("/documents/").status_code == adas.get("/documents/").status_code == 200
    assert len(here.get(SESSIONS).json()["results"]) == 1
    with entered(tenant_of(BOB)):
        ApiKey.objects.filter(user=user_of(BOB)).update(scopes=["documents:read"])
    assert code_of(api(BOB).get(SESSIONS)) == "scope_missing"


def test_a_factor_is_removed_by_who_has_just_shown_the_password_and_no_key() -> None:
    secret, _, browser = with_app(BOB)
    [factor] = browser.get(FACTORS).json()["results"]
    assert set(factor) == {"id", "kind", "name", "created_at", "last_used_at"}
    assert secret not in str(factor) and factor["kind"] == "app"
    path = f"{FACTORS}{factor['id']}/"
    assert code_of(api(MAX).delete(path)) == "not_found"
    assert code_of(api(BOB).delete(path)) == "proof_needed"
    keep(browser, BOB, "proved_at", (timezone.now() - timedelta(minutes=16)).isoformat())
    assert code_of(browser.delete(path)) == "proof_needed"
    keep(browser, BOB, "proved_at", timezone.now().isoformat())
    assert browser.delete(path).status_code == 204
    assert browser.get(FACTORS).json()["results"] == []


def test_admins_set_the_policy_and_reset_what_a_member_lost() -> None:
    member = with_app(BOB)[2]
    assert api(BOB).get(POLICY).json() == {"second": "optional"}
    assert code_of(api(MAX).put(POLICY, {"second": "everyone"}, "application/json")) == "forbidden"
    locked_out = api(ADA).put(POLICY, {"second": "everyone"}, "application/json")
    assert code_of(locked_out) == "conflict"
    assert code_of(api(ADA).put(POLICY, {"second": "some"}, "application/json")) == "invalid"
    with entered(tenant_of(ADA)):
        Factor.objects.create(user=user_of(ADA), kind="app", name="Telephone")
    strict = api(ADA).put(POLICY, {"second": "everyone"}, "application/json")
    assert (strict.status_code, strict.json()) == (200, {"second": "everyone"})
    [last] = member.get(FACTORS).json()["results"]
    assert code_of(member.delete(f"{FACTORS}{last['id']}/")) == "conflict"

    def reset(person: Person) -> str:
        answer = api(ADA).delete(f"/api/v1/members/{user_of(person).id}/factors/")
        return "" if answer.status_code == 204 else code_of(answer)

    assert (reset(ADA), reset(ALICE), reset(BOB)) == ("invalid", "forbidden", "")
    assert member.get("/documents/").status_code == 302
    with entered(tenant_of(BOB)):
        assert not Factor.objects.filter(user=user_of(BOB)).exists()
