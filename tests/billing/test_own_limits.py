"""Pages and REST of the limits that a workspace sets itself; requests down to their prices; CSV."""

import csv
import io
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from lxml import html

from billing.limitmodels import Allowance
from billing.models import LedgerEntry, UsageDay, UsageHour
from billing.settlement import settle
from billing.units import Unit
from tenants.accounts.selectors import Actor
from tenants.context import entered
from tests.billing.calls import MODEL, reserve
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of, user_of

pytestmark = pytest.mark.django_db


def use(person: Person, units: dict[Unit, int], feature: str = "ask") -> str:
    actor = Actor(user_id=user_of(person).pk, role=person.role, kind="session")
    with entered(tenant_of(person)):
        held = reserve(units, actor=actor, feature=feature)
        settle(held, model=MODEL, units=units)
    return str(held.request_id)


def put(person: Person, path: str, body: dict) -> object:
    return api(person).put(f"/api/v1/usage/{path}/", body, content_type="application/json")


def write(person: Person) -> object:
    text = {"task": "draft", "instructions": "A line of thanks."}
    return api(person).post("/api/v1/write/", text, content_type="application/json")


def test_a_cap_stops_usage_gracefully_and_its_removal_lets_it_go_on() -> None:
    page = browser_of(ALICE)
    assert page.post("/usage/limits/", {"part": "cap", "usd": "0.000001"}).status_code == 302
    stopped = write(MAX)
    assert stopped.status_code == 402
    assert code_of(stopped) == "quota_exhausted"
    said = stopped.json()
    assert (said["limit"], said["upgrade_url"]) == ("cap", "/usage/limits/")
    assert "the owner can raise the cap at once" in said["detail"]
    assert "Spend cap (stops usage)" in page.get("/usage/").content.decode()
    assert "every request is refused" not in page.get("/usage/limits/").content.decode()
    assert page.post("/usage/limits/", {"part": "cap", "remove": "1"}).status_code == 302
    assert write(MAX).status_code == 200


def test_an_allowance_stops_one_member_and_tells_whom_to_ask() -> None:
    body = {"user_id": str(user_of(MAX).pk), "model_tokens": 10}
    set_by_admin = put(ADA, "allowances", body)
    assert set_by_admin.status_code == 200, set_by_admin.content
    stopped = write(MAX)
    assert (code_of(stopped), stopped.json()["limit"]) == ("quota_exhausted", "allowance")
    assert write(ADA).status_code == 200
    assert "Your allowance: model tokens" in browser_of(MAX).get("/usage/").content.decode()
    assert put(ADA, "allowances", {"user_id": str(user_of(MAX).pk)}).status_code == 200
    assert write(MAX).status_code == 200


def shown(content: bytes) -> dict[str, list[str]]:
    """Return the columns of the page's table of allowances."""
    table = html.fromstring(content.decode()).xpath("//form[.//input[@name='spend_usd']]")[0]
    names = ("user_id", "seen", "model_tokens", "spend_usd")
    return {
        name: [each.get("value", "") for each in table.xpath(f".//input[@name='{name}']")]
        for name in names
    }


def changed(columns: dict[str, list[str]], person: Person, name: str, value: str) -> None:
    columns[name][columns["user_id"].index(str(user_of(person).pk))] = value


def test_several_allowances_are_saved_by_one_press_and_those_untouched_left() -> None:
    page = browser_of(ADA)
    columns = shown(page.get("/usage/limits/").content)
    other = {"user_id": str(user_of(BOB).pk), "model_tokens": 7}
    assert put(ALICE, "allowances", other).status_code == 200  # meanwhile, of a row not touched
    changed(columns, MAX, "model_tokens", "1,500")
    changed(columns, ALICE, "spend_usd", "2.50")
    assert page.post("/usage/limits/", {"part": "allowance"} | columns).status_code == 302
    with entered(tenant_of(ALICE)):
        given = {row.user_id: (row.model_tokens, row.spend_usd) for row in Allowance.objects.all()}
    assert given == {
        user_of(MAX).pk: (1500, None),
        user_of(ALICE).pk: (None, Decimal("2.5")),
        user_of(BOB).pk: (7, None),
    }


