"""Beyond the limits: refused with a code, with when to come back, with the way to more."""

from __future__ import annotations

import httpx

from tests.e2e.shelf import API, code_of
from tests.e2e.talking import talking
from tests.support.live import LiveStack

QUESTION = {"question": "What does the policy say about patients' data?"}
MOST = 150  # requests; the trial plan allows 60 a minute
MOVE = "UPDATE billing_quotacounter SET used = used + %s WHERE tenant_id = %s AND metric = %s"


def test_too_many_requests_are_told_when_to_come_back(live_stack: LiveStack) -> None:
    with live_stack.http(live_stack.person("initech", "viewer")) as client:
        try:
            for _ in range(MOST):
                answer = client.post(f"{API}/search/", json={"query": "release notes"})
                if answer.status_code != 200:
                    break
        finally:  # other tests ask as this workspace
            live_stack.refill("initech")
    assert code_of(answer, 429) == "rate_limited"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["retry_after"] == int(answer.headers["Retry-After"])
    neighbour = live_stack.person("acme", "viewer")
    with live_stack.http(neighbour) as client:
        assert client.post(f"{API}/search/", json={"query": "hotel"}).status_code == 200


def test_a_used_up_quota_leads_to_the_plans_and_leaves_reading_open(
    live_stack: LiveStack,
) -> None:
    person = live_stack.person("globex", "viewer")
    [(tenant,)] = live_stack.sql("SELECT id FROM registry_tenant WHERE slug = 'globex'")
    with live_stack.http(person) as client:
        assert client.post(f"{API}/ask/", json=QUESTION).status_code == 200
        included = _meter(client, "model_tokens")["included"]
        conversation = client.post(f"{API}/conversations/", json={}).json()["id"]
        live_stack.execute(MOVE, included, tenant, "model_tokens")
        try:
            refused = client.post(f"{API}/ask/", json=QUESTION)
            said = client.post(f"{API}/conversations/{conversation}/messages/", json={"text": "a"})
            with talking(live_stack, person, conversation) as talk:
                told = talk.ask("What about patients?")[-1]
            read = client.get(f"{API}/documents/")
        finally:
            live_stack.execute(MOVE, -included, tenant, "model_tokens")
        for answer in (refused, said):
            assert code_of(answer, 402) == "quota_exhausted"
            assert answer.json()["upgrade_url"]
        assert (told["type"], told["code"]) == ("error", "quota_exhausted")
        assert told["upgrade_url"]
        assert read.status_code == 200
        assert client.post(f"{API}/ask/", json=QUESTION).status_code == 200
        assert _meter(client, "model_tokens")["reserved"] == 0


def _meter(client: httpx.Client, metric: str) -> dict[str, float]:
    meters = client.get(f"{API}/usage/").json()["meters"]
    found: dict[str, float] = next(each for each in meters if each["metric"] == metric)
    return found
