"""Guardrail units of a Region: what AWS gives the account is shared, and nobody takes it all."""

import threading
import time
from collections import Counter

import pytest

from billing import bucket
from billing.catalog import Rates
from billing.shared import Shared, shared_of, unshared_of
from billing.units import Unit
from tenants.context import TenantContext, entered
from tenants.errors import RateLimited
from tenants.redis import redis_client, region_key
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of

pytestmark = pytest.mark.django_db
RATES = Rates(10**9, 10**9, 10**9, 10**9, 10**6)


def shared(units: int, per_second: int = 20, seconds: int = 1) -> Shared:
    return Shared("eu-central-1", units, per_second, per_second * seconds)


def passes(tenant: TenantContext, taken: Shared, patience: float = 0) -> bool:
    with entered(tenant):
        try:
            bucket.take(RATES, {}, stream=None, shared=taken, patience=patience)
        except RateLimited as refused:
            assert refused.extra["retry_after"] >= 1
            assert refused.extra["limit"] == bucket.REGION_UNITS
            return False
    return True


def test_a_call_takes_what_its_largest_policy_counts_and_gives_the_rest_back() -> None:
    before = {
        Unit.INPUT: 900, Unit.GUARDRAIL_CONTENT: 7, Unit.GUARDRAIL_PII: 7,
        Unit.GUARDRAIL_GROUNDING: 90, Unit.GUARDRAIL_PII_REGEX: 70,
    }  # fmt: skip
    with entered(tenant_of(ALICE)):
        assert shared_of("us-east-1", before) == Shared("us-east-1", 7, 200, 800)
        assert shared_of("eu-central-1", {Unit.GUARDRAIL_CHECK_PII: 2}).per_second == 25
        assert shared_of("us-east-1", {Unit.INPUT: 5}).units == 0
        assert unshared_of("us-east-1", before, {Unit.GUARDRAIL_CONTENT: 2}).units == 5


def test_tenants_together_get_no_more_than_the_region_has() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    granted = [passes(tenant, shared(5, 2, 10)) for tenant in (acme, globex, acme, globex, acme)]
    assert granted == [True, True, True, True, False]
    with entered(acme):
        bucket.give_back(RATES, {}, stream=None, shared=shared(5, 2, 10))
    assert passes(acme, shared(5, 2, 10))


def test_a_refusal_of_the_region_takes_nothing_of_the_tenants_own() -> None:
    acme = tenant_of(ALICE)
    rates = Rates(2, 10**9, 10**9, 10**9, 10)
    assert passes(acme, shared(20))
    with entered(acme):
        with pytest.raises(RateLimited):
            bucket.take(rates, {}, stream=None, shared=shared(20))
        bucket.take(rates, {}, stream=None)
        bucket.take(rates, {}, stream=None)


def test_one_who_waits_in_line_passes_when_units_have_come_back() -> None:
    acme = tenant_of(ALICE)
    assert passes(acme, shared(20))
    assert not passes(acme, shared(18))
    began = time.monotonic()
    assert passes(acme, shared(18), patience=15)  # they are back after 0.9 s
    assert 0.05 < time.monotonic() - began < 10


def test_who_has_not_asked_for_a_while_is_kept_no_share() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    assert passes(globex, shared(1, 1, 20))
    assert passes(acme, shared(12, 1, 20))
    assert not passes(acme, shared(3, 1, 20))  # what is left is for both
    asked = region_key("eu-central-1", "guardrail-tenants")
    assert redis_client().zincrby(asked, -5_000, globex.id.hex)
    assert passes(acme, shared(3, 1, 20))


def test_one_tenant_cannot_take_the_region_from_another() -> None:
    """Four callers of one tenant take what flows in by small pieces; another needs a large one."""
    greedy, modest = tenant_of(ALICE), tenant_of(CHARLIE)
    done = threading.Event()
    counted: Counter[str] = Counter()
    began = time.monotonic()

    def hog() -> None:
        while not done.is_set():
            counted["greedy"] += passes(greedy, shared(1, 40, 1), patience=0.2)

    threads = [threading.Thread(target=hog) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        passed = [passes(modest, shared(18, 40, 1), patience=4) for _ in range(3)]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    took = time.monotonic() - began
    assert passed == [True, True, True], counted
    assert counted["greedy"] + 3 * 18 <= 40 * took + 40 + 1, counted
