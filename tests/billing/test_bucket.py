"""The token bucket grants what the plan says, to however many callers at once."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from structlog.testing import capture_logs

from billing import bucket
from billing.catalog import Rates
from billing.settlement import release, settle, settlements_ride
from billing.units import Metric, Unit
from tenants import redis as tenants_redis
from tenants.accounts.models import User
from tenants.afterwards import afterwards_done
from tenants.context import entered
from tenants.errors import QuotaExhausted, RateLimited
from tests.billing.calls import MODEL, at_once, on_plan, plan_make, reserve
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of

pytestmark = pytest.mark.django_db

# A minute's worth at once; what flows in during a test is far below one request.
RATES = Rates(requests=50, model_tokens=50_000, embedding_tokens=10, guardrail_units=10, streams=3)
TOKENS = {Metric.MODEL_TOKENS: 1_000}


def granted(outcomes: list) -> int:
    refused = [one for one in outcomes if isinstance(one, RateLimited)]
    assert all(one is None or isinstance(one, RateLimited) for one in outcomes), outcomes
    return len(outcomes) - len(refused)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        (Rates(5, 10**9, 10, 10, 3), 5),  # the next one flows in after 12 seconds
        (Rates(10**9, 5_000, 10, 10, 3), 5),
    ],
    ids=["requests", "tokens"],
)
def test_64_callers_at_once_are_granted_no_more_than_there_is(rates: Rates, expected: int) -> None:
    outcomes = at_once(
        tenant_of(ALICE), lambda _: bucket.take(rates, TOKENS, stream=None), 256, threads=64
    )
    assert granted(outcomes) == expected


def test_64_callers_at_once_get_no_more_streams_than_the_plan_has() -> None:
    rates = Rates(10**6, 10**9, 10, 10, 3)
    outcomes = at_once(
        tenant_of(ALICE), lambda _: bucket.take(rates, TOKENS, stream=uuid4()), 128, threads=64
    )
    assert granted(outcomes) == 3


def test_a_refusal_takes_nothing_from_any_bucket() -> None:
    with entered(tenant_of(ALICE)):
        bucket.take(RATES, {Metric.EMBEDDING_TOKENS: 10}, stream=None)
        for _ in range(5):
            with pytest.raises(RateLimited) as caught:
                bucket.take(RATES, TOKENS | {Metric.EMBEDDING_TOKENS: 10}, stream=uuid4())
            assert caught.value.extra["limit"] == "embedding tokens"
        for _ in range(49):
            bucket.take(RATES, TOKENS, stream=None)
        assert tenants_redis.redis_client().zcard(tenants_redis.tenant_key("streams")) == 0


@pytest.mark.django_db(transaction=True)
def test_what_a_call_has_not_used_goes_back_with_the_next_taking_or_at_the_blocks_end() -> None:
    plan_make("little", model_tokens_per_minute=6_000)
    with entered(on_plan(tenant_of(ALICE), "little")):
        for known in (None, 0, 1, 2):  # of the scripts, since Redis has started anew; or it has not
            with settlements_ride():
                for _ in range(3):  # what is left in the bucket is not enough for the next one
                    if known is not None:
                        tenants_redis.redis_client().script_flush()
                    if known:  # by another process, which has used that one
                        tenants_redis.redis_client().script_load(
                            bucket._scripts()[known - 1].script
                        )
                    held = reserve({Unit.INPUT: 5_900})
                    settle(held, model=MODEL, units={Unit.INPUT: 1})
        bucket.take(Rates(10**9, 6_000, 10, 10, 3), {Metric.MODEL_TOKENS: 5_900}, stream=None)


@pytest.mark.django_db(transaction=True)
def test_a_streams_place_is_free_as_soon_as_its_call_is_settled() -> None:
    plan_make("single", concurrent_streams=1)
    with entered(on_plan(tenant_of(ALICE), "single")), settlements_ride():
        settle(reserve(streams=True), model=MODEL, units={Unit.INPUT: 1})
        assert tenants_redis.redis_client().zcard(tenants_redis.tenant_key("streams")) == 0


@pytest.mark.django_db(transaction=True)
def test_a_requests_place_is_free_for_its_own_next_call_and_once_its_answer_is_told() -> None:
    plan_make("single", concurrent_streams=1)

    def busy() -> int:
        return int(tenants_redis.redis_client().zcard(tenants_redis.tenant_key("streams")))

    with entered(on_plan(tenant_of(ALICE), "single")):
        with afterwards_done():
            for _ in range(2):
                settle(reserve(streams=True), model=MODEL, units={Unit.INPUT: 1})
            assert busy() == 1, "the last one's goes back when its reader has the answer"
        assert busy() == 0


def test_unused_tokens_come_back_but_never_more_than_the_bucket_holds() -> None:
    with entered(tenant_of(ALICE)):
        bucket.take(RATES, {Metric.MODEL_TOKENS: 50_000}, stream=None)
        with pytest.raises(RateLimited):
            bucket.take(RATES, {Metric.MODEL_TOKENS: 40_000}, stream=None)
        bucket.give_back(RATES, {Metric.MODEL_TOKENS: 45_000}, stream=None)
        bucket.take(RATES, {Metric.MODEL_TOKENS: 40_000}, stream=None)
        bucket.give_back(RATES, {Metric.MODEL_TOKENS: 10**9}, stream=None)
        bucket.take(RATES, {Metric.MODEL_TOKENS: 50_000}, stream=None)
        with pytest.raises(RateLimited):
            bucket.take(RATES, {Metric.MODEL_TOKENS: 40_000}, stream=None)


def test_a_request_larger_than_the_bucket_passes_when_it_is_full_and_delays_the_next() -> None:
    with entered(tenant_of(ALICE)):
        bucket.take(RATES, {Metric.MODEL_TOKENS: 100_000}, stream=None)
        with pytest.raises(RateLimited) as caught:
            bucket.take(RATES, {Metric.MODEL_TOKENS: 1_000}, stream=None)
        assert 59 <= caught.value.extra["retry_after"] <= 62


def test_a_refusal_says_when_to_come_back() -> None:
    rates = replace(RATES, requests=10)
    with entered(tenant_of(ALICE)):
        for _ in range(10):
            bucket.take(rates, {}, stream=None)
        with pytest.raises(RateLimited) as caught:
            bucket.take(rates, {}, stream=None)
    assert caught.value.status == 429
    assert 1 <= caught.value.extra["retry_after"] <= 7
    assert "10 requests a minute" in caught.value.detail


def test_a_streams_place_is_free_again_when_it_ends() -> None:
    with entered(tenant_of(ALICE)):
        streams = [uuid4() for _ in range(3)]
        for stream in streams:
            bucket.take(RATES, {}, stream=stream)
        with pytest.raises(RateLimited) as caught:
            bucket.take(RATES, {}, stream=uuid4())
        assert caught.value.extra["limit"] == "streams"
        bucket.give_back(RATES, {}, stream=streams[1])
        bucket.take(RATES, {}, stream=uuid4())


def test_a_streams_place_whose_process_died_expires() -> None:
    with entered(tenant_of(ALICE)):
        for _ in range(3):
            bucket.take(RATES, {}, stream=uuid4())
        client = tenants_redis.redis_client()
        key = tenants_redis.tenant_key("streams")
        assert 0 < client.pttl(key) <= bucket.LEASE * 1000
        for member in client.zrange(key, 0, -1):
            client.zadd(key, {member: 1})  # as if its lease had run out
        bucket.take(RATES, {}, stream=uuid4())
        assert client.zcard(key) == 1


def test_tenants_have_buckets_of_their_own() -> None:
    with entered(tenant_of(ALICE)):
        for _ in range(50):
            bucket.take(RATES, {}, stream=None)
    with entered(tenant_of(CHARLIE)):
        bucket.take(RATES, {}, stream=None)


def test_a_refused_quota_gives_the_rates_back() -> None:
    plan_make("tight", included={Metric.MODEL_TOKENS: 0}, model_tokens_per_minute=1_000)
    with entered(on_plan(tenant_of(ALICE), "tight")):
        for _ in range(3):  # were they kept, the second would be told to wait instead
            with pytest.raises(QuotaExhausted):
                reserve()


@pytest.fixture
def own_fallback() -> Iterator[None]:
    """Let the process go back to Redis when the test ends."""
    bucket._fallback = bucket.Fallback()
    yield
    bucket._fallback = bucket.Fallback()


@pytest.fixture
def no_redis(own_fallback: None, settings: LazySettings) -> Iterator[None]:
    """Point the process at a Redis that does not answer."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    caches = (tenants_redis.redis_client, bucket._scripts)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.usefixtures("no_redis")
