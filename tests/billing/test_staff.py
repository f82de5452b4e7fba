"""Staff edit plans and future prices, and read the ledger."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from billing.models import LedgerLine, Plan, Price, Reservation
from billing.settlement import settle
from billing.units import Unit
from tenants.context import entered, public_scope
from tests.billing.calls import MODEL, reserve
from tests.support.cast import ALICE
from tests.support.clients import staff_client, tenant_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    return staff_client()


def test_the_ledger_and_reservations_are_read_only(staff: Client) -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve()
        settle(reservation, model=MODEL, units={Unit.INPUT: 700})
    page = staff.get("/admin/billing/ledgerline/").content.decode()
    assert "Acme Works" in page
    assert "700" in page
    with public_scope("staff"):
        line = LedgerLine.objects.get(request_id=reservation.request_id)
        row = Reservation.objects.get(id=reservation.id)
    for kind, pk in (("ledgerline", line.pk), ("reservation", row.pk)):
        assert staff.get(f"/admin/billing/{kind}/").status_code == 200
        assert staff.get(f"/admin/billing/{kind}/{pk}/change/").status_code == 200
        assert staff.post(f"/admin/billing/{kind}/{pk}/change/", {}).status_code == 403
        assert staff.get(f"/admin/billing/{kind}/add/").status_code == 403
        assert staff.post(f"/admin/billing/{kind}/{pk}/delete/", {}).status_code == 403


def test_a_price_that_has_begun_cannot_be_changed_and_a_later_one_can(staff: Client) -> None:
    today = datetime.now(UTC).date()
    with public_scope("staff"):
        begun = Price.objects.filter(model=MODEL, unit=Unit.INPUT).get()
        later = Price.objects.create(
            model=MODEL, unit=Unit.INPUT, usd=1, effective_from=today + timedelta(days=9)
        )
    form = {
        "model": MODEL,
        "route": "region",
        "unit": "input_tokens",
        "usd": "2",
        "per": "1000000",
        "effective_from": (today + timedelta(days=9)).isoformat(),
        "source": "a letter",
    }
    prices = "/admin/billing/price"
    assert staff.post(f"{prices}/{begun.pk}/change/", form).status_code == 403
    assert staff.post(f"{prices}/{begun.pk}/delete/", {"post": "yes"}).status_code == 403
    assert staff.post(f"{prices}/{later.pk}/change/", form).status_code == 302
    with public_scope("staff"):
        assert Price.objects.get(pk=later.pk).usd == 2


def test_a_plan_is_edited_with_its_limits(staff: Client) -> None:
    assert staff.get("/admin/billing/plan/growth/change/").status_code == 200
    assert staff.get("/admin/billing/plan/").status_code == 200
    assert staff.post("/admin/billing/plan/growth/delete/", {"post": "yes"}).status_code == 403
    with public_scope("staff"):
        assert Plan.objects.get(code="growth").limits.count() == 5


def test_a_workspaces_owner_is_no_staff() -> None:
    client = Client(headers={"Host": ALICE.host})
    assert client.get("/admin/billing/ledgerline/").status_code == 404
