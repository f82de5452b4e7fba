"""AWS's credits: what pays first, what lapses, who is told, and the document for the next grant."""

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.credits.burning import Day, burned
from billing.invoices.models import AccountCredit
from billing.models import CreditGrant
from billing.units import Unit
from tenants.context import public_scope
from tests.billing.calls import MODEL
from tests.billing.test_usage import use
from tests.support.cast import ADA, ALICE
from tests.support.clients import staff_client, tenant_of

Manage = Callable[..., str]
TODAY = date(2026, 11, 20)
PAGE = "/admin/billing/creditgrant/"


def grant(name: str, amount: str, *, ends: date, marketplace: bool = False) -> CreditGrant:
    return CreditGrant(
        name=name, program="activate", amount_usd=Decimal(amount), starts_on=date(2026, 11, 1),
        expires_on=ends, covers_aws=True, covers_marketplace=marketplace,
    )  # fmt: skip


def test_what_expires_first_pays_first_and_only_for_what_it_covers() -> None:
    first = grant("first", "10", ends=date(2026, 11, 10))
    second = grant("second", "100", ends=date(2027, 11, 10), marketplace=True)
    days = [
        Day(date(2026, 10, 31), Decimal(50), Decimal(0)),  # before either
        Day(date(2026, 11, 1), Decimal(6), Decimal(5)),
        Day(date(2026, 11, 2), Decimal(6), Decimal(0)),
        Day(date(2026, 11, 11), Decimal(1), Decimal(0)),  # behind the first
    ]
    early, late = burned([second, first], days, TODAY)
    assert (early.grant.name, early.used, early.remaining) == ("first", Decimal(10), Decimal(0))
    assert late.used == 5 + 2 + 1
    assert late.remaining == 92
    [lapsed] = burned([grant("old", "10", ends=date(2026, 11, 1))], days[:2], TODAY)
    assert [lapsed.used, lapsed.lapsed, lapsed.remaining] == [6, 4, 0]


BILLED = """
from datetime import date, timedelta
from decimal import Decimal
from billing.meters import database_now
from billing.models import AwsCostLine
from tenants.context import public_scope
with public_scope("ops"):
    today = database_now().date()
    for number in range(1, 11):
        day = today - timedelta(days=number)
        for entity, usd in (("AWS", "2"), ("AWS Marketplace", "3")):
            AwsCostLine.objects.create(
                source="cur", period=day.replace(day=1), day=day, usage_type="x", unit="",
                quantity=1, usd=Decimal(usd), entity=entity)
"""
ALERT = """
from django.core import mail
from billing.credits.alerts import credit_alerts_send
from tenants.context import public_scope
with public_scope("ops"):
    print("SENT", credit_alerts_send(), credit_alerts_send())
"""


@pytest.mark.django_db(transaction=True)
def test_staff_add_a_grant_see_it_burn_and_take_the_funding_pack_away(manage: Manage) -> None:
    staff = staff_client()
    assert "No credits are recorded" in staff.get(PAGE).content.decode()
    assert "no use to project from" in staff.get(f"{PAGE}funding-pack/").content.decode()
    manage("ops", "shell", "-c", BILLED)
    today = datetime.now(UTC).date()
    form: dict[str, Any] = {
        "program": "activate", "name": "Activate 2026", "amount_usd": "1000",
        "starts_on": (today - timedelta(days=60)).isoformat(),
        "expires_on": (today + timedelta(days=20)).isoformat(),
        "covers_aws": "on", "alert_mail": "finance@tenantry.example", "note": uuid.uuid4().hex,
    }  # fmt: skip
    wrong = form | {"expires_on": (today - timedelta(days=61)).isoformat()}
    assert "expires before it begins" in staff.post(f"{PAGE}add/", wrong).content.decode()
    assert staff.post(f"{PAGE}add/", form).status_code == 302
    page = staff.get(PAGE).content.decode()
    assert "$980.00" in page  # ten days of two dollars; Marketplace is not covered
    assert "$50.00" in page and "$30.00" in page  # gross and net
    assert "21 days" in page or "20 days" in page
    assert "expires within 30 days" in page
    assert "SENT 1 0" in manage("ops", "shell", "-c", ALERT)
    sheet: Any = staff.get(f"{PAGE}burn-down.csv")
    rows = sheet.content.decode().splitlines()
    assert len(rows) == 11
    assert rows[0].endswith("Activate 2026,net_usd")
    use(ALICE, "ingest", {Unit.INPUT: 1_200})
    text = staff.get(f"{PAGE}funding-pack.md?growth=10").content.decode()
    assert f"| Reading documents | {MODEL} | 1,200 | $" in text
    assert "assumption" in text
    assert "up to $100,000" in text
    month = Decimal(5) * 365 / 12
    twelve = sum(month * Decimal("1.1") ** number for number in range(12))
    assert f"| Twelve months | ${twelve:,.2f} |" in text
    assert "growth is assumed" in staff.get(f"{PAGE}funding-pack.md?growth=zzz").content.decode()
    for wrong_growth in ("zzz", "101", "NaN"):
        page = staff.get(f"{PAGE}funding-pack/?growth={wrong_growth}").content.decode()
        assert "a number from -50 to 100" in page
        assert f'value="{wrong_growth}"' in page
    assert "a number from" not in staff.get(f"{PAGE}funding-pack/?growth=-50").content.decode()


@pytest.mark.django_db(transaction=True)
def test_staff_grant_a_workspace_a_credit() -> None:
    staff, page = staff_client(), "/admin/billing/accountcredit/add/"
    assert "object at 0x" not in staff.get(page).content.decode(), "the moment is the database's"
    form = {"tenant_id": str(tenant_of(ADA).id), "usd": "12.50", "reason": uuid.uuid4().hex}
    assert staff.post(page, form).status_code == 302
    by_address = {"tenant_id": " Acme", "usd": "3.25", "reason": uuid.uuid4().hex}
    assert staff.post(page, by_address).status_code == 302
    listed = staff.get("/admin/billing/accountcredit/").content.decode()
    assert form["reason"] in listed and by_address["reason"] in listed
    with public_scope("staff"):
        granted = AccountCredit.objects.get(reason=by_address["reason"])
    assert granted.tenant_id == tenant_of(ALICE).id and "Acme Works" in listed
    for nobody in ("nosuch", str(uuid.uuid4()), "public"):
        told = staff.post(page, {**form, "tenant_id": nobody}).content.decode()
        assert "No workspace has this address or id." in told
