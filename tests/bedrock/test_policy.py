"""What a call may use is decided by the tenant alone, recorded, and what the service receives."""

import uuid

import pytest

from bedrock import gateway, policy
from bedrock.errors import ModelRefused, NotProvisioned, OutsideRegion
from bedrock.models import Guardrail, InferenceProfile, PolicyDecision
from bedrock.selectors import decision_of, decisions_of
from tenants.context import SYSTEM, NoTenant, TenantContext, entered, public_scope
from tests.bedrock.asking import question
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["acme", "globex"])
@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
def test_the_recorded_decision_is_what_the_service_received(
    name: str, operation: str, request: pytest.FixtureRequest, localaws: LocalAws
) -> None:
    tenant: TenantContext = request.getfixturevalue(name)
    asked = question()
    with entered(tenant):
        if operation == "Converse":
            gateway.converse(asked)
        else:
            list(gateway.converse_stream(asked))
        decision = decision_of(asked.request_id)
    assert decision is not None
    (received,) = localaws.requests(operation)
    assert received["region"] == decision.region == tenant.region
    assert received["modelId"] == decision.profile_arn
    assert decision.profile_arn.split(":")[3] == tenant.region
    assert received["guardrail"]["guardrailIdentifier"] == decision.guardrail_id
    assert received["guardrail"]["guardrailVersion"] == decision.guardrail_version
    assert decision.guardrail_version.isdecimal()
    assert received["guardrail"].get("streamProcessingMode", "") == decision.stream_mode
    assert decision.stream_mode == ("sync" if operation == "ConverseStream" else "")
    assert received["body"]["inferenceConfig"]["maxTokens"] == decision.max_tokens == 300
    assert received["sessionTags"]["TenantId"] == str(tenant.id)
    assert received["requestMetadata"] == {
        "tenant": str(tenant.id),
        "request_id": str(asked.request_id),
        "feature": "ask",
        "user": "system",
        "reservation": str(decision.reservation_id),
        "attempt": f"{decision.call}01",
    }


def test_embeddings_go_through_a_profile_of_the_region_too(
    globex: TenantContext, localaws: LocalAws
) -> None:
    request_id = uuid.uuid4()
    with entered(globex):
        gateway.embed(
            ["hello"], actor=SYSTEM, feature="search", request_id=request_id, purpose="query"
        )
        decision = decision_of(request_id)
    (received,) = localaws.requests("InvokeModel")
    assert decision is not None
    assert received["modelId"] == decision.profile_arn
    assert received["region"] == decision.region == "eu-central-1"
    assert received["requestMetadata"]["request_id"] == str(request_id)


def test_an_enterprise_tenant_has_profiles_of_its_own(globex: TenantContext) -> None:
    with entered(globex):
        own = policy.policy_of(globex, "small").profile_arn
        row = InferenceProfile.objects.get(arn=own)
    assert row.tenant_id == globex.id


def test_a_tenant_sees_neither_decisions_nor_profiles_of_another(
    acme: TenantContext, globex: TenantContext, localaws: LocalAws
) -> None:
    asked = question()
    with entered(globex):
        gateway.converse(asked)
    with entered(acme):
        assert decisions_of(asked.request_id) == []
        assert not PolicyDecision.objects.filter(request_id=asked.request_id).exists()
        assert not InferenceProfile.objects.filter(tenant_id=globex.id).exists()


def test_the_calls_of_one_request_are_numbered(acme: TenantContext, localaws: LocalAws) -> None:
    asked = question()
    with entered(acme):
        gateway.embed(
            ["hello"],
            actor=SYSTEM,
            feature="ask",
            request_id=asked.request_id,
            purpose="query",
        )
        gateway.converse(asked)
        found = decisions_of(asked.request_id)
        main = decision_of(asked.request_id)
    assert [(row.call, row.operation) for row in found] == [(1, "InvokeModel"), (2, "Converse")]
    assert main is not None and main.operation == "Converse"


def test_the_frontier_model_is_used_when_asked_for(acme: TenantContext, localaws: LocalAws) -> None:
    with entered(acme):
        answer = gateway.converse(question(feature="assistant", thorough=True))
    assert answer.model == "anthropic.claude-sonnet-4-6"


def test_a_call_outside_every_tenant_is_refused(localaws: LocalAws) -> None:
    with pytest.raises(NoTenant):
        gateway.converse(question())
    assert localaws.requests() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("arn", "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/abc"),
        ("source", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.some.model"),
        ("source", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.some.model"),
    ],
)
def test_a_profile_that_leads_out_of_the_region_is_never_called(
    field: str, value: str, acme: TenantContext, localaws: LocalAws
) -> None:
    with public_scope("staff"):
        InferenceProfile.objects.filter(region="us-east-1", role="small").filter(
            plan=acme.plan, tenant_id=None
        ).update(**{field: value})
    with entered(acme), pytest.raises(OutsideRegion):
        gateway.converse(question())
    assert localaws.requests() == []


@pytest.mark.parametrize("version", ["DRAFT", ""])
def test_a_guardrail_without_a_numbered_version_is_never_used(
    version: str, acme: TenantContext, localaws: LocalAws
) -> None:
    with public_scope("staff"):
        Guardrail.objects.filter(region="us-east-1").update(version=version)
    with entered(acme), pytest.raises(NotProvisioned):
        gateway.converse(question())
    assert localaws.requests() == []


def test_a_guardrail_that_is_gone_closes_the_way_to_the_model(
    acme: TenantContext, localaws: LocalAws
) -> None:
    with public_scope("staff"):
        Guardrail.objects.filter(region="us-east-1").update(guardrail_id="goneaway")
    with entered(acme), pytest.raises(NotProvisioned):
        gateway.converse(question())
    assert localaws.requests("Converse") == []  # refused by the role: it bears no posture's tag


def test_max_tokens_never_exceeds_what_the_model_can_write(
    acme: TenantContext, localaws: LocalAws
) -> None:
    with entered(acme):
        gateway.converse(question(max_tokens=1_000_000))
    (received,) = localaws.requests("Converse")
    assert received["body"]["inferenceConfig"]["maxTokens"] == 8192


def test_the_stamp_keeps_to_the_characters_that_the_service_takes(
    acme: TenantContext, localaws: LocalAws
) -> None:
    with entered(acme):
        gateway.converse(question(feature="größe\u2028{x}"))
    (received,) = localaws.requests("Converse")
    assert received["requestMetadata"]["feature"] == "gr__e\u2028_x_"


def test_tools_are_refused_where_the_model_cannot_use_them(
    acme: TenantContext, localaws: LocalAws
) -> None:
    with public_scope("staff"):
        profile = InferenceProfile.objects.filter(role="small", plan=acme.plan).first()
        assert profile is not None
        profile.model.supports_tools = False
        profile.model.save()
    tool = {"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}
    with entered(acme), pytest.raises(ModelRefused):
        gateway.converse(question(tools=[tool]))
    assert localaws.requests() == []
