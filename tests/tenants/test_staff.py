"""Staff: what a role may, the second factor, and never without an administrator."""

import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.checks import run_checks
from django.test import Client
from django.utils import timezone

from config import urls_public
from tenants.accounts.models import AuditEvent, User
from tenants.context import public_scope
from tenants.signin.models import Factor
from tests.assistant.test_staff_visits import allow, inside, is_over
from tests.support.cast import MAX, PASSWORD
from tests.support.clients import staff_client
from tests.tenants.test_second_factor import CODES, now_code, secret_on

pytestmark = pytest.mark.django_db(transaction=True)
FACTORS = "/admin/second-factor/"


def password_shown(name: str) -> tuple[Client, str]:
    client = Client(headers={"Host": "localhost"})
    answer = client.post(
        "/admin/login/?next=/admin/",
        {"username": f"{name}@tenantry.example", "password": PASSWORD},
    )
    assert answer.status_code == 302, answer.content
    return client, answer["Location"]


def test_a_part_that_renews_itself_says_that_its_session_ended_in_no_words_of_another() -> None:
    client = Client(headers={"Host": "localhost", "HX-Target": '"><b>told'})
    page = client.get("/admin/login/?next=https://evil.example/").content.decode()
    assert "You are signed out" in page and "Sign in again" in page
    assert "<b>" not in page and "evil.example" not in page


def test_a_factor_that_was_added_is_asked_for_and_each_code_works_once(settings: Any) -> None:
    client = staff_client("support")
    secret = secret_on(client.get(FACTORS))
    page = client.post(FACTORS, {"code": now_code(secret)})
    codes = CODES.findall(page.content.decode())
    assert page.status_code == 200 and len(codes) == 10
    with public_scope("staff"):
        assert secret not in Factor.objects.get(user__email="support@tenantry.example").secret

    client, where = password_shown("support")
    assert where == "/admin/second/"
    assert client.get("/admin/")["Location"].startswith("/admin/login/")
    assert client.post(where, {"code": "000000"}).status_code == 422
    code = now_code(secret, 1)
    answer = client.post(where, {"code": code})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200
    client, where = password_shown("support")
    assert client.post(where, {"code": code}).status_code == 422  # spent
    assert client.post(where, {"code": codes[0]}).status_code == 302
    with public_scope("staff"):
        started = AuditEvent.objects.filter(action="session.start").latest("id")
        assert started.data == {"how": "recovery"}

    settings.STAFF_SECOND_FACTOR = "required"
    [factor] = client.get(FACTORS).context["factors"]
    client.post(f"{FACTORS}{factor.id}/remove/")
    assert client.get(FACTORS).context["factors"] == [factor]  # the last one stays


def test_a_reset_ends_all_that_a_colleague_has_open() -> None:
    client = staff_client("support")
    secret = secret_on(client.get(FACTORS))
    client.post(FACTORS, {"code": now_code(secret)})
    half, where = password_shown("support")
    allow("read")
    visit = inside(client, MAX)
    mine, other = staff_client(), staff_client("finance")
    with public_scope("staff"):
        lost = User.objects.get(email="support@tenantry.example")
        boss = User.objects.get(email="staff@tenantry.example")
    chosen = {"action": "reset_factors", "_selected_action": [str(lost.pk), str(boss.pk)]}
    page = mine.post("/admin/accounts/user/", chosen, follow=True).content.decode()
    assert "is signed out" in page and "Nobody resets their own" in page
    assert client.get("/admin/").status_code == 302 and is_over(visit)
    assert half.get(where)["Location"] == "/admin/login/"
    assert mine.get("/admin/").status_code == 200 and other.get("/admin/").status_code == 200
    assert password_shown("support")[1] == "/admin/"


def test_who_has_none_is_told_at_each_sign_in_where_none_is_required() -> None:
    offer = 'href="/admin/second-factor/">Set up a second factor'
    client = staff_client("support")
    assert offer in client.get("/admin/").content.decode()
    assert offer not in client.get("/admin/").content.decode()
    client.post(FACTORS, {"code": now_code(secret_on(client.get(FACTORS)))})
    client, where = password_shown("support")
    assert where == "/admin/second/" and offer not in client.get(where).content.decode()


def test_the_only_administrator_who_lost_all_is_helped_by_a_command(
    settings: Any, manage: Callable[..., str]
) -> None:
    client = staff_client()
    client.post(FACTORS, {"code": now_code(secret_on(client.get(FACTORS)))})
    settings.STAFF_SECOND_FACTOR = "required"
    assert password_shown("staff")[1] == "/admin/second/"
    said = manage("owner", "reset_staff_factors", "Staff@tenantry.example")
    assert "2 session(s) ended" in said
    assert client.get("/admin/").status_code == 302
    assert password_shown("staff")[1] == "/admin/set-up/"
    with public_scope("staff"):
        event = AuditEvent.objects.get(action="factor.reset")
        assert (event.actor_id, event.data) == (None, {"sessions": 2})


