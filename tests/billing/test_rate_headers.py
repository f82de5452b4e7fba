"""Every REST answer says what is left of the rates; a refusal says when to come back."""

import re
import struct
from typing import Any

import pytest

from billing import bucket
from billing.catalog import plan_terms
from billing.ratelimits import HEADERS
from tenants.context import entered
from tenants.redis import redis_client, tenant_key
from tests.support.cast import ALICE, BOB
from tests.support.clients import api, browser_of, code_of, stranger, tenant_of, user_of

pytestmark = pytest.mark.django_db


def left(answer: Any, name: str) -> int:
    found = re.search(rf'"{name}";r=(\d+);t=(\d+)', answer["RateLimit"])
    assert found, answer
    return int(found[1])


def write() -> Any:
    """Make a call to a model."""
    text = {"task": "draft", "instructions": "A line of thanks."}
    return api(ALICE).post("/api/v1/write/", text, content_type="application/json")


def test_answers_of_every_kind_carry_the_limits() -> None:
    client = api(ALICE)
    for answer in (
        client.get("/api/v1/usage/"),
        client.get("/api/v1/documents/00000000-0000-0000-0000-000000000001/"),
        client.post("/api/v1/ask/", {}, content_type="application/json"),
    ):
        assert set(HEADERS) <= set(answer.headers), answer.content
        assert '"workspace-requests";q=300;w=60;qu="requests"' in answer["RateLimit-Policy"]
        assert '"member-requests";q=150;w=60' in answer["RateLimit-Policy"]
        assert int(answer["X-RateLimit-Limit-Requests"]) == 150
    assert "RateLimit" not in stranger(ALICE.host).get("/api/v1/usage/").headers
    assert "RateLimit" not in browser_of(ALICE).get("/usage/").headers


def test_a_call_takes_from_both_and_a_colleague_sees_the_workspaces_alone() -> None:
    asked = write()
    assert asked.status_code == 200, asked.content
    # Both flow in again between a call's requests, the workspace's share the faster.
    assert 150 - left(asked, "member-requests") >= 300 - left(asked, "workspace-requests") >= 1
    seen = api(BOB).get("/api/v1/usage/")
    assert left(seen, "member-requests") == 150


def test_a_refusal_says_when_to_come_back_and_the_way_to_more() -> None:
    alice = user_of(ALICE).pk
    with entered(tenant_of(ALICE)):
        bucket.take(plan_terms("growth").rates, {}, stream=None, member=alice)
        key = tenant_key("member", alice.hex, "rates")
        at, _, *others = struct.unpack("<5d", redis_client().get(key))
        # Without an end: a bucket nearly full is soon forgotten.
        redis_client().set(key, struct.pack("<5d", at, -100, *others))
    answer = write()
    assert code_of(answer) == "rate_limited"
    assert int(answer["Retry-After"]) >= 1
    assert left(answer, "member-requests") == 0
    assert answer.json()["upgrade_url"] == "/usage/plans/"
