"""What runs in the background: the sweeper under `ops`, partitions under the owner's login."""

from collections.abc import Callable

import pytest

from billing.models import LedgerEntry, Reservation
from billing.selectors import request_cost
from billing.settlement import release, settle
from billing.units import Metric, Unit
from tenants.context import entered
from tests.billing.calls import MODEL, counter, entries, reserve
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of

SWEEP = """
from datetime import timedelta
from billing.sweeper import sweep
from tenants.context import public_scope
with public_scope("ops"):
    print("swept", sweep(timedelta(seconds={seconds})))
"""
PARTITIONS = """
from billing.partitions import partitions_ensure, reservations_purge
from billing.tasks import ledger_partitions
from django.db import connection
from tenants.context import public_scope
with public_scope("owner"):
    with connection.cursor() as c:
        c.execute("SELECT (date_trunc('month', now()) + interval '13 months')::date")
        month = c.fetchone()[0]
        c.execute("INSERT INTO billing_ledgerentry (id, tenant_id, month, request_id, attempt,"
            " unit, quantity, kind, estimated, model, route, region, profile_arn, feature,"
            " reservation_id) VALUES (gen_random_uuid(), gen_random_uuid(), %s, gen_random_uuid(),"
            " 1, 'seats', 1, 'usage', false, '', '', '', '', '', gen_random_uuid())", [month])
    made = partitions_ensure(13)
    assert made == [f"billing_ledgerentry_{month:%Y%m}"], made
    with connection.cursor() as c:
        c.execute(f"SELECT count(*) FROM {made[0]}")
        assert c.fetchone() == (1,)
        c.execute("SELECT count(*) FROM billing_ledgerentry_rest")
        assert c.fetchone() == (0,)
    assert partitions_ensure(13) == []
    reservations_purge()
ledger_partitions()
print("kept")
"""
Manage = Callable[..., str]


@pytest.mark.django_db(transaction=True)
def test_what_a_dead_process_left_is_settled_as_an_estimate(manage: Manage) -> None:
    with entered(tenant_of(ALICE)):
        orphan = reserve()
    with entered(tenant_of(CHARLIE)):
        other = reserve()
        settled = reserve()
        settle(settled, model=MODEL, units={Unit.INPUT: 1})
    assert "swept 0" in manage("ops", "shell", "-c", SWEEP.format(seconds=480))
    assert "swept 2" in manage("ops", "shell", "-c", SWEEP.format(seconds=0))
    assert "swept 0" in manage("ops", "shell", "-c", SWEEP.format(seconds=0))
    for person, reservation in ((ALICE, orphan), (CHARLIE, other)):
        with entered(tenant_of(person)):
            assert Reservation.objects.get(id=reservation.id).state == "swept"
            rows = LedgerEntry.objects.filter(request_id=reservation.request_id)
            assert {(row.unit, row.quantity, row.estimated) for row in rows} == {
                ("input_tokens", 800, True),
                ("output_tokens", 200, True),
            }
    with entered(tenant_of(ALICE)):
        assert counter(Metric.MODEL_TOKENS) == (1_000, 0)


@pytest.mark.django_db(transaction=True)
def test_a_release_that_comes_after_the_end_changes_nothing(manage: Manage) -> None:
    with entered(tenant_of(ALICE)):
        settled, orphan = reserve(), reserve()
        settle(settled, model=MODEL, units={Unit.INPUT: 700})
    assert "swept 1" in manage("ops", "shell", "-c", SWEEP.format(seconds=0))
    with entered(tenant_of(ALICE)):

        def booked() -> list[object]:
            states = Reservation.objects.order_by("state").values_list("id", "state")
            rows = [entries(each.request_id) for each in (settled, orphan)]
            return [list(states), rows, counter(Metric.MODEL_TOKENS), counter(Metric.SPEND)]

        before = booked()
        assert before[0] == [(settled.id, "settled"), (orphan.id, "swept")]
        for reservation in (settled, orphan):
            release(reservation)
        assert booked() == before


@pytest.mark.django_db(transaction=True)
def test_a_settlement_later_than_the_sweeper_puts_the_estimate_right(manage: Manage) -> None:
    with entered(tenant_of(ALICE)):
        late = reserve()
    manage("ops", "shell", "-c", SWEEP.format(seconds=0))
    with entered(tenant_of(ALICE)):
        for _ in range(2):
            settle(late, model=MODEL, units={Unit.INPUT: 700, Unit.OUTPUT: 50})
        assert entries(late.request_id) == {
            (101, "input_tokens"): 700,
            (101, "output_tokens"): 50,
            (198, "input_tokens"): -800,
            (198, "output_tokens"): -200,
            (199, "input_tokens"): 800,
            (199, "output_tokens"): 200,
        }
        assert request_cost(late.request_id).units == {"input_tokens": 700, "output_tokens": 50}
        assert counter(Metric.MODEL_TOKENS) == (750, 0)
        assert counter(Metric.SPEND) == (request_cost(late.request_id).usd, 0)


@pytest.mark.django_db(transaction=True)
def test_partitions_are_made_ahead_and_take_the_rows_that_came_before_them(manage: Manage) -> None:
    assert "kept" in manage("owner", "shell", "-c", PARTITIONS)


@pytest.mark.django_db(transaction=True)
def test_the_rate_card_can_be_loaded_again(manage: Manage) -> None:
    assert "0 plans and 0 prices" in manage("owner", "load_rate_card")