def test_of_several_allowances_one_refused_saves_none_and_keeps_what_was_typed() -> None:
    page = browser_of(ADA)
    columns = shown(page.get("/usage/limits/").content)
    changed(columns, ALICE, "model_tokens", "900")
    changed(columns, MAX, "spend_usd", "much")
    other = {"user_id": str(user_of(BOB).pk), "model_tokens": 7}
    assert put(ALICE, "allowances", other).status_code == 200
    refused = page.post("/usage/limits/", {"part": "allowance"} | columns)
    assert refused.status_code == 422
    assert f"{user_of(MAX)}: “much” is no amount" in refused.content.decode()
    kept = shown(refused.content)
    sums = zip(kept["model_tokens"], kept["spend_usd"], strict=True)
    rows = dict(zip(kept["user_id"], sums, strict=True))
    assert rows[str(user_of(ALICE).pk)] == ("900", "")
    assert rows[str(user_of(MAX).pk)] == ("", "much")
    assert rows[str(user_of(BOB).pk)] == ("7", ""), "what another set is shown, not the old page's"
    with entered(tenant_of(ALICE)):
        assert list(Allowance.objects.values_list("user_id", flat=True)) == [user_of(BOB).pk]


def test_a_table_that_came_incomplete_sets_nothing() -> None:
    page = browser_of(ADA)
    columns = shown(page.get("/usage/limits/").content)
    cut = columns | {"user_id": columns["user_id"][:-1]}
    refused = page.post("/usage/limits/", {"part": "allowance"} | cut)
    assert refused.status_code == 422
    assert "The table came incomplete" in refused.content.decode()


def test_who_may_set_what() -> None:
    for person, path, body in (
        (ADA, "cap", {"usd": 5}),
        (ADA, "budget", {"usd": 5}),
        (MAX, "allowances", {"user_id": None, "model_tokens": 5}),
    ):
        assert code_of(put(person, path, body)) == "forbidden"
    assert browser_of(ADA).post("/usage/limits/", {"part": "cap", "usd": 5}).status_code == 403
    refused = browser_of(MAX).post("/usage/limits/", {"part": "allowance", "model_tokens": 5})
    assert refused.status_code == 403
    stranger = {"user_id": str(user_of(CHARLIE).pk), "model_tokens": 5}
    assert code_of(put(ALICE, "allowances", stranger)) == "not_found"


@pytest.mark.parametrize("usd", ["-1", "nan", "Infinity", "1e30", "0.0000001", "much", ""])
def test_amounts_that_are_none_are_refused_with_a_reason(usd: str) -> None:
    answer = browser_of(ALICE).post("/usage/limits/", {"part": "cap", "usd": usd})
    assert answer.status_code == 422
    assert "Nothing was changed" in answer.content.decode()
    assert put(ALICE, "cap", {"usd": usd}).status_code == 400
    assert api(ALICE).get("/api/v1/usage/limits/").json()["cap_usd"] is None


def test_half_a_token_is_an_allowance_for_nobody() -> None:
    page = browser_of(ALICE)
    columns = shown(page.get("/usage/limits/").content)
    changed(columns, MAX, "model_tokens", "1.5")
    refused = page.post("/usage/limits/", {"part": "allowance"} | columns)
    assert (refused.status_code, b"Tokens are whole." in refused.content) == (422, True)
    body = {"user_id": str(user_of(MAX).pk), "model_tokens": 1.5}
    assert put(ALICE, "allowances", body).status_code == 400
    with entered(tenant_of(ALICE)):
        assert not Allowance.objects.exists()


