"""Deliveries that repeat, readers that leave, clocks that are wrong: the books stay exact.

The suite runs few of each. `DELIVERIES` is how many calls are delivered again and again, `DROPS`
how many streams are left; `PERIODS=full` tries every hour around every edge.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db import connection
from django.db.models import Sum

from bedrock import gateway
from billing import admission
from billing.models import LedgerEntry, UsageDay
from billing.settlement import settle
from billing.units import Metric, Unit
from tenants.context import entered
from tests.bedrock.asking import estimated, ledger, question, states
from tests.billing.calls import MODEL, at_once, counter, reserve
from tests.support.cast import ALICE
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws
from tests.support.services import Worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]
Manage = Callable[..., str]
DELIVERIES = int(os.environ.get("DELIVERIES", "60"))
DROPS = int(os.environ.get("DROPS", "6"))
FULL = os.environ.get("PERIODS") == "full"
SWEEP = """
from datetime import timedelta
from billing.sweeper import sweep
from tenants.context import public_scope
with public_scope("ops"):
    print("swept", sweep(timedelta(0)))
"""


def test_what_is_delivered_ten_times_shuffled_and_after_the_sweep_counts_once(
    manage: Manage,
) -> None:
    picked = random.Random(34)
    tenant = tenant_of(ALICE)
    calls = []
    with entered(tenant):
        for _ in range(DELIVERIES):
            units = {Unit.INPUT: picked.randrange(1, 900), Unit.OUTPUT: picked.randrange(1, 200)}
            calls.append((reserve(paced=False), units))
    deliveries = [call for call in calls for _ in range(picked.randrange(1, 11))]
    picked.shuffle(deliveries)
    early = deliveries[: len(deliveries) // 3]

    def deliver(some: list[Any]) -> None:
        done = at_once(
            tenant,
            lambda number: settle(some[number][0], model=MODEL, units=some[number][1]),
            len(some),
            threads=8,
        )
        assert done == [None] * len(some)

    deliver(early)
    manage("ops", "shell", "-c", SWEEP)  # as if days had gone by: the rest is charged as estimates
    deliver(deliveries)
    used: Counter[str] = Counter()
    for _, units in calls:
        used.update({unit.value: quantity for unit, quantity in units.items()})
    with entered(tenant):
        rows = LedgerEntry.objects.values_list("unit").annotate(Sum("quantity"))
        assert dict(rows) == used
        tokens = Decimal(used.total())
        assert counter(Metric.MODEL_TOKENS) == (tokens, 0)
        spent = LedgerEntry.objects.aggregate(usd=Sum("usd"))["usd"]
        assert counter(Metric.SPEND) == (spent, 0)
        assert spent == Decimal(used["input_tokens"]) * 6 / 10**8 + Decimal(
            used["output_tokens"]
        ) * 24 / Decimal(10**8)
        days = UsageDay.objects.aggregate(quantity=Sum("quantity"), requests=Sum("requests"))
        assert days == {"quantity": used.total(), "requests": DELIVERIES}
    print(f"{DELIVERIES} calls in {len(early) + len(deliveries)} deliveries: 0 tokens off")


def test_a_reader_who_leaves_at_every_tenth_word_is_charged_for_the_whole_answer(
    localaws: LocalAws,
) -> None:
    tenant, off = tenant_of(ALICE), 0
    for number in range(1, DROPS + 1):
        localaws.script(
            match={"operation": "ConverseStream"},
            chunks=[f"word{index} " for index in range(10 * DROPS + 5)],
        )
        asked = question()
        with entered(tenant):
            stream = gateway.converse_stream(asked)
            for _ in range(10 * number):
                next(stream)
            stream.close()  # type: ignore[attr-defined]
        assert gateway.drains_finish(20)
        [call] = localaws.requests("ConverseStream")
        booked = ledger(tenant, asked.request_id)
        off += abs(booked[1, "output_tokens"] - call["usage"]["outputTokens"])
        off += abs(booked[1, "input_tokens"] - call["usage"]["inputTokens"])
        assert estimated(tenant, asked.request_id) == {False}
        assert states(tenant, asked.request_id) == ["settled"]
        localaws.reset()
    assert off == 0
    print(f"{DROPS} streams left, {off} tokens off")


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata")
# Months' edges, and hours that summer time doubles or leaves out.
EDGES = (
    *(datetime(2026 + month // 12, month % 12 + 1, 1, tzinfo=UTC) for month in range(12)),
    datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC),
)  # fmt: skip
CLOCK = """
    CREATE SCHEMA turned;
    CREATE FUNCTION turned.now() RETURNS timestamptz STABLE LANGUAGE sql
        AS $$ SELECT current_setting('turned.now')::timestamptz $$;
"""
ADMIT = """
    SELECT o_month, o_day, cardinality(coalesce(o_refused, '{}')) FROM billing_admit(
        gen_random_uuid(), %s, gen_random_uuid(), 'ask', NULL, NULL, 'nova', '{}', '{}',
        '{model_tokens}', '{1}', '{NULL}')
"""


@pytest.fixture
def turned(worker: Worker) -> Iterator[psycopg.Connection[Any]]:
    """A connection on which the database's clock can be turned: its `now()` comes before."""
    url = worker.served.cluster().url("postgres", worker.database)
    with psycopg.connect(url) as opened:
        opened.execute(CLOCK)
        opened.execute("SET LOCAL search_path = turned, pg_catalog, public")
        yield opened
        opened.rollback()


def test_a_call_counts_in_the_month_and_day_of_utc_at_every_edge_and_in_every_zone(
    turned: psycopg.Connection[Any],
) -> None:
    tenant, tried, wrong = uuid4(), 0, []
    steps = [
        timedelta(microseconds=-1),
        timedelta(0),
        timedelta(minutes=-10),
        timedelta(minutes=10),
    ]
    if FULL:
        steps += [timedelta(minutes=minutes) for minutes in range(-1440, 1441, 15)]
    for zone in ZONES:
        turned.execute("SELECT set_config('TimeZone', %s, true)", [zone])
        for edge in EDGES:
            for step in steps:
                at = (edge + step).astimezone(ZoneInfo(zone))
                turned.execute("SELECT set_config('turned.now', %s, true)", [at.isoformat()])
                found = turned.execute(ADMIT, [tenant]).fetchone()
                day = at.astimezone(UTC).date()
                tried += 1
                if found != (day.replace(day=1), day, 0):
                    wrong.append((zone, at, found))
    assert wrong == []
    print(f"{tried} moments in {len(ZONES)} zones, {len(wrong)} in a wrong period")


@pytest.mark.parametrize("minutes", [-50_000, -10, 10, 50_000])
def test_a_host_whose_clock_is_wrong_books_nothing_in_a_wrong_month(
    minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Skewed(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(minutes=minutes)

    monkeypatch.setattr(admission, "datetime", Skewed)
    with entered(tenant_of(ALICE)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::date")
            today = cursor.fetchone()[0]
        held = reserve()
        settle(held, model=MODEL, units={Unit.INPUT: 5})
        assert (held.month, held.day) == (today.replace(day=1), today)
        [row] = LedgerEntry.objects.all()
        assert row.month == held.month
        [day] = UsageDay.objects.values_list("day", flat=True)
        assert day == today
