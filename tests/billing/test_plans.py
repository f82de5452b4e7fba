"""Plans: what a change does is shown first, and prices come from files that are whole."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from billing import catalog
from billing.admission import Estimate, admit
from billing.invoices.models import BillingAccount, PlanChange, PlanVersion
from billing.invoices.usage import gather, seats_of
from billing.meters import database_now, next_month
from billing.models import LedgerEntry, Price
from billing.plans.seats import seats_count
from billing.plans.terms import Book, terms_read
from billing.settlement import settle
from billing.units import Unit
from tenants.accounts.models import User
from tenants.context import SYSTEM, entered, public_scope
from tenants.errors import Invalid
from tenants.registry.models import Tenant
from tests.billing.calls import MODEL
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, Person
from tests.support.clients import api, browser_of, code_of, staff_client, tenant_of
from tests.support.services import Worker

pytestmark = pytest.mark.django_db


def plan_of(person: Person) -> str:
    with public_scope("app_public"):
        return str(Tenant.objects.get(slug=person.workspace).plan)


def use(person: Person, tokens: int) -> None:
    with entered(tenant_of(person)):
        held = admit(
            actor=SYSTEM, feature="ask", request_id=uuid4(),
            estimate=Estimate(MODEL, {Unit.INPUT: tokens}),
        )  # fmt: skip
        settle(held, model=MODEL, units={Unit.INPUT: tokens})


def test_an_upgrade_shows_its_effect_begins_at_once_and_keeps_the_running_call() -> None:
    owner = api(ALICE)
    effect = owner.get("/api/v1/plans/business/effect/").json()
    with entered(tenant_of(ALICE)):
        now = database_now()
        month = now.date().replace(day=1)
        # A call is admitted under growth and ends under business.
        running = admit(
            actor=SYSTEM, feature="ask", request_id=uuid4(),
            estimate=Estimate(MODEL, {Unit.INPUT: 1_000}), streams=True,
        )  # fmt: skip
    length, left = (next_month(month) - month).days, (next_month(month) - now.date()).days
    expected = (Decimal("691.00") * left / length).quantize(Decimal("0.01"))
    assert abs(Decimal(effect["this_month_usd"]) - expected) <= Decimal("0.01")
    assert (effect["upgrade"], effect["monthly_usd"]) == (True, "1190.00")
    assert any("Model tokens: 300,000,000" in said for said in effect["gained"])
    assert plan_of(ALICE) == "growth"  # looking changes nothing
    assert owner.post("/api/v1/plans/business/choose/").status_code == 200
    assert plan_of(ALICE) == "business"
    assert code_of(owner.post("/api/v1/plans/business/choose/")) == "plan_not_offered"
    assert code_of(owner.post("/api/v1/plans/ended/choose/")) == "not_found"
    assert code_of(api(ADA).post("/api/v1/plans/team/choose/")) == "forbidden"
    with entered(tenant_of(ALICE)):
        settle(running, model=MODEL, units={Unit.INPUT: 900})
        use(ALICE, 50)
        own = gather(month, [running.tenant_id], Book())[running.tenant_id]
        moved = [change.plan for change in PlanChange.objects.order_by("at")]
        assert LedgerEntry.objects.count() == 2
    assert moved[-2:] == ["growth", "business"]
    assert sum(use.quantity for use in own.uses) == 950


def test_a_downgrade_waits_for_the_months_end_and_can_be_taken_back() -> None:
    client = browser_of(CHARLIE)
    page = client.get("/usage/plans/growth/").content.decode()
    assert "What you lose" in page
    assert "Nothing changes until" in page
    assert client.post("/usage/plans/growth/").status_code == 302
    assert plan_of(CHARLIE) == "enterprise"
    with entered(tenant_of(CHARLIE)):
        account = BillingAccount.objects.get()
        assert account.next_plan == "growth"
        assert account.next_plan_on == next_month(database_now().date().replace(day=1))
    assert "Growth begins on" in client.get("/usage/plans/").content.decode()
    assert client.post("/usage/plans/keep/").status_code == 302
    assert "Growth begins on" not in client.get("/usage/plans/").content.decode()


def test_a_trial_is_had_once_and_chosen_by_nobody_afterwards() -> None:
    owner, client = api(ALICE), browser_of(ALICE)
    for answer in (
        owner.get("/api/v1/plans/trial/effect/"), owner.post("/api/v1/plans/trial/choose/"),
    ):  # fmt: skip
        assert (answer.status_code, code_of(answer)) == (422, "plan_not_offered")
        assert answer.json()["detail"] == "A trial can be had once, at the beginning."
    assert client.post("/usage/plans/trial/").status_code != 302
    with entered(tenant_of(ALICE)):
        assert not BillingAccount.objects.exclude(next_plan="").exists()
    assert plan_of(ALICE) == "growth"


@pytest.fixture
def came(worker: Worker) -> Iterator[Callable[[datetime], None]]:
    """Have globex exist since a moment: history that no login of the product may write."""
    tenant = tenant_of(CHARLIE)
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as opened:
        since = "UPDATE billing_planchange SET at = %s WHERE tenant_id = %s"
        begun = "SELECT min(at) FROM billing_planchange WHERE tenant_id = %s"
        [before] = opened.execute(begun, [tenant.id]).fetchall()
        yield lambda at: opened.execute(since, [at, tenant.id]) and None
        opened.execute(since, [before[0], tenant.id])


def test_months_are_compared_from_the_workspaces_first_day_on(
    came: Callable[[datetime], None],
) -> None:
    this = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = (this - timedelta(days=1)).replace(day=1)

    def growth() -> dict[str, str]:
        plans = api(CHARLIE).get("/api/v1/plans/").json()["results"]
        [found] = [plan["would_cost"] for plan in plans if plan["code"] == "growth"]
        return {each["month"]: each["usd"] for each in found}

    came(this)
    assert growth() == {f"{this:%Y-%m}": "499.00"}
    page = browser_of(CHARLIE).get("/usage/plans/").content.decode()
    assert "would have cost" not in page
    came(last)
    assert growth() == {f"{this:%Y-%m}": "499.00", f"{last:%Y-%m}": "499.00"}

    tenth = last.replace(day=10, hour=15)
    came(tenth)
    days = (this - last).days
    share = (Decimal(499) * (days - 9) / days).quantize(Decimal("0.01"))
    assert growth() == {f"{this:%Y-%m}": "499.00", f"{last:%Y-%m}": str(share)}
    page = browser_of(CHARLIE).get("/usage/plans/").content.decode()
    assert f"{last:%B} would have cost, from 10 {last:%B} on" in page


def test_each_plan_says_what_this_months_usage_would_cost(
    came: Callable[[datetime], None],
) -> None:
    came(timezone.now() - timedelta(days=90))
    use(CHARLIE, 4_000_000)
    use(CHARLIE, 1_000_000)
    plans = {plan["code"]: plan for plan in api(CHARLIE).get("/api/v1/plans/").json()["results"]}
    this = {code: plan["would_cost"][0] for code, plan in plans.items()}
    assert this["enterprise"]["usd"] == "2400.35"  # 0.30 at cost, plus 15 %
    assert this["growth"]["usd"] == "499.00"
    assert this["team"]["usd"] == "59.00"
    assert this["trial"]["would_have_stopped"] == ["Model tokens at 3,000,000"]
    page = browser_of(CHARLIE).get("/usage/plans/").content.decode()
    assert "$2,400.35" in page
    assert "$2,400.35" not in browser_of(BOB).get("/usage/plans/").content.decode()


def test_what_is_used_beyond_is_admitted_where_it_is_charged_and_stops_where_it_is_not() -> None:
    with entered(tenant_of(ALICE)):
        assert catalog.plan_terms("business").stops_at("model_tokens") is None  # type: ignore[arg-type]
        assert catalog.plan_terms("growth").stops_at("model_tokens") == 100_000_000  # type: ignore[arg-type]
        seats_count()
        seats_count()
        counted = LedgerEntry.objects.get(unit="seats")
        assert (counted.quantity, counted.usd) == (4, 0)
        # Whoever is deactivated while others are counted takes a seat all the same.
        today, bob = counted.created_at.date(), User.objects.get(email=BOB.email)
        for active, most in ((False, 4), (True, 4)):
            User.objects.filter(id=bob.id).update(is_active=active)
            seats_count()
            seats = seats_of(today.replace(day=1), [tenant_of(ALICE).id])
            assert seats[tenant_of(ALICE).id] == {today: most}
        User.objects.create(email="new@example.com", name="New", role="viewer")
        seats_count()
        assert seats_of(today.replace(day=1), [tenant_of(ALICE).id]) == {
            tenant_of(ALICE).id: {today: 5}
        }


CSV = "model,route,unit,usd,per,effective_from,effective_until\n"


def rows(*lines: str) -> bytes:
    return (CSV + "\n".join(lines)).encode()


def test_prices_come_from_a_file_that_is_whole_and_never_change_the_past() -> None:
    staff = staff_client()
    today = database_now_public()
    soon, later = today + timedelta(days=10), today + timedelta(days=30)
    lite = "amazon.nova-lite-v1:0,region"

    def preview(body: bytes) -> str:
        file = SimpleUploadedFile("prices.csv", body)
        return staff.post("/admin/billing/price/import/", {"file": file}).content.decode()

    refused = {
        "usd is missing": f"{lite},input_tokens,,1000000,{soon},",
        "is negative": f"{lite},input_tokens,-1,1000000,{soon},",
        "no exact amount": f"{lite},input_tokens,cheap,1000000,{soon},",
        "more than 9 decimals": f"{lite},input_tokens,0.0000000001,1000000,{soon},",
        "is no unit": f"{lite},smiles,1,1000000,{soon},",
        "write amazon.nova-lite-v1:0 by the route geo": f"us.{lite},input_tokens,1,1000000,{soon},",
        "change the past": f"{lite},input_tokens,1,1000000,{today},",
        "a gap": f"{lite},input_tokens,1,1000000,{soon},{later}",
        "none of output_tokens": f"new.model,region,input_tokens,1,1000000,{soon},",
        "per must be": f"{lite},input_tokens,1,7,{soon},",
    }
    for reason, line in refused.items():
        page = preview(rows(line))
        assert reason in page, (reason, page)
        assert "Take these" not in page
    twice = f"{lite},input_tokens,1,1000000,{soon},"
    assert "they overlap" in preview(rows(twice, twice))
    assert "they overlap" in preview(
        rows(
            f"{lite},input_tokens,1,1000000,{soon},{later}",
            f"{lite},input_tokens,2,1000000,{later},",
        )
    )
    for broken in (b"", b"[1]", b"{}", b'"', b"\x00\xff", b"model\n" + b"x\n" * 6_000):
        assert "Refused" in preview(broken)

    good = rows(f"{lite},input_tokens,0.05,1000000,{soon},")
    page = preview(good)
    assert "$0.06 for 1,000,000" in page
    assert "$0.05 for 1,000,000" in page
    taken = staff.post(
        "/admin/billing/price/import/", {"confirmed": "1", "text": good.decode()}, follow=False
    )
    assert taken.status_code == 302
    with public_scope("staff"):
        assert Price.objects.get(effective_from=soon).usd == Decimal("0.05")
    assert "stands already" in preview(good)
    past = {"model": "amazon.nova-lite-v1:0", "route": "region", "unit": "input_tokens",
            "usd": "9", "per": "1000000", "effective_from": "2026-02-01"}  # fmt: skip
    assert (
        "The past never changes" in staff.post("/admin/billing/price/add/", past).content.decode()
    )
    routed = {**past, "model": "eu.amazon.nova-lite-v1:0", "effective_from": str(soon)}
    page = staff.post("/admin/billing/price/add/", routed).content.decode()
    assert "Write amazon.nova-lite-v1:0, and choose the route “Within a geography”." in page


def database_now_public() -> Any:
    with public_scope("app_public"):
        return database_now().date()


def test_the_database_takes_no_terms_into_a_month_that_has_begun() -> None:
    begun = database_now_public()
    with public_scope("staff"):
        row = PlanVersion.objects.get(plan="growth")

        def made(effective_from: date) -> None:
            with transaction.atomic():
                PlanVersion.objects.create(
                    plan_id="growth", effective_from=effective_from, terms=row.terms
                )

        for effective_from in (begun, begun.replace(day=1), begun - timedelta(days=40)):
            with pytest.raises(ProgrammingError, match="begin in a later month"):
                made(effective_from)
        made(next_month(begun.replace(day=1)))
        with pytest.raises(ProgrammingError, match="never changes"), transaction.atomic():
            PlanVersion.objects.filter(pk=row.pk).update(terms={})


def test_terms_are_dated_and_an_edit_never_changes_the_past() -> None:
    staff = staff_client()
    today = database_now_public()
    begins = next_month(today.replace(day=1))
    with public_scope("staff"):
        row = PlanVersion.objects.get(plan="growth")
    terms = row.terms | {"monthly_price": "549.00"}

    def sent(**given: Any) -> str:
        file = {"plan": "growth", "effective_from": begins.isoformat(), "terms": terms, **given}
        data = {"file": SimpleUploadedFile("terms.json", json.dumps([file]).encode())}
        return staff.post("/admin/billing/planversion/import/", data).content.decode()

    assert "monthly_price 549.00" in sent()
    for reason, given in {
        "change the past": {"effective_from": today.replace(day=1).isoformat()},
        "first of a month": {"effective_from": begins.replace(day=2).isoformat()},
        "is no plan": {"plan": "gone"},
        "is negative": {"terms": terms | {"monthly_price": "-1"}},
        "no exact amount": {"terms": terms | {"monthly_price": 1.5}},
        "is no term": {"terms": terms | {"discount": "1"}},
        "must say what is included": {"terms": terms | {"limits": {}}},
    }.items():
        assert reason in sent(**given), reason
    assert staff.get(f"/admin/billing/planversion/{row.pk}/change/").status_code == 200
    form = {"plan": "growth", "effective_from": "2026-01-01", "terms": "{}", "source": "x"}
    changed = staff.post(f"/admin/billing/planversion/{row.pk}/change/", form)
    assert changed.status_code == 403
    with pytest.raises(Invalid, match="trial has both"):
        terms_read("growth", "Growth", terms | {"trial_days": 14})
    unsaid = staff.post("/admin/billing/plan/growth/change/", {"monthly_price": "1"})
    assert unsaid.status_code == 422
    with public_scope("staff"), connection.cursor() as cursor:
        cursor.execute("SELECT monthly_price FROM billing_plan WHERE code = 'growth'")
        assert cursor.fetchone() == (Decimal("499.00"),)