def test_a_request_opens_down_to_its_entries_and_price_rows() -> None:
    request_id = use(MAX, {Unit.INPUT: 10_000, Unit.GUARDRAIL_CONTENT: 3})
    for person in (ALICE, MAX):
        page = browser_of(person)
        assert request_id in page.get("/usage/requests/").content.decode()
        opened = page.get(f"/usage/requests/{request_id}/").content.decode()
        with entered(tenant_of(ALICE)):
            rows = list(LedgerEntry.objects.filter(request_id=request_id))
        for row in rows:
            assert f"entry-{row.id}" in opened
            assert f"row {row.price_id}, since" in opened
    for other in (BOB, CHARLIE):
        page = browser_of(other)
        assert request_id not in page.get("/usage/requests/").content.decode()
        assert page.get(f"/usage/requests/{request_id}/").status_code == 404
    owner = browser_of(ALICE)
    assert owner.get(f"/usage/requests/{uuid4()}/").status_code == 404
    for never in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "soon"):
        shown = owner.get("/usage/requests/", {"before": never}).content.decode()
        assert request_id in shown, "what is no time leads to the newest"


def test_the_csv_holds_exactly_what_is_shown() -> None:
    use(MAX, {Unit.INPUT: 10_000}, "=cmd()")
    use(ALICE, {Unit.INPUT: 7, Unit.OUTPUT: 1})
    page = browser_of(ALICE)
    with entered(tenant_of(ALICE)):
        spent = sum((row.usd for row in LedgerEntry.objects.all()), Decimal(0))
    for table in ("days", "hours", "features", "models", "members"):
        answer = page.get(f"/usage/export/?table={table}")
        rows = list(csv.reader(io.StringIO(answer.content.decode())))
        assert answer["Content-Type"].startswith("text/csv")
        assert sum(Decimal(row[3]) for row in rows[1:]) == spent, table
        assert sum(int(row[1]) for row in rows[1:]) == 2, table
    assert "'=cmd()" in page.get("/usage/export/?table=features").content.decode()
    assert page.get("/usage/export/?table=nothing").status_code == 404
    assert browser_of(BOB).get("/usage/export/?table=members").status_code == 404


def test_the_series_by_hour_and_by_day_say_what_the_ledger_says() -> None:
    use(ALICE, {Unit.INPUT: 10_000})
    for step in ("day", "hour"):
        points = api(ALICE).get(f"/api/v1/usage/series/?step={step}").json()["points"]
        assert sum(point["tokens"] for point in points) == 10_000
        assert points[-1]["tokens"] == 10_000
    assert "The last 48 hours" in browser_of(ALICE).get("/usage/?step=hour").content.decode()
    assert code_of(api(ALICE).get("/api/v1/usage/series/?step=year")) == "invalid"


def test_the_roll_ups_equal_the_ledger_and_nobody_who_serves_can_write_them() -> None:
    for person in (ALICE, MAX, BOB):
        use(person, {Unit.INPUT: 100, Unit.OUTPUT: 3})
    with entered(tenant_of(ALICE)):
        held = reserve()
        for attempt in (1, 2):
            settle(held, model=MODEL, units={Unit.INPUT: 5}, attempt=attempt, final=attempt == 2)
        rows = list(LedgerEntry.objects.all())
        days, hours = list(UsageDay.objects.all()), list(UsageHour.objects.all())
        assert sum(day.usd for day in days) == sum(row.usd for row in rows)
        assert sum(hour.usd for hour in hours) == sum(row.usd for row in rows)
        assert sum(day.quantity for day in days) == sum(row.quantity for row in rows)
        requests = len({row.request_id for row in rows})
        assert requests == 4 == sum(day.requests for day in days)
        assert requests == sum(hour.requests for hour in hours)
        for sql in ("UPDATE billing_usageday SET usd = 0", "DELETE FROM billing_usagehour"):
            with (
                pytest.raises(ProgrammingError, match="permission denied"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(sql)
    with entered(tenant_of(CHARLIE)):
        assert not UsageDay.objects.exists()
