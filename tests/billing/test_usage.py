"""The usage page and `GET usage/` say what the ledger says, to whom it concerns."""

from calendar import month_name
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import uuid4

import pytest

from billing.chart import chart_of_days
from billing.meters import database_now
from billing.models import LedgerEntry
from billing.monthly import Part, forecast
from billing.selectors import plans_on_offer
from billing.settlement import settle
from billing.storage import reserve_storage
from billing.units import Unit
from tenants.accounts.selectors import Actor
from tenants.context import entered, public_scope
from tests.billing.calls import MODEL, on_plan, plan_make, reserve
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, stranger, tenant_of, user_of
from tests.support.statements import statements_of_page

pytestmark = pytest.mark.django_db


def use(person: Person, feature: str, units: dict[Unit, int], **more: object) -> None:
    actor = Actor(user_id=user_of(person).pk, role=person.role, kind="session")
    with entered(tenant_of(person)):
        reservation = reserve(units, actor=actor, feature=feature, **more)  # type: ignore[arg-type]
        settle(reservation, model=reservation.estimate.model, units=units)


def month_of_acme() -> None:
    use(ALICE, "ask", {Unit.INPUT: 10_000, Unit.OUTPUT: 500, Unit.GUARDRAIL_CONTENT: 20})
    use(MAX, "assistant", {Unit.INPUT: 3_000, Unit.OUTPUT: 100})
    use(BOB, "search", {Unit.EMBEDDING: 12}, model="amazon.titan-embed-text-v2:0")
    use(CHARLIE, "ask", {Unit.INPUT: 77_777})


def test_the_api_says_what_the_ledger_says() -> None:
    month_of_acme()
    with entered(tenant_of(ALICE)):
        reserve({Unit.INPUT: 400, Unit.OUTPUT: 600})
        reserve_storage(5_000)
        rows = list(LedgerEntry.objects.all())
    usage = api(ALICE).get("/api/v1/usage/").json()
    meters = {meter["metric"]: meter for meter in usage["meters"]}
    tokens = sum(row.quantity for row in rows if row.unit in ("input_tokens", "output_tokens"))
    assert meters["model_tokens"]["used"] == tokens == 13_600
    assert meters["model_tokens"]["reserved"] == 1_000
    assert meters["model_tokens"]["included"] == 100_000_000
    assert meters["embedding_tokens"]["used"] == 12
    assert meters["guardrail_units"]["used"] == 20
    assert meters["storage_bytes"]["used"] == 5_000
    assert set(meters["model_tokens"]) >= {"metric", "used", "reserved", "included", "unit"}
    spend = sum((row.usd for row in rows), Decimal(0))
    assert Decimal(str(usage["spend_usd"])) == spend == Decimal("0.00392424")
    assert Decimal(str(meters["spend_usd"]["used"])) == spend
    assert usage["forecast_usd"] >= usage["spend_usd"]
    assert usage["plan"] == "growth"
    assert usage["period"] == rows[0].month.strftime("%Y-%m")
    assert {part["feature"]: part["tokens"] for part in usage["by_feature"]} == {
        "ask": 10_500,
        "assistant": 3_100,
        "search": 12,
    }
    assert {part["email"]: part["tokens"] for part in usage["by_user"]} == {
        ALICE.email: 10_500,
        MAX.email: 3_100,
        BOB.email: 12,
    }
    assert {part["model"] for part in usage["by_model"]} == {MODEL, "amazon.titan-embed-text-v2:0"}
    for name in ("by_feature", "by_user", "by_model"):
        parts = sum(Decimal(str(part["spend_usd"])) for part in usage[name])
        assert parts == spend


