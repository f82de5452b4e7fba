"""Stored bytes never pass the plan's storage, and always equal what is kept."""

from decimal import Decimal

import pytest
from django.db import transaction

from billing.models import LedgerEntry
from billing.storage import release_storage, reserve_storage, storage_count, stored_bytes
from billing.units import Metric
from tenants.context import entered
from tenants.errors import QuotaExhausted
from tests.billing.calls import at_once, counter, on_plan, plan_make
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import api, tenant_of


@pytest.mark.django_db(transaction=True)
def test_of_100_parallel_uploads_at_the_edge_none_passes_it() -> None:
    plan_make("shelf", included={Metric.STORAGE: 10_500})
    tenant = on_plan(tenant_of(ALICE), "shelf")
    outcomes = at_once(tenant, lambda _: reserve_storage(1_000), 100)
    assert sum(outcome is None for outcome in outcomes) == 10
    assert sum(isinstance(outcome, QuotaExhausted) for outcome in outcomes) == 90
    with entered(tenant):
        assert stored_bytes() == 10_000
        release_storage(4_000)
        reserve_storage(4_500)
        assert stored_bytes() == 10_500


@pytest.mark.django_db
def test_bytes_of_an_upload_that_is_undone_are_free_again() -> None:
    with entered(tenant_of(ALICE)):
        before = stored_bytes()

        def fail() -> None:
            with transaction.atomic():
                reserve_storage(1_000)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert stored_bytes() == before


@pytest.mark.django_db
def test_a_refusal_says_what_is_free_and_what_is_needed() -> None:
    plan_make("box", included={Metric.STORAGE: 2048})
    with entered(on_plan(tenant_of(ALICE), "box")), pytest.raises(QuotaExhausted) as caught:
        reserve_storage(4096)
    assert "stores 2 KB and 2 KB of it are free; this needs 4 KB" in caught.value.detail
    assert caught.value.extra["upgrade_url"] == "/usage/plans/"


@pytest.mark.django_db
def test_workspaces_store_apart() -> None:
    with entered(tenant_of(CHARLIE)):
        before = stored_bytes()
    with entered(tenant_of(ALICE)):
        reserve_storage(1_000)
    with entered(tenant_of(CHARLIE)):
        assert stored_bytes() == before
    with entered(tenant_of(ALICE)):
        release_storage(int(stored_bytes()) + 1_000)
        assert stored_bytes() == 0  # no deletion lends bytes


@pytest.mark.django_db
def test_stored_bytes_are_booked_once_a_day_with_their_price_and_use_up_nothing() -> None:
    with entered(tenant_of(ALICE)):
        reserve_storage(2_000_000)
        for _ in range(2):
            storage_count()
        [row] = LedgerEntry.objects.filter(unit="storage_byte_days")
        assert (row.quantity, row.usd) == (2_000_000, Decimal("0.000001408"))
        assert counter(Metric.SPEND) == (0, 0)
    usage = api(ALICE).get("/api/v1/usage/").json()
    assert (usage["spend_usd"], usage["by_feature"]) == (0, [])
