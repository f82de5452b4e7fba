"""Inside a workspace: the owner's cap, a member's allowance, a member's share of the rates."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from billing import bucket
from billing.admission import Reservation
from billing.catalog import Rates
from billing.limitmodels import MemberCounter
from billing.services import allowance_set, cap_set
from billing.settlement import release, settle, settlements_ride
from billing.units import Metric, Unit
from tenants.context import SYSTEM, Actor, current, entered
from tenants.errors import QuotaExhausted, RateLimited
from tests.billing.calls import MODEL, at_once, counter, on_plan, plan_make, reserve
from tests.support.cast import ALICE, MAX, Person
from tests.support.clients import tenant_of, user_of

TENTH = Decimal("0.00096")  # ten calls of 800 and 200 tokens


def as_person(person: Person) -> Actor:
    return Actor(user_id=user_of(person).pk, role=person.role, kind="session")


def by_key(person: Person, usd: Decimal) -> Actor:
    """Return the person as one of their keys, which may cost so much a month."""
    return replace(as_person(person), kind="api_key", api_key_id=uuid4(), allowance_usd=usd)


def own(person: Person) -> dict[str, tuple[Decimal, Decimal]]:
    rows = MemberCounter.objects.filter(user_id=user_of(person).pk, tenant_id=current().id)
    return {row.metric: (row.used, row.reserved) for row in rows}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", ["cap", "tokens", "money", "key"])
def test_of_500_parallel_requests_no_limit_inside_admits_more_than_10(limit: str) -> None:
    plan_make("open")
    tenant = on_plan(tenant_of(ALICE), "open")
    member = by_key(MAX, TENTH) if limit == "key" else as_person(MAX)
    with entered(tenant):
        if limit == "cap":
            cap_set(actor=as_person(ALICE), usd=TENTH)
        elif limit != "key":
            allowance_set(
                actor=as_person(ALICE),
                user_id=member.user_id,
                **{"model_tokens": Decimal(10_000)} if limit == "tokens" else {"spend_usd": TENTH},
            )
    outcomes = at_once(tenant, lambda _: reserve(actor=member), 500)
    admitted = [one for one in outcomes if isinstance(one, Reservation)]
    refused = [one for one in outcomes if isinstance(one, QuotaExhausted)]
    assert (len(admitted), len(refused)) == (10, 490)
    told = limit if limit in ("cap", "key") else "allowance"
    assert {one.extra["limit"] for one in refused} == {told}
    with entered(tenant):
        # A refusal has taken nothing of any of them.
        assert counter(Metric.MODEL_TOKENS) == (0, 10_000)
        assert own(MAX) == {"model_tokens": (0, 10_000), "spend_usd": (0, TENTH)}
        for reservation in admitted:
            settle(reservation, model=MODEL, units={Unit.INPUT: 800, Unit.OUTPUT: 200})
        assert own(MAX) == {"model_tokens": (10_000, 0), "spend_usd": (TENTH, 0)}


@pytest.fixture
def small() -> Iterator[None]:
    plan_make("roomy")
    with entered(on_plan(tenant_of(ALICE), "roomy")):
        yield


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_a_members_own_allowance_stands_for_that_of_all_and_stops_nobody_else() -> None:
    allowance_set(actor=SYSTEM, user_id=None, model_tokens=Decimal(1_000))
    allowance_set(actor=SYSTEM, user_id=user_of(MAX).pk, model_tokens=Decimal(2_000))
    reserve(actor=as_person(ALICE))
    with pytest.raises(QuotaExhausted) as caught:
        reserve(actor=as_person(ALICE))
    assert caught.value.extra["included"] == 1_000
    assert caught.value.extra["upgrade_url"] == "/usage/limits/"
    assert "an admin of your workspace can raise it" in caught.value.detail
    for _ in range(2):
        reserve(actor=as_person(MAX))
    with pytest.raises(QuotaExhausted):
        reserve(actor=as_person(MAX))
    reserve(actor=SYSTEM)  # the workspace's own work is nobody's allowance
    allowance_set(actor=SYSTEM, user_id=user_of(MAX).pk)  # removed: that of all counts again
    allowance_set(actor=SYSTEM, user_id=None)
    reserve(actor=as_person(MAX))


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_a_released_call_frees_the_allowance_and_corrections_move_it() -> None:
    allowance_set(actor=SYSTEM, user_id=user_of(MAX).pk, model_tokens=Decimal(1_000))
    for _ in range(2):
        release(reserve(actor=as_person(MAX)))
    held = reserve(actor=as_person(MAX))
    settle(held, model=MODEL, units={Unit.INPUT: 100, Unit.GUARDRAIL_CONTENT: 3})
    settle(held, model=MODEL, units={Unit.INPUT: 100, Unit.GUARDRAIL_CONTENT: 3})
    used, reserved = own(MAX)["model_tokens"]
    assert (used, reserved) == (100, 0)
    assert own(MAX)["spend_usd"] == counter(Metric.SPEND)


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_a_cap_below_what_is_used_stops_at_once_and_its_removal_opens() -> None:
    settle(reserve(), model=MODEL, units={Unit.INPUT: 800})
    cap_set(actor=SYSTEM, usd=Decimal("0.00001"))
    with pytest.raises(QuotaExhausted) as caught:
        reserve()
    assert "spend cap that its owner set" in caught.value.detail
    assert caught.value.extra["limit"] == "cap"
    cap_set(actor=SYSTEM, usd=None)
    reserve()


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_what_a_key_has_not_used_is_free_for_its_next_call_of_the_same_request() -> None:
    key = by_key(MAX, TENTH / 5)  # two calls' upper bounds
    reserve(actor=key)
    with settlements_ride():
        settle(reserve(actor=key), model=MODEL, units={})
        reserve(actor=key)
    with pytest.raises(QuotaExhausted) as caught:
        reserve(actor=key)
    assert caught.value.extra["limit"] == "key"


RATES = Rates(10, 10**9, 10**9, 10**9, 4, member_percent=50)


@pytest.mark.django_db
def test_one_member_takes_its_share_of_the_rates_and_leaves_the_rest_to_others() -> None:
    outcomes = at_once(
        tenant_of(ALICE),
        lambda _: bucket.take(RATES, {}, stream=None, member=user_of(MAX).pk),
        64,
        threads=64,
    )
    refused = [one for one in outcomes if isinstance(one, RateLimited)]
    assert len(outcomes) - len(refused) == 5
    assert {one.extra["scope"] for one in refused} == {"member"}
    with entered(tenant_of(ALICE)):
        for _ in range(5):  # a refusal took nothing of the workspace's
            bucket.take(RATES, {}, stream=None, member=user_of(ALICE).pk)
        with pytest.raises(RateLimited) as caught:
            bucket.take(RATES, {}, stream=None, member=user_of(MAX).pk)
        assert caught.value.extra["scope"] == "workspace"


@pytest.mark.django_db
def test_one_member_has_its_share_of_the_streams_and_gives_places_back() -> None:
    member = user_of(MAX).pk
    streams = [uuid4() for _ in range(2)]
    with entered(tenant_of(ALICE)):
        for stream in streams:
            bucket.take(RATES, {}, stream=stream, member=member)
        with pytest.raises(RateLimited) as caught:
            bucket.take(RATES, {}, stream=uuid4(), member=member)
        assert (caught.value.extra["limit"], caught.value.extra["scope"]) == ("streams", "member")
        bucket.take(RATES, {}, stream=uuid4(), member=user_of(ALICE).pk)
        bucket.give_back(RATES, {}, stream=streams[0], member=member)
        bucket.take(RATES, {}, stream=uuid4(), member=member)


@pytest.mark.django_db
def test_a_burst_waits_in_line_and_those_beyond_the_line_are_refused_at_once() -> None:
    rates = Rates(600, 10**9, 10**9, 10**9, 4)  # ten a second
    with entered(tenant_of(ALICE)):
        for _ in range(600):
            bucket.take(rates, {}, stream=None)
    outcomes = at_once(
        tenant_of(ALICE), lambda _: bucket.take(rates, {}, stream=None, burst=1), 64, threads=64
    )
    passed = [one for one in outcomes if not isinstance(one, RateLimited)]
    assert bucket.LINE <= len(passed) < 64