@pytest.mark.parametrize(
    ("person", "seen"), [(BOB, {BOB}), (MAX, {MAX}), (ADA, {ALICE, MAX, BOB})],
    ids=lambda value: getattr(value, "role", ""),
)  # fmt: skip
def test_members_see_themselves_and_admins_everyone(person: Person, seen: set[Person]) -> None:
    month_of_acme()
    usage = api(person).get("/api/v1/usage/").json()
    assert {part["email"] for part in usage["by_user"]} == {one.email for one in seen}
    page = browser_of(person).get("/usage/")
    assert page.status_code == 200
    assert ("By member" in page.content.decode()) == (person.role == "admin")


def test_a_workspace_sees_nothing_of_another() -> None:
    month_of_acme()
    answer = api(CHARLIE).get("/api/v1/usage/")
    assert ALICE.email not in answer.content.decode()
    assert answer.json()["meters"][0]["used"] == 77_777
    assert "77,777" not in browser_of(ALICE).get("/usage/").content.decode()


def test_strangers_are_refused() -> None:
    assert code_of(stranger(ALICE.host).get("/api/v1/usage/")) == "not_authenticated"
    assert code_of(api(ALICE, host=CHARLIE.host).get("/api/v1/usage/")) == "not_authenticated"
    for path in ("/usage/", "/usage/plans/", "/usage/prices/", "/usage/meters/", "/usage/meter/"):
        answer = stranger(ALICE.host).get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in/")


def test_the_page_shows_meters_breakdowns_prices_and_the_days() -> None:
    month_of_acme()
    page = browser_of(ALICE).get("/usage/").content.decode()
    for text in (
        "<strong>13,600</strong> of 100 M",
        "Resets 1 ",
        "What happens at the limit",
        "Spend by day",
        MODEL,
        "Guardrail content units",
        "$0.15 for 1,000",
        "$0.0039",
    ):
        assert text in page, text
    assert "Tokens by day" in browser_of(ALICE).get("/usage/?by=tokens").content.decode()


GERMAN: Final = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
    "November", "Dezember",
)  # fmt: skip


def test_the_days_and_hours_are_named_in_the_readers_language() -> None:
    with entered(tenant_of(ALICE)):
        today = database_now()
    client, first = browser_of(ALICE), today.date().replace(day=1)
    now = today.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    for language, day, hour in (
        ("en", f"1 {month_name[first.month]}", f"{now.day} {month_name[now.month]}, {now:%H}:00"),
        ("de", f"1. {GERMAN[first.month - 1]}", f"{now.day}. {GERMAN[now.month - 1]}, {now:%H}:00"),
    ):
        reads = {"Accept-Language": language}
        days = client.get("/usage/", headers=reads).content.decode()
        assert f'<time datetime="{first.isoformat()}">{day}</time>' in days
        hours = client.get("/usage/?step=hour", headers=reads).content.decode()
        assert f'<time datetime="{now.isoformat()}">{hour}</time>' in hours


def test_a_month_without_usage_says_what_to_do_first() -> None:
    page = browser_of(ALICE).get("/usage/").content.decode()
    assert "Nothing used yet this month" in page
    assert "by-member" not in page


