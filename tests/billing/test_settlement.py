"""What was used is written once, exactly, into the month it was reserved in."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from billing import catalog
from billing.models import LedgerEntry, Price, QuotaCounter, Reservation
from billing.reservations import LAST_ATTEMPT, REVERSAL_ATTEMPT, SWEPT_ATTEMPT
from billing.selectors import request_cost
from billing.settlement import release, settle, settlements_ride
from billing.units import GUARDRAIL_KEY, Metric, Unit
from tenants.context import entered, public_scope
from tenants.errors import QuotaExhausted
from tests.billing.calls import (
    MODEL,
    at_once,
    counter,
    entries,
    on_plan,
    plan_make,
    reserve,
)
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of

USED = {Unit.INPUT: 700, Unit.OUTPUT: 50}


@pytest.mark.django_db
def test_settling_again_changes_nothing() -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve()
        for _ in range(3):
            settle(reservation, model=MODEL, units=USED)
        assert entries(reservation.request_id) == {
            (101, "input_tokens"): 700,
            (101, "output_tokens"): 50,
        }
        assert counter(Metric.MODEL_TOKENS) == (750, 0)
        assert Reservation.objects.get(id=reservation.id).state == "settled"


@pytest.mark.django_db(transaction=True)
def test_settled_by_many_at_once_it_is_counted_once() -> None:
    tenant = tenant_of(ALICE)
    with entered(tenant):
        reservation = reserve()
    done = at_once(tenant, lambda _: settle(reservation, model=MODEL, units=USED), 30, threads=10)
    assert done == [None] * 30
    with entered(tenant):
        assert counter(Metric.MODEL_TOKENS) == (750, 0)
        assert LedgerEntry.objects.filter(request_id=reservation.request_id).count() == 2


@pytest.mark.django_db
def test_each_attempt_that_was_charged_is_metered() -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve()
        settle(reservation, model=MODEL, units={Unit.INPUT: 700}, attempt=1, final=False)
        assert counter(Metric.MODEL_TOKENS) == (700, 1_000)
        settle(reservation, model=MODEL, units=USED, attempt=2)
        assert counter(Metric.MODEL_TOKENS) == (1_450, 0)
        assert set(entries(reservation.request_id)) == {
            (101, "input_tokens"),
            (102, "input_tokens"),
            (102, "output_tokens"),
        }


@pytest.mark.django_db
def test_an_attempt_whose_number_stands_for_something_else_is_not_written() -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve()
        for attempt in (0, LAST_ATTEMPT + 1, REVERSAL_ATTEMPT, SWEPT_ATTEMPT):
            with pytest.raises(ValueError, match="must be 1 to 50"):
                settle(reservation, model=MODEL, units=USED, attempt=attempt)
        assert not entries(reservation.request_id)
        assert counter(Metric.MODEL_TOKENS) == (0, 1_000)


@pytest.mark.django_db
def test_several_calls_of_a_request_do_not_hide_each_other() -> None:
    request_id = uuid4()
    with entered(tenant_of(ALICE)):
        for _ in range(2):
            settle(reserve(request_id=request_id), model=MODEL, units=USED)
        cost = request_cost(request_id)
        assert cost.units == {"input_tokens": 1_400, "output_tokens": 100}
        assert cost.usd == Decimal("0.000108")  # 2 × (700 × 0.06 + 50 × 0.24) / 1,000,000


@pytest.mark.django_db
def test_the_same_request_id_in_two_workspaces_is_billed_to_both() -> None:
    request_id = uuid4()
    for person in (ALICE, CHARLIE):
        with entered(tenant_of(person)):
            settle(reserve(request_id=request_id), model=MODEL, units=USED)
            assert request_cost(request_id).units == {"input_tokens": 700, "output_tokens": 50}


@pytest.mark.django_db
def test_more_than_was_reserved_is_recorded_as_it_was() -> None:
    with entered(tenant_of(ALICE)):
        settle(reserve(), model=MODEL, units={Unit.INPUT: 50_000})
        assert counter(Metric.MODEL_TOKENS) == (50_000, 0)


@pytest.mark.django_db
def test_amounts_are_exact_to_the_last_digit() -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve({Unit.INPUT: 1, Unit.GUARDRAIL: 3})
        units = {Unit.INPUT: 1, Unit.CACHE_READ: 1, Unit.GUARDRAIL_CONTENT: 3}
        settle(reservation, model="amazon.nova-micro-v1:0", units=units)
        usd = dict(
            LedgerEntry.objects.filter(request_id=reservation.request_id).values_list("unit", "usd")
        )
    assert usd == {
        "input_tokens": Decimal("0.000000035"),
        "cache_read_tokens": Decimal("0.00000000875"),
        "guardrail_content_units": Decimal("0.00045"),
    }


@pytest.mark.django_db
def test_a_geography_costs_what_its_own_price_says() -> None:
    model = "anthropic.claude-haiku-4-5-20251001-v1:0"
    spent = {}
    with entered(tenant_of(CHARLIE)):
        for prefix in ("global.", "eu.", ""):
            reservation = reserve({Unit.INPUT: 1_000_000}, model=prefix + model)
            settle(reservation, model=prefix + model, units={Unit.INPUT: 1_000_000})
            spent[prefix] = request_cost(reservation.request_id).usd
            row = LedgerEntry.objects.get(request_id=reservation.request_id)
            assert row.model == model
    # Without a prefix the dearer one counts: the model has no price in one Region.
    assert spent == {"global.": 1, "eu.": Decimal("1.1"), "": Decimal("1.1")}


@pytest.mark.django_db
def test_usage_without_a_price_is_kept_as_unpriced() -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve()
        settle(reservation, model="nobody.knows-v1:0", units=USED)
        rows = LedgerEntry.objects.filter(request_id=reservation.request_id)
        assert {(row.quantity, row.usd) for row in rows} == {(700, None), (50, None)}


@pytest.mark.django_db
def test_a_new_price_changes_nothing_that_was_reserved_before_it() -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve()
    tomorrow = reservation.day + timedelta(days=1)
    with public_scope("staff"):
        Price.objects.create(model=MODEL, unit=Unit.INPUT, usd=9, effective_from=tomorrow)
    catalog.forget()
    with entered(tenant_of(ALICE)):
        settle(reservation, model=MODEL, units={Unit.INPUT: 1_000_000})
        assert request_cost(reservation.request_id).usd == Decimal("0.06")
        price = catalog.price_of(MODEL, Unit.INPUT, tomorrow)
    assert price is not None
    assert price.usd == 9


@pytest.mark.django_db
def test_the_month_of_the_reservation_is_the_month_of_the_usage() -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve()
        # As if it had been admitted in the last second of a month long before.
        october = date(2025, 10, 1)
        Reservation.objects.filter(id=reservation.id).update(month=october)
        settle(replace(reservation, month=october), model=MODEL, units=USED)
        months = LedgerEntry.objects.filter(request_id=reservation.request_id).values_list(
            "month", flat=True
        )
        assert set(months) == {october}
        tokens = QuotaCounter.objects.get(period=october, metric=Metric.MODEL_TOKENS)
        assert tokens.used == 750
        this_month = QuotaCounter.objects.get(period=reservation.month, metric=Metric.MODEL_TOKENS)
        assert this_month.used == 0


@pytest.mark.django_db
def test_a_guardrail_alone_is_metered_without_a_model() -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve({Unit.GUARDRAIL: 4}, model=GUARDRAIL_KEY)
        settle(reservation, model=GUARDRAIL_KEY, units={Unit.GUARDRAIL_PII: 2})
        assert counter(Metric.GUARDRAIL_UNITS) == (2, 0)
        assert request_cost(reservation.request_id).usd == Decimal("0.0002")


@pytest.mark.django_db(transaction=True)
def test_a_settlement_goes_with_the_next_admission_in_one_statement() -> None:
    plan_make("tight", included={Metric.MODEL_TOKENS: 1_000})
    with entered(on_plan(tenant_of(ALICE), "tight")):
        first = reserve({Unit.INPUT: 1_000})
        with settlements_ride():
            settle(first, model=MODEL, units={Unit.INPUT: 100})
            assert entries(first.request_id) == {}
            with CaptureQueriesContext(connection) as asked:
                second = reserve({Unit.INPUT: 900})  # what the first did not use is free by then
            assert len(asked) == 1
            assert entries(first.request_id) == {(101, "input_tokens"): 100}
            settle(second, model=MODEL, units={Unit.INPUT: 800})
            with pytest.raises(QuotaExhausted):
                reserve({Unit.INPUT: 900})
            assert entries(second.request_id) == {(101, "input_tokens"): 800}  # refused or not
            third = reserve({Unit.INPUT: 50})
            settle(third, model=MODEL, units={Unit.INPUT: 40})
            fourth = reserve({Unit.INPUT: 50})
            settle(fourth, model=MODEL, units={Unit.INPUT: 1})
        assert counter(Metric.MODEL_TOKENS) == (941, 0)


@pytest.mark.django_db
def test_nothing_is_admitted_or_settled_inside_a_transaction() -> None:
    with entered(tenant_of(ALICE)):
        held = reserve()
        moves: list[Callable[[], object]] = [
            reserve,
            lambda: settle(held, model=MODEL, units=USED),
            lambda: settle(held, model=MODEL, units=USED, final=False),
            lambda: release(held),
        ]
        for move in moves:
            with pytest.raises(RuntimeError, match="outside transactions"), transaction.atomic():
                move()
        assert counter(Metric.MODEL_TOKENS) == (0, 1_000)
        assert entries(held.request_id) == {}


@pytest.mark.django_db(transaction=True)
def test_two_settlements_in_a_row_are_both_written() -> None:
    with entered(tenant_of(ALICE)):
        first, second = reserve({Unit.INPUT: 100}), reserve({Unit.INPUT: 100})
        with settlements_ride():
            settle(first, model=MODEL, units={Unit.INPUT: 30})
            settle(second, model=MODEL, units={Unit.INPUT: 5})
            assert entries(first.request_id) == {(101, "input_tokens"): 30}
        assert entries(second.request_id) == {(101, "input_tokens"): 5}
        assert counter(Metric.MODEL_TOKENS) == (35, 0)


@pytest.mark.django_db(transaction=True)
def test_a_settlement_whose_admission_fails_is_written_all_the_same() -> None:
    with entered(tenant_of(ALICE)):
        first = reserve({Unit.INPUT: 1_000})
        with settlements_ride():
            settle(first, model=MODEL, units={Unit.INPUT: 100})
            with pytest.raises(DataError):
                reserve({Unit.INPUT: 10}, feature="f" * 41)  # more than the column holds
            assert entries(first.request_id) == {}
        assert entries(first.request_id) == {(101, "input_tokens"): 100}
        assert counter(Metric.MODEL_TOKENS) == (100, 0)


@pytest.mark.django_db(transaction=True)
def test_a_late_settlement_waits_for_another_and_goes_with_it_in_one_statement() -> None:
    with entered(tenant_of(ALICE)):
        small, large, last = (reserve({Unit.INPUT: 100}) for _ in range(3))
        with settlements_ride():
            settle(small, model=MODEL, units={Unit.INPUT: 3}, late=True)
            reserve({Unit.INPUT: 7})  # admitted without it
            assert entries(small.request_id) == {}
            settle(large, model=MODEL, units={Unit.INPUT: 20})
            with CaptureQueriesContext(connection) as asked:
                reserve({Unit.INPUT: 7})
            assert len(asked) == 1
            assert entries(small.request_id) == {(101, "input_tokens"): 3}
            assert entries(large.request_id) == {(101, "input_tokens"): 20}
            assert counter(Metric.MODEL_TOKENS) == (23, 114)
            settle(last, model=MODEL, units={Unit.INPUT: 4}, late=True)
        assert entries(last.request_id) == {(101, "input_tokens"): 4}  # the block has ended
        assert counter(Metric.MODEL_TOKENS) == (27, 14)


@pytest.mark.django_db(transaction=True)
def test_of_two_late_settlements_none_is_lost_and_what_is_read_has_them() -> None:
    with entered(tenant_of(ALICE)):
        request_id = uuid4()
        held = [reserve({Unit.INPUT: 100}, request_id=request_id) for _ in range(3)]
        with settlements_ride():
            for number, each in enumerate(held, start=1):
                settle(each, model=MODEL, units={Unit.INPUT: number}, late=True)
            assert request_cost(request_id).units == {"input_tokens": 6}
        assert counter(Metric.MODEL_TOKENS) == (6, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wrong", [0, 1])
def test_what_is_wrong_with_one_of_two_settlements_leaves_the_other(wrong: int) -> None:
    with entered(tenant_of(ALICE)):
        held = [reserve({Unit.INPUT: 100}) for _ in range(2)]
        models = [MODEL, MODEL]
        models[wrong] = "m" * 121  # more than its column holds
        with settlements_ride():
            for late, each, model in zip((True, False), held, models, strict=True):
                settle(each, model=model, units={Unit.INPUT: 5}, late=late)
            with pytest.raises(DataError):
                reserve({Unit.INPUT: 7})
        assert entries(held[wrong].request_id) == {}
        assert entries(held[1 - wrong].request_id) == {(101, "input_tokens"): 5}
        assert counter(Metric.MODEL_TOKENS) == (5, 100)  # the sweeper settles what is left
