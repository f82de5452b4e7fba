"""Which model serves is decided by rows, recorded with its reason, and shown with the answer."""

import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from bedrock import gateway, policy
from bedrock.deployment import resource_prefix
from bedrock.errors import ChoiceNotInPlan
from bedrock.models import InferenceProfile, Model, ProvisionedModel, RoutePolicy
from bedrock.selectors import decision_of
from billing import catalog
from billing.models import LedgerEntry, PlanLimit
from tenants.aws import ops_client
from tenants.context import TenantContext, entered, public_scope
from tests.bedrock.asking import finished, ledger, question
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ALICE, BOB
from tests.support.clients import api
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db
SMALL, FRONTIER = "amazon.nova-lite-v1:0", "anthropic.claude-sonnet-4-6"


def route(feature: str, plan: str, **values: Any) -> None:
    with public_scope("staff"):
        RoutePolicy.objects.update_or_create(feature=feature, plan=plan, defaults=values)
    policy.forget()


def reason_of(tenant: TenantContext, request_id: uuid.UUID) -> tuple[str, str]:
    with entered(tenant):
        decision = decision_of(request_id)
    assert decision is not None
    return decision.model_id, decision.reason


def with_tools(rounds: int) -> list[dict[str, Any]]:
    """Return a conversation in which the model has worked through so many rounds of tools."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"text": "How many days?"}]}]
    for number in range(rounds):
        use = {"toolUseId": f"t{number}", "name": "find", "input": {}}
        result = {"toolUseId": f"t{number}", "content": [{"text": "nothing yet"}]}
        messages += [
            {"role": "assistant", "content": [{"toolUse": use}]},
            {"role": "user", "content": [{"toolResult": result}]},
        ]
    return messages


@pytest.mark.parametrize(
    ("members", "model", "words"),
    [
        ({}, SMALL, "first choice"),
        ({"thorough": True}, FRONTIER, "you asked for a thorough answer"),
        ({"messages": with_tools(2)}, SMALL, "first choice"),
        ({"messages": with_tools(3)}, FRONTIER, "after 3 rounds of tools"),
        ({"text": "word " * 13_000}, FRONTIER, "tokens to read"),
        ({"grounding": 0.2}, SMALL, "first choice"),
        ({"grounding": 0.2, "feature": "ask"}, FRONTIER, "grounded to 0.20, below 0.50"),
        ({"grounding": 0.6, "feature": "ask"}, SMALL, "first choice"),
        ({"text": "word " * 13_000, "feature": "title"}, SMALL, "first choice"),
    ],
)
def test_the_row_decides_and_the_reason_is_on_record(
    members: dict[str, Any], model: str, words: str, acme: TenantContext, localaws: LocalAws
) -> None:
    tools = [{"toolSpec": {"name": "find", "inputSchema": {"json": {"type": "object"}}}}]
    asked = question(**{"feature": "assistant", "tools": tools, **members})
    with entered(acme):
        assert gateway.converse(asked).model == model
    assert reason_of(acme, asked.request_id)[0] == model
    assert words in reason_of(acme, asked.request_id)[1]


def test_the_choice_is_refused_where_the_plan_has_none(
    acme: TenantContext, localaws: LocalAws
) -> None:
    asked = question(feature="ask", thorough=True)
    with entered(acme), pytest.raises(ChoiceNotInPlan):
        gateway.converse(asked)
    route("assistant", "growth", choice=False)
    route("write", "growth", choice=False)
    client = api(ALICE)
    made = client.post("/api/v1/conversations/", {}, content_type="application/json").json()
    for address, body in (
        (f"/api/v1/conversations/{made['id']}/messages/", {"text": "Hello?", "thorough": True}),
        ("/api/v1/write/", {"task": "rewrite", "text": "We reply.", "thorough": True}),
    ):
        refused = client.post(address, body, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (403, "choice_not_in_plan")
    assert localaws.requests("Converse") == localaws.requests("ConverseStream") == []
    found = client.get(f"/api/v1/conversations/{made['id']}/").json()
    assert found["messages"] == []


def test_a_budget_that_does_not_reach_for_the_frontier_model_is_answered_by_the_small_one(
    acme: TenantContext, localaws: LocalAws
) -> None:
    with public_scope("staff"):
        PlanLimit.objects.filter(plan=acme.plan, metric="spend_usd").update(
            included=Decimal("0.003")
        )
    catalog.forget()
    asked = question(feature="assistant", thorough=True)
    with entered(acme):
        assert finished(list(gateway.converse_stream(asked))).model == SMALL
    assert (
        "what is left of the allowance does not reach for: frontier"
        in reason_of(acme, asked.request_id)[1]
    )
    assert len(localaws.requests()) == 1


def test_an_answer_that_is_not_borne_out_is_made_once_more_by_the_frontier_model(
    acme: TenantContext, localaws: LocalAws
) -> None:
    wrong = "Every employee owns a yacht in Monaco and flies it home on Sundays [1]."
    localaws.script(text=wrong, match={"operation": "Converse"})
    ready("Travel policy.md", HANDBOOK)
    client = api(ALICE)
    asked = {"question": "How many days may employees work abroad in a year?"}
    answer = client.post("/api/v1/ask/", asked, content_type="application/json").json()
    models = [call["modelId"] for call in localaws.requests("Converse")]
    with entered(acme):
        names = dict(InferenceProfile.objects.values_list("arn", "model_id"))
    assert answer["grounded"] == "full"
    assert [names[arn] for arn in models] == [SMALL, FRONTIER]
    told = client.get(f"/api/v1/requests/{answer['request_id']}/").json()
    texts = [call for call in told["calls"] if call["operation"] == "Converse"]
    assert [call["role"] for call in texts] == ["small", "frontier"]
    assert "grounded to" in texts[1]["reason"]


def test_every_surface_tells_how_it_was_answered(acme: TenantContext, localaws: LocalAws) -> None:
    ready("Travel policy.md", HANDBOOK)
    client = api(ALICE)

    def posted(address: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = client.post(f"/api/v1/{address}", body, content_type="application/json")
        assert answer.status_code in (200, 201), answer.content
        found: dict[str, Any] = answer.json()
        return found

    for answer, role in (
        (posted("search/", {"query": "work abroad"}), "embedding"),
        (posted("ask/", {"question": "How many days may I work abroad?"}), "small"),
        (posted("write/", {"task": "rewrite", "text": "We write in order to reply."}), "small"),
        (
            posted("write/", {"task": "rewrite", "text": "We do reply.", "thorough": True}),
            "frontier",
        ),
    ):
        told = client.get(f"/api/v1/requests/{answer['request_id']}/").json()
        assert role in {call["role"] for call in told["calls"]}
        served = [call for call in told["calls"] if call["role"] == role][-1]
        assert served["reason"] or role == "embedding"
        assert served["profile"].startswith("tenantry-documents growth")
        assert Decimal(told["usage"]["cost_usd"]) > 0
        # Bob reads acme too, but it was not his request.
        assert api(BOB).get(f"/api/v1/requests/{answer['request_id']}/").status_code == 404


def test_a_conversations_past_is_read_from_the_cache_and_priced_as_such(
    globex: TenantContext, localaws: LocalAws
) -> None:
    said = "We talked of travel to Lisbon and of the hotel there at length, and more. " * 90
    past: list[dict[str, Any]] = []
    found = []
    for number in range(3):
        past.append({"role": "user", "content": [{"text": f"{said} {number}"}]})
        asked = question(messages=list(past), feature="assistant")
        with entered(globex):
            answer = gateway.converse(asked)
        past.append({"role": "assistant", "content": [{"text": answer.text or "Yes."}]})
        found.append(ledger(globex, asked.request_id))
        usage = localaws.requests("Converse")[-1]["usage"]
        assert found[-1][1, "input_tokens"] == usage["inputTokens"]
    assert (1, "cache_read_tokens") not in found[0]
    assert found[1][1, "cache_write_tokens"] > 1000
    assert found[2][1, "cache_read_tokens"] == found[1][1, "cache_write_tokens"]
    assert found[2][1, "cache_write_tokens"] > 1000
    with entered(globex):
        row = LedgerEntry.objects.get(request_id=asked.request_id, unit="cache_read_tokens")
        plain = LedgerEntry.objects.get(request_id=asked.request_id, unit="input_tokens")
    assert row.price_usd is not None and plain.price_usd is not None
    assert row.price_usd == plain.price_usd / 4
    assert row.usd == row.quantity * row.price_usd / row.price_per


def test_tools_and_a_prompt_kept_for_an_hour_have_their_own_price(
    globex: TenantContext, localaws: LocalAws
) -> None:
    def tool(name: str) -> dict[str, Any]:
        described = f"Finds {name} in the workspace's documents and lists. " * 120
        return {"toolSpec": {"name": name, "description": described,
                             "inputSchema": {"json": {"type": "object"}}}}  # fmt: skip

    tools = [tool("find"), tool("count")]
    first = question(feature="assistant", thorough=True, tools=tools, system="Answer. " * 900)
    second = question(
        feature="assistant", thorough=True, tools=tools[::-1], system="Answer. " * 900
    )
    with entered(globex):
        gateway.converse(first)
        gateway.converse(second)
    sent = localaws.requests("Converse")[-1]["body"]
    assert sent["toolConfig"]["tools"][-1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert sent["system"][-1] == {"cachePoint": {"type": "default", "ttl": "1h"}}
    assert sent["outputConfig"] == {"effort": "medium"}
    written = ledger(globex, first.request_id)
    assert written[1, "cache_write_1h_tokens"] > 2000
    assert (1, "cache_write_tokens") not in written
    read = ledger(globex, second.request_id)[1, "cache_read_tokens"]
    assert read == written[1, "cache_write_1h_tokens"], "the order of tools must not matter"
    with entered(globex):
        row = LedgerEntry.objects.get(request_id=first.request_id, unit="cache_write_1h_tokens")
    assert row.price_usd == Decimal("6.6")


def test_a_service_tier_is_sent_and_has_prices_of_its_own(
    acme: TenantContext, localaws: LocalAws
) -> None:
    route("assistant", "growth", service_tier="flex")
    asked = question(feature="assistant")
    with entered(acme):
        gateway.converse(asked)
        row = LedgerEntry.objects.get(request_id=asked.request_id, unit="output_tokens")
        decision = decision_of(asked.request_id)
    assert decision is not None and decision.service_tier == "flex"
    assert localaws.requests("Converse")[0]["body"]["serviceTier"] == {"type": "flex"}
    assert (row.model, row.price_usd) == (f"{SMALL}@flex", Decimal("0.12"))
    frontier = question(feature="assistant", thorough=True)  # is not offered in that tier
    route("assistant", "growth", service_tier="flex", choice=True)
    with entered(acme):
        gateway.converse(frontier)
    assert "serviceTier" not in localaws.requests("Converse")[1]["body"]


def test_provisioned_throughput_serves_its_plan_and_its_tokens_cost_nothing(
    acme: TenantContext, localaws: LocalAws
) -> None:
    bedrock: Any = ops_client("bedrock", acme.region)
    arn = bedrock.create_provisioned_model_throughput(
        provisionedModelName=f"p-{uuid.uuid4().hex[:8]}",
        modelId=SMALL,
        modelUnits=1,
        tags=[
            {"key": "Deployment", "value": resource_prefix()},
            {"key": "Tier", "value": acme.plan},
        ],
    )["provisionedModelArn"]
    try:
        with public_scope("staff"):
            row = ProvisionedModel.objects.create(
                region=acme.region,
                role="small",
                plan=acme.plan,
                model=Model.objects.get(model_id=SMALL),
                arn=arn,
                usd_per_hour=Decimal("20"),
            )
        policy.forget()
        asked = question()
        with entered(acme):
            gateway.converse(asked)
            entries = LedgerEntry.objects.filter(request_id=asked.request_id)
            tokens = {entry.unit: entry for entry in entries if "token" in entry.unit}
        assert localaws.requests("Converse")[0]["modelId"] == arn
        assert tokens["input_tokens"].quantity > 0
        assert {entry.usd for entry in tokens.values()} == {Decimal(0)}
        assert {entry.model for entry in tokens.values()} == {f"{SMALL}@provisioned"}
        with public_scope("staff"):
            ProvisionedModel.objects.filter(id=row.id).update(serving=False)
        policy.forget()
        with entered(acme):
            gateway.converse(question())
        assert "application-inference-profile" in localaws.requests("Converse")[1]["modelId"]
    finally:
        bedrock.delete_provisioned_model_throughput(provisionedModelId=arn)
        policy.forget()


def test_every_call_carries_a_limit(acme: TenantContext, localaws: LocalAws) -> None:
    with entered(acme):
        gateway.converse(question())
        list(gateway.converse_stream(question()))
        with pytest.raises(ValueError, match="max_tokens"):
            gateway.converse(question(max_tokens=0))
    bodies = [json.loads(json.dumps(call["body"])) for call in localaws.requests()]
    assert [body["inferenceConfig"]["maxTokens"] for body in bodies] == [300, 300]