def test_the_fragments_hold_no_page_around_them() -> None:
    client = browser_of(BOB)
    for path, text in (("/usage/meters/", "Embedding tokens"), ("/usage/meter/", "Model tokens")):
        answer = client.get(path, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        assert text in answer.content.decode()
        assert "<html" not in answer.content.decode()


def test_the_sidebar_shows_the_meter_that_is_nearest_to_its_limit() -> None:
    plan_make("near", included={"model_tokens": 1_000, "storage_bytes": 1_000})
    with entered(on_plan(tenant_of(ALICE), "near")):
        from billing.selectors import meter_summary

        assert meter_summary().metric == "model_tokens"
        reserve_storage(900)
        assert (meter_summary().metric, meter_summary().state) == ("storage_bytes", "near")
        settle(reserve(), model=MODEL, units={Unit.INPUT: 1_000})
        assert (meter_summary().metric, meter_summary().state) == ("model_tokens", "over")


def test_the_plans_page_tells_each_role_how_the_plan_changes() -> None:
    owner = browser_of(ALICE).get("/usage/plans/").content.decode()
    assert "/usage/plans/enterprise/" in owner
    viewer = browser_of(BOB).get("/usage/plans/").content.decode()
    assert f"mailto:{ALICE.email}" in viewer
    for page in (owner, viewer):
        for name in ("Trial", "Growth", "Enterprise", "Your plan", "$499 a month"):
            assert name in page


def test_the_prices_page_shows_the_rate_card_of_today() -> None:
    page = browser_of(BOB).get("/usage/prices/").content.decode()
    assert "anthropic.claude-haiku-4-5-20251001-v1:0" in page
    assert "$0.00875" in page


def test_prices_are_found_by_model_and_provider_and_few_are_open_at_once() -> None:
    def shown(query: str) -> str:
        return str(browser_of(BOB).get("/usage/prices/", {"q": query}).content.decode())

    everything, one = shown(""), shown("claude HAIKU 4.5")
    assert everything.count('<details class="disclosure price"') > 20
    assert 'disclosure price" open' not in everything
    assert one.count('disclosure price" open') == 1
    assert "Claude Haiku 4.5" in one
    assert "Amazon" not in one.partition('id="prices"')[2].partition("</main>")[0]
    assert "Cohere Embed v4" in shown("cohere")
    assert "No price matches" in shown("unicorn\u202e \U0001f984")


def test_the_landing_page_can_offer_the_plans() -> None:
    with public_scope("app_public"):
        plans = plans_on_offer()
    assert [plan["name"] for plan in plans] == ["Trial", "Team", "Growth", "Business", "Enterprise"]
    assert all(plan["features"] for plan in plans)
    seat = "$24.00 a month for each member above those included"
    assert [plan["name"] for plan in plans if seat in plan["features"]] == ["Team"]


def test_the_page_asks_as_many_statements_however_much_was_used() -> None:
    client = browser_of(ALICE)
    before = statements_of_page(client, "/usage/")
    for number in range(12):
        use(ALICE if number % 2 else MAX, f"feature-{number}", {Unit.INPUT: 100})
    assert statements_of_page(client, "/usage/") == before <= 14


def test_the_forecast_goes_on_at_the_rate_of_the_last_week() -> None:
    now = datetime(2026, 11, 21, 0, 0, tzinfo=UTC)
    days = [{"day": date(2026, 11, day), "usd": Decimal(2)} for day in range(14, 21)]
    # From the 15th on: 12 dollars in 6 days; 10 days are left: 20 more.
    assert forecast(days, Decimal(14), now) == Decimal(34)
    first = datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
    early = [{"day": date(2026, 11, 1), "usd": Decimal(1)}]
    # One hour into the month is reckoned as a day, not as 1/720 of the month.
    assert forecast(early, Decimal(1), first).quantize(Decimal("0.01")) == Decimal("30.96")


def test_a_replayed_request_id_is_counted_again() -> None:
    request_id = uuid4()
    with entered(tenant_of(ALICE)):
        for _ in range(2):
            settle(reserve(request_id=request_id), model=MODEL, units={Unit.INPUT: 500})
    usage = api(ALICE).get("/api/v1/usage/").json()
    assert usage["meters"][0]["used"] == 1_000


def test_the_charts_axis_has_room_for_small_sums_and_bars_begin_beside_it() -> None:
    day = Part("26", "26 November", 1, 10, Decimal("0.00009"))
    chart = chart_of_days([day] * 30, date(2026, 11, 1), by="spend")
    longest = max(len(line.label) for line in chart.lines)
    assert (longest, chart.left) == (len("$0.00009"), 72)
    assert Decimal(chart.bars[0].x) > chart.left
    assert Decimal(chart.bars[-1].x) + Decimal(chart.bars[-1].width) <= chart.width