def test_without_redis_a_tenth_of_the_plan_is_granted_by_each_process() -> None:
    outcomes = at_once(
        tenant_of(ALICE), lambda _: bucket.take(RATES, TOKENS, stream=None), 64, threads=16
    )
    assert granted(outcomes) == 5


@pytest.mark.usefixtures("no_redis")
def test_without_redis_one_stream_at_least_runs_and_its_place_comes_back() -> None:
    with entered(tenant_of(ALICE)):
        first = uuid4()
        bucket.take(RATES, {}, stream=first)
        with pytest.raises(RateLimited):
            bucket.take(RATES, {}, stream=uuid4())
        bucket.give_back(RATES, {}, stream=first)
        bucket.take(RATES, {}, stream=uuid4())


@pytest.mark.usefixtures("own_fallback")
def test_an_error_that_redis_answers_is_logged_as_one_and_shown_until_it_is_gone() -> None:
    with entered(tenant_of(ALICE)):
        key = tenants_redis.tenant_key("rates")
        tenants_redis.redis_client().rpush(key, b"no bucket")
        with capture_logs() as logged:
            bucket.take(RATES, TOKENS, stream=None)
        [line] = [line for line in logged if line["event"] == "bucket.redis_lost"]
        assert (line["log_level"], "WRONGTYPE" in line["error"]) == ("error", True)
        assert line["code"] in ("ERR", "WRONGTYPE")  # what a script meets is ERR before Redis 7
        shown = Client().get("/readyz")
        assert (shown.status_code, shown.json()["rates"]) == (200, f"degraded: {line['code']}")
        tenants_redis.redis_client().delete(key)
        bucket._fallback._until = 0.0  # five seconds later
        bucket.take(RATES, TOKENS, stream=None)
    assert Client().get("/readyz").json()["rates"] == "ok"


