"""Stored bytes never pass the plan's storage, and always equal what is kept."""

import pytest
from django.db import transaction

from billing.storage import release_storage, reserve_storage, stored_bytes
from billing.units import Metric
from tenants.context import entered
from tenants.errors import QuotaExhausted
from tests.billing.calls import at_once, on_plan, plan_make
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of


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
