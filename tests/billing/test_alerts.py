"""Alerts: each threshold once a month, in the workspace, by mail, to whom the workspace chose."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from billing.admission import Estimate, admit
from billing.alertmodels import AlertsRead
from billing.alerts.services import EVENT, alert_tell
from billing.catalog import plan_terms
from billing.models import Alert
from billing.services import allowance_set, budget_set, cap_set
from billing.settlement import settle
from billing.storage import reserve_storage
from billing.units import Metric, Unit
from tenants.accounts.models import User
from tenants.context import Actor, entered
from tenants.webhooks.models import Delivery
from tenants.webhooks.services import endpoint_create
from tests.billing.calls import MODEL
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of, user_of

pytestmark = pytest.mark.django_db(transaction=True)
Manage = Callable[..., str]

FIND = """
import json
from concurrent.futures import ThreadPoolExecutor
from django.db import connection
from billing.alerts.finding import alerts_find
from tenants.context import public_scope

def find(_):
    try:
        with public_scope("ops"):
            return alerts_find()
    finally:
        connection.close()

with ThreadPoolExecutor(4) as pool:
    list(pool.map(find, range(8)))
print("FOUND", json.dumps([[str(one) for one in pair] for pair in find(0)]))
"""


def found(manage: Manage) -> list[tuple[str, str]]:
    """Look with four workers at once; return what is to be told: tenant and alert."""
    said = manage("ops", "shell", "-c", FIND).split("FOUND ", 1)[1]
    return [(tenant, alert) for tenant, alert in json.loads(said)]


def tell(manage: Manage) -> list[str]:
    """Find and tell as the tasks do; return the alerts of acme, newest last."""
    tenant = tenant_of(ALICE)
    ids = [alert for whose, alert in found(manage) if whose == str(tenant.id)]
    with entered(tenant):
        for alert in ids:
            assert alert_tell(UUID(alert))
        rows = Alert.objects.order_by("at", "kind", "metric")
        return [f"{row.kind} {row.metric} {row.threshold}" for row in rows]


def actor_of(person: Person) -> Actor:
    return Actor(user_id=user_of(person).pk, role=person.role, kind="session")


def use(person: Person, tokens: int) -> None:
    """Use input tokens; a million are 0.06 dollars."""
    with entered(tenant_of(person)):
        held = admit(
            actor=actor_of(person), feature="ask", request_id=uuid4(), paced=False,
            estimate=Estimate(MODEL, {Unit.INPUT: tokens}),
        )  # fmt: skip
        settle(held, model=MODEL, units={Unit.INPUT: tokens})


def test_each_threshold_is_said_once_a_month_whoever_looks_how_often(manage: Manage) -> None:
    with entered(tenant_of(ALICE)):
        budget_set(actor=actor_of(ALICE), usd=Decimal("0.06"))
        cap_set(actor=actor_of(ALICE), usd=Decimal("0.1"))  # of which less is used
    use(ALICE, 810_000)
    assert tell(manage) == ["budget spend_usd 80"]
    assert len(mail.outbox) == 1
    [first] = mail.outbox
    assert first.subject == "Acme Works: 80% of the budget used"
    assert first.to == [ADA.email, ALICE.email]
    assert "http://acme.localhost" in str(first.body)
    assert "/usage/alerts/" in str(first.body)
    with entered(tenant_of(ALICE)):
        cap_set(actor=actor_of(ALICE), usd=None)
    use(ALICE, 200_000)
    assert tell(manage) == ["budget spend_usd 80", "budget spend_usd 100"]
    with entered(tenant_of(ALICE)):
        budget_set(actor=actor_of(ALICE), usd=Decimal("0.061"))  # another limit is said anew
    assert tell(manage)[2:] == ["budget spend_usd 80"]
    assert len(mail.outbox) == 3


def test_every_kind_of_limit_is_watched_and_only_the_highest_threshold_is_said(
    manage: Manage,
) -> None:
    with entered(tenant_of(ALICE)):
        cap_set(actor=actor_of(ALICE), usd=Decimal("0.06"))
        allowance_set(actor=actor_of(ADA), user_id=None, model_tokens=Decimal(1_000_000))
        allowance_set(
            actor=actor_of(ADA), user_id=user_of(ALICE).pk, spend_usd=Decimal(10)
        )  # nobody else's allowance counts for her
        included = plan_terms("growth").included[Metric.STORAGE]
        assert included is not None
        reserve_storage(int(included) * 9 // 10)
    use(MAX, 1_000_000)
    for tokens in (41_000_000, 41_000_000):  # of the growth plan's hundred million
        with entered(tenant_of(ALICE)):
            cap_set(actor=actor_of(ALICE), usd=None)
        use(ALICE, tokens)
    with entered(tenant_of(ALICE)):
        cap_set(actor=actor_of(ALICE), usd=Decimal("5"))
    said = tell(manage)
    assert sorted(said) == [
        "allowance model_tokens 100",
        "cap spend_usd 80",
        "quota model_tokens 80",
        "storage storage_bytes 80",
    ]
    [own] = [one for one in mail.outbox if "allowance" in one.subject]
    assert own.to == [ADA.email, ALICE.email, MAX.email]
    assert f"100% of {MAX.email}'s allowance (model tokens) used" in own.subject


def test_two_workers_tell_one_alert_once_and_a_mail_that_fails_is_tried_again(
    manage: Manage, monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    with entered(tenant_of(ALICE)):
        budget_set(actor=actor_of(ALICE), usd=Decimal("0.0001"))
    use(ALICE, 10_000)
    [(_, alert)] = found(manage)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    with entered(tenant_of(ALICE)):
        endpoint_create(actor=actor_of(ADA), url="https://93.184.215.14/hook", events=[EVENT])
    with entered(tenant_of(ALICE)), pytest.raises(OSError, match="refused"):
        alert_tell(UUID(alert))
    assert found(manage) == [(str(tenant_of(ALICE).id), alert)]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"  # type: ignore[attr-defined]

    with entered(tenant_of(CHARLIE)):
        assert not alert_tell(UUID(alert))

    def told(_: int) -> bool:
        try:
            with entered(tenant_of(ALICE)):
                return alert_tell(UUID(alert))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(told, range(4))) == [False, False, False, True]
    assert len(mail.outbox) == 1
    with entered(tenant_of(ALICE)):
        [event] = Delivery.objects.all()
    body = json.loads(event.body)
    assert body["type"] == "usage.threshold"
    assert body["data"].items() >= {"kind": "budget", "threshold": 100, "limit": 0.0001}.items()


def test_admins_choose_when_and_who_and_nobody_else_does(manage: Manage) -> None:
    page = browser_of(ADA)
    form = {"budget": "50, 90 %", "cap": "", "members": [str(user_of(BOB).pk)]}
    assert page.post("/usage/alerts/", form).status_code == 302
    with entered(tenant_of(ALICE)):
        program = User.objects.create(email="p@programs.invalid", is_service=True, role="viewer")
    shown = page.get("/usage/alerts/").content.decode()
    assert 'value="50, 90"' in shown
    assert BOB.email in shown
    assert program.email not in shown, "a program has no mailbox"
    with entered(tenant_of(ALICE)):
        budget_set(actor=actor_of(ALICE), usd=Decimal("0.06"))
        cap_set(actor=actor_of(ALICE), usd=Decimal("0.06"))
    use(ALICE, 510_000)
    assert tell(manage) == ["budget spend_usd 50"]
    assert mail.outbox[0].to == [BOB.email]
    for wrong in ({"budget": "0"}, {"budget": "101"}, {"budget": "a"}, {"members": "x"},
                  {"budget": "1,2,3,4,5,6"}, {"members": [str(user_of(CHARLIE).pk)]},
                  {"members": [str(program.pk)]}):  # fmt: skip
        refused = page.post("/usage/alerts/", wrong)
        assert refused.status_code == 422, wrong
        assert "Nothing was changed" in refused.content.decode()
    assert browser_of(MAX).post("/usage/alerts/", form).status_code == 403
    body = {"thresholds": {"nothing": [80]}, "to_admins": True, "members": []}
    put = api(ADA).put("/api/v1/usage/alerts/", body, content_type="application/json")
    assert code_of(put) == "invalid"
    body["thresholds"] = {"budget": []}
    put = api(ADA).put("/api/v1/usage/alerts/", body, content_type="application/json")
    assert put.json()["chosen"]["thresholds"]["budget"] == []
    assert put.json()["chosen"]["thresholds"]["cap"] == [80, 100]


def test_the_bell_counts_what_each_person_may_see_and_has_not_read(manage: Manage) -> None:
    with entered(tenant_of(ALICE)):
        budget_set(actor=actor_of(ALICE), usd=Decimal("0.0001"))
        allowance_set(actor=actor_of(ADA), user_id=user_of(MAX).pk, model_tokens=Decimal(1000))
    use(MAX, 1000)
    use(ALICE, 10_000)
    assert len(tell(manage)) == 2
    counts = {
        person.name: api(person).get("/api/v1/usage/alerts/").json()["unread"]
        for person in (ALICE, ADA, MAX, BOB, CHARLIE)
    }
    assert counts == {"Alice": 2, "Ada": 2, "Max": 1, "Bob": 0, "Charlie": 0}
    mine = api(MAX).get("/api/v1/usage/alerts/").json()
    assert [(one["kind"], one["member"]) for one in mine["results"]] == [("allowance", MAX.email)]
    assert "chosen" not in mine
    page = browser_of(ALICE)
    assert '<span class="bell__count">2' in page.get("/usage/meter/").content.decode()
    shown = page.get("/usage/alerts/").content.decode()
    assert shown.count(">New<") == 2
    until = mine["results"][0]["at"]
    for never in ("soon", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        assert page.post("/usage/alerts/read/", {"until": never}).status_code == 400, never
    assert page.get("/usage/alerts/").status_code == 200
    assert page.post("/usage/alerts/read/", {"until": until}).status_code == 302
    assert "bell__count" not in page.get("/usage/meter/").content.decode()
    assert ">New<" not in page.get("/usage/alerts/").content.decode()
    earlier = {"until": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}
    again = api(ALICE).post("/api/v1/usage/alerts/read/", earlier, content_type="application/json")
    assert again.json()["unread"] == 0
    assert api(ADA).get("/api/v1/usage/alerts/").json()["unread"] == 2
    to_come = {"until": "9000-01-01T00:00:00Z"}
    api(ADA).post("/api/v1/usage/alerts/read/", to_come, content_type="application/json")
    with entered(tenant_of(ALICE)):
        assert AlertsRead.objects.get(user_id=user_of(ADA).pk).until <= timezone.now()