@pytest.mark.usefixtures("no_redis")
def test_a_redis_that_is_away_is_shown_too() -> None:
    with entered(tenant_of(ALICE)):
        bucket.take(RATES, TOKENS, stream=None)
    assert Client().get("/readyz").json()["rates"] == "degraded: ConnectionError"


def test_a_repetition_is_one_of_the_plans_requests_too() -> None:
    rates = replace(RATES, requests=2)
    with entered(tenant_of(ALICE)):
        bucket.take(rates, {}, stream=None)
        assert bucket.retry_take(rates)
        assert not bucket.retry_take(rates)


@pytest.mark.django_db(transaction=True)
def test_what_is_released_twice_goes_back_once() -> None:
    plan_make("little", model_tokens_per_minute=2_000)
    with entered(on_plan(tenant_of(ALICE), "little")):
        held = reserve()
        reserve()
        for _ in range(2):
            release(held)
        reserve()
        with pytest.raises(RateLimited):
            reserve()


@pytest.mark.django_db(transaction=True)
def test_who_waits_in_line_holds_no_connection() -> None:
    rates = replace(RATES, requests=120)  # two a second
    with entered(tenant_of(ALICE)):
        for _ in range(120):
            bucket.take(rates, {}, stream=None)
        User.objects.count()
        assert connection.connection is not None
        bucket.take(rates, {}, stream=None, burst=30)
        assert connection.connection is None