def test_where_it_is_required_the_password_leads_to_setting_one_up(settings: Any) -> None:
    before = staff_client("finance")
    settings.STAFF_SECOND_FACTOR = "required"
    assert before.get("/admin/").status_code == 302  # what began without one has ended
    client, where = password_shown("finance")
    assert where == "/admin/set-up/"
    assert client.get("/admin/").status_code == 302
    page = client.post(where, {"code": now_code(secret_on(client.get(where)))})
    assert page.status_code == 200 and len(CODES.findall(page.content.decode())) == 10
    assert client.get("/admin/").status_code == 200


def test_factors_are_changed_soon_after_the_password_alone() -> None:
    client = staff_client("support")
    with public_scope("staff"):
        session = client.session
        session["proved_at"] = (timezone.now() - timedelta(minutes=16)).isoformat()
        session.save()
    for answer in (client.get(FACTORS), client.post(f"{FACTORS}codes/")):
        assert answer["Location"] == "/admin/login/?next=%2Fadmin%2Fsecond-factor%2F"
    assert client.get("/admin/").status_code == 200


def test_a_colleague_is_added_with_a_password_in_fields_that_can_be_seen() -> None:
    client, page = staff_client(), "/admin/accounts/user/add/"
    fields = re.findall(r'<input type="password"[^>]*>', client.get(page).content.decode())
    assert len(fields) == 2 and all("border" in field for field in fields)
    form = {"email": f"{secrets.token_hex(4)}@tenantry.example", "staff_role": "support",
            "password1": PASSWORD, "password2": PASSWORD}  # fmt: skip
    assert client.post(page, form).status_code == 302
    with public_scope("staff"):
        assert User.objects.get(email=form["email"]).check_password(PASSWORD)


def test_workspaces_come_first_in_the_navigation_and_an_empty_list_says_what_it_is_for() -> None:
    page = staff_client().get("/admin/bedrock/provisionedmodel/").content.decode()
    lists = ("registry/tenant", "registry/deadtask", "accounts/user", "billing/price")
    places = [page.index(f'href="/admin/{each}/"') for each in lists]
    assert places == sorted(places)
    assert "Nothing is bought by the hour" in page
    assert "Show all" not in staff_client().get("/admin/registry/tenant/").content.decode()
    # Each list waits for these texts in its head: they are fetched once an hour.
    kept = staff_client().get("/admin/jsi18n/")["Cache-Control"]
    assert sorted(kept.split(", ")) == ["max-age=3600", "private"]


def test_a_role_counts_at_once_and_the_last_administrator_stays() -> None:
    admin = staff_client()
    with public_scope("staff"):
        boss, colleague = (
            User.objects.get(email=f"{name}@tenantry.example") for name in ("staff", "support")
        )
    client = staff_client("support")
    assert client.get("/admin/registry/onboarding/").status_code == 200
    assert client.get("/admin/billing/price/").status_code == 403
    assert client.get("/admin/auth/group/").status_code == 404
    assert client.get("/admin/billing/marginline/export/").status_code == 403
    gone = User(is_active=True, is_staff=False, staff_role="support")
    assert not gone.has_perm("registry.view_onboarding")
    form = {"email": colleague.email, "name": "Sue", "is_active": "on"}
    path = f"/admin/accounts/user/{colleague.pk}/change/"
    assert client.post(path, form | {"staff_role": "administrator"}).status_code == 403
    assert admin.post(path, form | {"staff_role": "finance"}).status_code == 302
    assert client.get("/admin/registry/onboarding/").status_code == 403
    assert client.get("/admin/billing/price/").status_code == 200
    page = client.get("/admin/roles/").content.decode()
    assert "Finance <span" in page and "Posture requests" in page
    with public_scope("staff"):
        event = AuditEvent.objects.get(action="staff.change", object_id=str(colleague.pk))
        assert event.actor_id == boss.pk and event.data["role"] == "finance"
    own = {"email": boss.email, "name": "", "is_active": "on", "staff_role": "support"}
    page = admin.post(f"/admin/accounts/user/{boss.pk}/change/", own)
    assert page.status_code == 422 and b"the last administrator" in page.content


def test_all_of_the_admin_s_pages_pass_the_framework_s_checks() -> None:
    assert urls_public.__name__ == settings.PUBLIC_SCHEMA_URLCONF  # it loads them
    assert admin.site.is_registered(User)
    assert run_checks(tags=["admin"]) == []
