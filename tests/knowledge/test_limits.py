"""The account's places for changing documents are shared by all and kept."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bedrock.deployment import account_id
from bedrock.errors import KnowledgeBusy
from bedrock.turnstile import (
    PLACES,
    RETRIEVALS_A_SECOND,
    STARTS_A_SECOND,
    place,
    retrieval_place,
)
from tenants.context import TenantContext, entered
from tenants.redis import redis_client
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db


def not_too_soon(begun: float, starts: list[float], a_second: int) -> None:
    """Let no more have been let in than may be, at any time since `begun`.

    A thread of a busy machine notes late when it was let in, and never early.
    """
    for number, start in enumerate(sorted(starts)):
        assert start - begun > 0.99 * (number // a_second), number


def test_no_more_are_inside_than_there_are_places_and_none_starts_too_soon() -> None:
    tenants = [tenant_of(ALICE), tenant_of(CHARLIE)]
    lock, inside, most, starts = threading.Lock(), [0], [0], list[float]()
    full = threading.Event()

    def work(tenant: TenantContext) -> None:
        with entered(tenant), place("ingest"):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                starts.append(time.monotonic())
                if inside[0] == PLACES:
                    full.set()
            assert full.wait(60)
            with lock:
                inside[0] -= 1

    begun = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, [tenants[n % 2] for n in range(12)]))
    assert most[0] == PLACES
    not_too_soon(begun, starts, STARTS_A_SECOND)


def test_a_small_upload_is_let_in_before_the_rest_of_a_large_one() -> None:
    order: list[str] = []
    lock, leave = threading.Lock(), threading.Event()

    def work(tenant: TenantContext) -> None:
        with entered(tenant), place("delete"):
            with lock:
                order.append(tenant.slug)
            assert leave.wait(60)

    large, small = tenant_of(ALICE), tenant_of(CHARLIE)
    with ThreadPoolExecutor(3 * PLACES + 1) as pool:
        waiting = [pool.submit(work, large) for _ in range(PLACES)]
        eventually(lambda: len(order) == PLACES)
        # Every place is taken: the large one's rest is waiting before the small one comes.
        waiting += [pool.submit(work, large) for _ in range(2 * PLACES)]
        eventually(lambda: asking(large))
        waiting.append(pool.submit(work, small))
        eventually(lambda: asking(small))
        leave.set()
        for one in waiting:
            one.result()
    # In turn it would be the last; it is among the first that start together.
    assert order.index(small.slug) < PLACES + STARTS_A_SECOND


def asking(tenant: TenantContext) -> bool:
    """Whether the tenant is waiting for a place to delete."""
    seen = redis_client().zscore(f"knowledge:{account_id()}:waiting", tenant.id.hex)
    return seen is not None


def test_who_asks_often_stays_below_the_services_limit_and_lets_others_by() -> None:
    let_in: list[tuple[str, float]] = []
    lock = threading.Lock()

    def work(tenant: TenantContext) -> None:
        with entered(tenant), retrieval_place("KB12345678"), lock:
            let_in.append((tenant.slug, time.monotonic()))

    often, seldom = tenant_of(ALICE), tenant_of(CHARLIE)
    begun = time.monotonic()
    with ThreadPoolExecutor(41) as pool:
        waiting = [pool.submit(work, often) for _ in range(40)]
        eventually(lambda: len(let_in) >= RETRIEVALS_A_SECOND)
        waiting.append(pool.submit(work, seldom))
        for one in waiting:
            one.result()
    let_in.sort(key=lambda each: each[1])
    assert [slug for slug, _ in let_in].index("globex") < len(let_in) - 1
    not_too_soon(begun, [at for _, at in let_in], RETRIEVALS_A_SECOND)


def test_without_redis_nobody_goes_in(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.cache_clear()
    try:
        with pytest.raises(KnowledgeBusy), entered(tenant_of(ALICE)), place("ingest"):
            pytest.fail("went in")
    finally:
        redis_client.cache_clear()
