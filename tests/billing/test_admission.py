"""Nobody passes a quota together who could not pass it one by one."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction

from billing.admission import Reservation
from billing.errors import PlanMissing, PriceMissing
from billing.settlement import release, settle
from billing.units import Metric, Unit
from tenants.context import entered
from tenants.errors import QuotaExhausted
from tests.billing.calls import MODEL, at_once, counter, on_plan, plan_make, reserve
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "included",
    [{Metric.MODEL_TOKENS: 10_000}, {Metric.SPEND: Decimal("0.00096")}],
    ids=["tokens", "money"],
)
def test_of_500_parallel_requests_a_budget_for_10_admits_10(included: dict) -> None:
    plan_make("tiny", included=included)
    tenant = on_plan(tenant_of(ALICE), "tiny")
    # 800 × 0.06 + 200 × 0.24 dollars a million: 0.000096 each.
    outcomes = at_once(tenant, lambda _: reserve(), 500)
    admitted = [outcome for outcome in outcomes if isinstance(outcome, Reservation)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, QuotaExhausted)]
    assert (len(admitted), len(refused)) == (10, 490)
    with entered(tenant):
        assert counter(Metric.MODEL_TOKENS) == (0, 10_000)
        for reservation in admitted:
            settle(reservation, model=MODEL, units={Unit.INPUT: 800, Unit.OUTPUT: 200})
        assert counter(Metric.MODEL_TOKENS) == (10_000, 0)
        assert counter(Metric.SPEND) == (Decimal("0.00096"), 0)


@pytest.mark.django_db
def test_a_refusal_says_what_is_used_up_and_the_way_to_more() -> None:
    plan_make("small", included={Metric.MODEL_TOKENS: 1_500})
    with entered(on_plan(tenant_of(ALICE), "small")):
        reserve()
        with pytest.raises(QuotaExhausted) as caught:
            reserve()
    assert caught.value.status == 402
    assert caught.value.extra["upgrade_url"] == "/usage/plans/"
    assert caught.value.extra["metric"] == "model_tokens"
    assert caught.value.extra["reserved"] == 1_000
    assert caught.value.extra["included"] == 1_500
    assert "1,500 tokens" in caught.value.detail


@pytest.mark.django_db
def test_all_nested_limits_must_pass_and_a_refusal_reserves_none_of_them() -> None:
    plan_make("nested", included={Metric.GUARDRAIL_UNITS: 5, Metric.MODEL_TOKENS: 100_000})
    with entered(on_plan(tenant_of(ALICE), "nested")):
        with pytest.raises(QuotaExhausted):
            reserve({Unit.INPUT: 800, Unit.GUARDRAIL: 6})
        assert counter(Metric.MODEL_TOKENS) == (0, 0)
        assert counter(Metric.GUARDRAIL_UNITS) == (0, 0)


@pytest.mark.django_db
def test_a_released_reservation_makes_room_again() -> None:
    plan_make("room", included={Metric.MODEL_TOKENS: 1_000})
    with entered(on_plan(tenant_of(ALICE), "room")):
        for _ in range(3):
            reservation = reserve()
            release(reservation)
            release(reservation)
        assert counter(Metric.MODEL_TOKENS) == (0, 0)


@pytest.mark.django_db
def test_a_plan_that_says_nothing_of_a_metric_includes_none_of_it() -> None:
    from billing import catalog
    from billing.models import PlanLimit
    from tenants.context import public_scope

    plan_make("silent")
    with public_scope("staff"):
        PlanLimit.objects.filter(plan="silent", metric=Metric.MODEL_TOKENS).delete()
    catalog.forget()
    with entered(on_plan(tenant_of(ALICE), "silent")), pytest.raises(QuotaExhausted):
        reserve()


@pytest.mark.django_db
def test_the_calls_of_a_request_are_numbered() -> None:
    request_id = uuid4()
    with entered(tenant_of(ALICE)):
        assert [reserve(request_id=request_id).call for _ in range(3)] == [1, 2, 3]
        assert reserve().call == 1
    with entered(tenant_of(CHARLIE)):
        assert reserve(request_id=request_id).call == 1


@pytest.mark.django_db(transaction=True)
def test_parallel_calls_of_one_request_get_numbers_of_their_own() -> None:
    request_id = uuid4()
    tenant = tenant_of(ALICE)
    made = at_once(tenant, lambda _: reserve(request_id=request_id), 40, threads=10)
    assert sorted(one.call for one in made if isinstance(one, Reservation)) == list(range(1, 41))


@pytest.mark.django_db
def test_an_admission_refuses_to_be_undone_by_a_surrounding_transaction() -> None:
    with entered(tenant_of(ALICE)), transaction.atomic(), pytest.raises(RuntimeError):
        reserve()


@pytest.mark.django_db
def test_what_has_no_price_is_not_called() -> None:
    with entered(tenant_of(ALICE)):
        with pytest.raises(PriceMissing):
            reserve(model="nobody.knows-v1:0")
        with pytest.raises(PriceMissing):
            reserve({Unit.CACHE_WRITE_1H: 1})
        assert counter(Metric.MODEL_TOKENS) == (0, 0)


@pytest.mark.django_db
def test_a_plan_that_does_not_exist_admits_nothing() -> None:
    with entered(on_plan(tenant_of(ALICE), "gone")), pytest.raises(PlanMissing):
        reserve()


@pytest.mark.django_db
def test_the_month_is_the_databases() -> None:
    with entered(tenant_of(ALICE)):
        reservation = reserve()
        with connection.cursor() as cursor:
            cursor.execute("SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date")
            assert cursor.fetchone() == (reservation.month,)


@pytest.mark.django_db
def test_negative_usage_is_refused() -> None:
    with entered(tenant_of(ALICE)):
        with pytest.raises(ValueError, match="never negative"):
            reserve({Unit.INPUT: -1})
        reservation = reserve()
        with pytest.raises(ValueError, match="never negative"):
            settle(reservation, model=MODEL, units={Unit.INPUT: 5, Unit.OUTPUT: -1})
