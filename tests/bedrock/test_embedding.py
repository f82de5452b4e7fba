"""Embeddings keep their order, their tenant and their count."""

import uuid
from collections.abc import Iterator

import pytest

from bedrock import gateway, policy
from bedrock.deployment import resource_prefix
from bedrock.errors import EmbeddingModelChanged, InputTooLong, ModelThrottled
from bedrock.models import InferenceProfile
from tenants.aws import ops_client
from tenants.context import SYSTEM, TenantContext, entered, public_scope
from tenants.errors import Invalid
from tests.bedrock.asking import estimated, ledger, states
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db


def embedded(
    tenant: TenantContext, texts: list[str], request_id: uuid.UUID | None = None
) -> list[list[float]]:
    with entered(tenant):
        return gateway.embed(
            texts,
            actor=SYSTEM,
            feature="ingest",
            request_id=request_id or uuid.uuid4(),
            purpose="document",
        )


def test_vectors_come_in_the_order_of_their_texts(acme: TenantContext, localaws: LocalAws) -> None:
    words = ("ships", "sealing wax", "cabbages", "kings", "the sea", "pigs", "wings", "oysters")
    texts = [f"chapter {number} about {word}" for number, word in enumerate(words)]
    together = embedded(acme, texts)
    assert [len(vector) for vector in together] == [512] * len(texts)
    assert together == [embedded(acme, [text])[0] for text in texts]


def test_every_call_is_signed_for_the_tenant_and_metered(
    globex: TenantContext, localaws: LocalAws
) -> None:
    request_id = uuid.uuid4()
    embedded(globex, [gateway.Masked(f"text {number}") for number in range(20)], request_id)
    calls = localaws.requests("InvokeModel")
    assert len(calls) == 20
    assert {call["sessionTags"]["TenantId"] for call in calls} == {str(globex.id)}
    assert {call["region"] for call in calls} == {"eu-central-1"}
    used = sum(call["usage"]["inputTokens"] for call in calls)
    assert ledger(globex, request_id) == {(1, "embedding_tokens"): used}


def test_a_throttled_text_is_repeated(acme: TenantContext, localaws: LocalAws) -> None:
    localaws.script(error={"code": "ThrottlingException"}, match={"contains": "text 3"})
    assert len(embedded(acme, [f"text {number}" for number in range(6)])) == 6
    assert len(localaws.requests("InvokeModel")) == 7


def test_what_was_embedded_before_a_failure_is_metered(
    acme: TenantContext, localaws: LocalAws
) -> None:
    localaws.script(error={"code": "ThrottlingException"}, match={"contains": "last"}, times=100)
    request_id = uuid.uuid4()
    with pytest.raises(ModelThrottled):
        embedded(acme, ["first", "second", "last"], request_id)
    used = sum(call["usage"].get("inputTokens", 0) for call in localaws.requests("InvokeModel"))
    assert used
    assert ledger(acme, request_id) == {(1, "embedding_tokens"): used}
    assert estimated(acme, request_id) == {False}


def test_nothing_embedded_costs_nothing(acme: TenantContext, localaws: LocalAws) -> None:
    localaws.script(error={"code": "ThrottlingException"}, times=100)
    request_id = uuid.uuid4()
    with pytest.raises(ModelThrottled):
        embedded(acme, ["only"], request_id)
    assert states(acme, request_id) == ["released"]
    assert embedded(acme, []) == []


def test_a_blank_text_is_refused(acme: TenantContext, localaws: LocalAws) -> None:
    with pytest.raises(Invalid):
        embedded(acme, ["fine", "  \n"])
    assert localaws.requests() == []


def test_a_text_too_long_is_refused_not_cut(acme: TenantContext, localaws: LocalAws) -> None:
    with pytest.raises(InputTooLong):
        embedded(acme, ["x" * 50_001])
    assert localaws.requests() == []


@pytest.fixture
def cohere(acme: TenantContext) -> Iterator[TenantContext]:
    """Acme's plan as it is after staff have routed embeddings to Cohere Embed v4."""
    with public_scope("staff"):
        profile = ops_client("bedrock", acme.region).create_inference_profile(
            inferenceProfileName=f"cohere {uuid.uuid4().hex[:8]}",
            modelSource={
                "copyFrom": f"arn:aws:bedrock:{acme.region}::foundation-model/cohere.embed-v4:0"
            },
            tags=[
                {"key": "Deployment", "value": resource_prefix()},
                {"key": "Tier", "value": acme.plan},
            ],
        )
        InferenceProfile.objects.filter(
            region=acme.region, plan=acme.plan, role="embedding", tenant_id=None
        ).update(
            model_id="cohere.embed-v4:0",
            arn=profile["inferenceProfileArn"],
            source=f"arn:aws:bedrock:{acme.region}::foundation-model/cohere.embed-v4:0",
        )
    policy.forget()
    yield acme
    policy.forget()


def test_cohere_embeds_96_texts_a_call_and_is_metered_by_its_header(
    cohere: TenantContext, localaws: LocalAws
) -> None:
    request_id = uuid.uuid4()
    texts = [f"text {number} about the sea" for number in range(100)]
    vectors = embedded(cohere, texts, request_id)
    assert {len(vector) for vector in vectors} == {512}
    calls = localaws.requests("InvokeModel")
    assert sorted(len(call["body"]["texts"]) for call in calls) == [4, 96]
    assert {call["body"]["input_type"] for call in calls} == {"search_document"}
    used = sum(call["usage"]["inputTokens"] for call in calls)
    assert ledger(cohere, request_id) == {(1, "embedding_tokens"): used}
    assert estimated(cohere, request_id) == {False}
    assert vectors[99] == embedded(cohere, texts[99:])[0]


def test_vectors_are_of_the_model_that_was_asked_for(cohere: TenantContext) -> None:
    with entered(cohere), pytest.raises(EmbeddingModelChanged):
        gateway.embed(
            ["a text"],
            actor=SYSTEM,
            feature="ingest",
            request_id=uuid.uuid4(),
            purpose="document",
            model="amazon.titan-embed-text-v2:0",
        )
