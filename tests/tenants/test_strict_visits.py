"""Staff's visits where a workspace lets nobody in by a password alone."""

import pytest
from django.test import Client
from django.utils import timezone

from tenants.context import entered
from tenants.signin.models import Provider
from tests.assistant.test_staff_visits import allow, begin, inside, is_over, reopened, visit
from tests.support.cast import ADA, ALICE, MAX, PASSWORD
from tests.support.clients import staff_client, stranger, tenant_of, user_of
from tests.support.sso import SETTINGS, proved
from tests.tenants.test_second_factor import now_code, secret_on, with_app

pytestmark = pytest.mark.django_db(transaction=True)
POLICY = "/settings/security/policy/"
MORE = b"asks for more than a password"


def with_factor(staff: Client) -> Client:
    """Let a member of staff add a second factor, which this session has then shown."""
    secret = secret_on(staff.get("/admin/second-factor/"))
    assert staff.post("/admin/second-factor/", {"code": now_code(secret)}).status_code == 200
    return staff


def test_where_a_second_factor_is_asked_for_staff_show_their_own() -> None:
    allow("read")
    staff, admin = staff_client("support"), with_app(ADA)[2]
    weak, began = inside(staff, MAX), visit()
    later = inside(staff, MAX)
    assert not is_over(weak)
    assert admin.post(POLICY, {"second": "admins"}).status_code == 302
    reopened(began)
    assert is_over(weak), "a visit that a password alone began"
    assert MORE in begin(staff, MAX).content
    strong = inside(with_factor(staff), MAX)
    assert admin.post(POLICY, {"second": "admins"}).status_code == 302
    assert not is_over(strong), "set once more, it ends no visit that showed a factor"
    assert admin.post(POLICY, {"second": "optional"}).status_code == 302
    assert is_over(later), "over for good"
    assert not is_over(inside(staff_client("security"), MAX))


def test_where_its_provider_is_required_staff_come_in_by_their_own_factor_alone() -> None:
    allow("read")
    admin = with_app(ADA)[2]
    proved(ADA)
    with entered(tenant_of(ADA)):
        Provider.objects.create(
            kind="oidc", name="Okta", issuer="https://x", state="on", tested_at=timezone.now()
        )
        user_of(ALICE).factors.create(kind="app", name="Telephone")
    # Whoever asks keeps their own session; what staff have in their place ends all the same.
    weak, later = inside(staff_client("security"), MAX), inside(staff_client("security"), ADA)
    assert not is_over(weak)
    keeper = str(user_of(ALICE).id)
    required = {"state": "required", "break_glass": keeper}
    assert admin.post(f"{SETTINGS}state/", required).status_code == 302
    assert is_over(weak)
    assert MORE in begin(staff_client("security"), MAX).content
    strong = inside(with_factor(staff_client("support")), MAX)
    assert not is_over(strong)
    assert admin.post(f"{SETTINGS}state/", {"state": "on"}).status_code == 302
    assert is_over(later), "over for good"
    assert admin.post(f"{SETTINGS}state/", required).status_code == 302
    # Nobody else comes in but by the provider.
    page = stranger(ADA.host).post(
        "/sign-in/?password=1", {"email": MAX.email, "password": PASSWORD}
    )
    assert page.status_code == 422
