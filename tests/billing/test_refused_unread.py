"""A request that would be refused like the one before it is, without being carried out again."""

import asyncio
import json
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest

from billing import bucket
from billing.catalog import plan_terms
from config import refusals
from config.asgi import application
from config.handling import Handler
from config.refusals import with_refusals
from tenants.accounts.keys import api_key_revoke, digest_of
from tenants.accounts.models import ApiKey
from tenants.context import SYSTEM, entered, public_scope
from tenants.redis import redis_client, tenant_key
from tenants.registry.models import Status, Tenant
from tenants.telemetry import HTTP_REQUESTS
from tests.support.cast import ADA, ALICE, CHARLIE, MAX, Person
from tests.support.clients import tenant_of, user_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)

PATH: Final = "/api/v1/write/"
TEXT: Final = {"task": "rewrite", "text": "Please send it back."}
OWN: Final = {"x-request-id", "date"}
LEVELS: Final = {"ratelimit"} | {
    f"x-ratelimit-{kind}-{unit}"
    for kind in ("remaining", "reset")
    for unit in ("requests", "tokens")
}


def sent(
    person: Person, path: str = PATH, body: Any = TEXT, through: Any = application, **headers: str
) -> httpx.Response:
    """Send a POST through the whole ASGI application, as a program with the person's key."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(through)
        async with httpx.AsyncClient(transport=transport, base_url="http://any") as client:
            given = {"Host": person.host, "Authorization": f"Bearer {person.key}", **headers}
            return await client.post(path, json=body, headers=given, timeout=30)

    with ThreadPoolExecutor(1) as aside:  # Playwright's loop may run in this thread
        return aside.submit(lambda: asyncio.run(send())).result()


def emptied(person: Person, requests: float) -> None:
    """Leave the person so many requests, which may be less than none."""
    member = user_of(person).pk
    tenant = tenant_of(person)
    with entered(tenant):
        key = tenant_key("member", member.hex, "rates")
        redis_client().delete(key)
        bucket.take(plan_terms(tenant.plan).rates, {}, stream=None, member=member)
        kept: Any = redis_client().get(key)
        at, _, *others = struct.unpack("<5d", kept)
        redis_client().set(key, struct.pack("<5d", at, requests, *others))


def filled() -> None:
    """Give everybody all requests back: whoever asks the bucket now is granted one."""
    for key in redis_client().scan_iter("tenant:*rates"):
        redis_client().delete(key)


def counted() -> float:
    """Return how many refusals the numbers hold."""
    labels = {"http_request_method": "POST", "http_route": "api/v1/write/",
              "http_response_status_code": "429"}  # fmt: skip
    return sum(
        sample.value
        for metric in HTTP_REQUESTS.collect()
        for sample in metric.samples
        if sample.name.endswith("_count") and sample.labels == labels
    )


def told(answer: httpx.Response) -> tuple[Any, ...]:
    """Return what two refusals must have in common: all but id, time and what is left."""
    wait = int(answer.headers["Retry-After"])
    request_id = answer.headers["X-Request-ID"]
    body = answer.text.replace(request_id, "ID").replace(f'"retry_after":{wait}', '"retry_after":N')
    names = [name.lower() for name, _ in answer.headers.multi_items()]
    same = OWN | LEVELS | {"retry-after", "content-length"}
    headers = [(n, v) for n, v in answer.headers.multi_items() if n.lower() not in same]
    assert len(answer.content) == int(answer.headers["Content-Length"])
    return answer.status_code, body, names, headers


def test_what_is_refused_again_is_told_the_same_and_costs_no_bucket() -> None:
    def refused() -> tuple[httpx.Response, httpx.Response, httpx.Response] | None:
        emptied(ALICE, -1_000)
        whole = sent(ALICE)
        filled()
        other = {**TEXT, "text": "Another one."}
        again = sent(ALICE, body=other, **{"X-Request-ID": "mine-12345"})
        third = sent(ALICE)
        assert whole.status_code == 429, whole.text
        # On a machine that took longer than a refusal is kept they were carried out.
        return (whole, again, third) if again.status_code == third.status_code == 429 else None

    refusals = counted()
    answers: Any = eventually(refused, within=30)
    whole, again, third = answers
    assert counted() >= refusals + 3
    assert told(again) == told(third) == told(whole)
    assert again.headers["X-Request-ID"] == again.json()["request_id"] == "mine-12345"
    assert third.json()["request_id"] not in (whole.json()["request_id"], "mine-12345")
    wait = whole.json()["retry_after"]
    assert wait - 2 <= third.json()["retry_after"] <= wait


def test_nobody_else_and_nothing_else_is_refused_with_it() -> None:
    emptied(ALICE, -1_000)
    assert sent(ALICE).status_code == sent(ALICE).status_code == 429
    assert sent(MAX).status_code == 200, "a colleague has requests of their own"
    assert sent(CHARLIE).status_code == 200
    foreign = sent(CHARLIE, Authorization=f"Bearer {ALICE.key}")
    assert foreign.status_code == 401 and "RateLimit" not in foreign.headers
    assert sent(ALICE, Authorization="Bearer tnt_no-key").status_code == 401
    assert sent(ALICE, path="/api/v1/collections/", body={"name": "Free"}).status_code == 201
    german = sent(ALICE, **{"Accept-Language": "de"})
    assert german.headers["Content-Language"] == "de"
    assert german.json()["detail"] != sent(ALICE).json()["detail"]
    for headers, before in (
        ({"Idempotency-Key": "a-key-of-its-own"}, {"Idempotency-Key": "a-key-of-its-own"}),
        ({"Cookie": "session=none"}, {"Cookie": "session=none"}),
        ({"Accept": "text/event-stream"}, {}),
    ):
        emptied(ALICE, -1_000)
        assert sent(ALICE, **before).status_code == 429
        filled()
        assert sent(ALICE, **headers).status_code == 200, "it goes the whole way"


def test_a_revoked_key_and_a_suspended_workspace_are_refused_as_such_within_seconds() -> None:
    emptied(ADA, -1_000)
    emptied(CHARLIE, -1_000)
    for person in (ADA, CHARLIE):
        assert sent(person).status_code == sent(person).status_code == 429
    with entered(tenant_of(ADA)):
        api_key_revoke(actor=SYSTEM, key=ApiKey.objects.get(digest=digest_of(ADA.key)))
    with public_scope("staff"):
        Tenant.objects.filter(slug=CHARLIE.workspace).update(status=Status.SUSPENDED)
    since = time.monotonic()
    eventually(lambda: sent(ADA).status_code == 401, within=20)
    eventually(lambda: sent(CHARLIE).status_code == 404, within=20)
    assert time.monotonic() - since < 5, "within what is promised"
    unknown = sent(CHARLIE, Host="nobody.localhost")
    assert json.loads(unknown.text)["code"] == sent(CHARLIE).json()["code"]


def test_as_many_refusals_are_kept_as_there_is_room_for_the_latest_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusals, "KEPT_AT_MOST", 2)
    server = with_refusals(Handler())

    def asked(which: str) -> int:
        return sent(ALICE, through=server, **{"X-Which": which}).status_code

    emptied(ALICE, -1_000)
    monkeypatch.setattr(refusals, "KEPT_SECONDS", 0)
    assert asked("first") == 429  # it is refused by the whole way again
    monkeypatch.setattr(refusals, "KEPT_SECONDS", 60)
    assert [asked(which) for which in ("second", "first", "third")] == [429] * 3
    filled()
    assert [asked(which) for which in ("first", "third", "second")] == [429, 429, 200]
    monkeypatch.setattr(refusals, "BURST_PATIENCE", 10_000)
    assert asked("first") == 200, "so near to its time it may wait in line"


def test_who_comes_when_a_request_is_nearly_back_waits_for_it_and_gets_it() -> None:
    emptied(ALICE, -1)  # 150 a minute: 0.8 s
    first = sent(ALICE)
    assert first.status_code == 429
    eventually(lambda: sent(ALICE).status_code == 200)
