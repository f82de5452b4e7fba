"""Guardrail checks without a model: masks, blocks, grounding, and no way around them."""

import uuid
from typing import Any

import pytest

from bedrock import gateway
from bedrock.errors import InputTooLong, ModelUnavailable
from bedrock.selectors import decision_of
from tenants.context import SYSTEM, TenantContext, entered
from tests.bedrock.asking import ledger
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db


def checked(tenant: TenantContext, texts: list[str], **members: Any) -> gateway.GuardrailVerdict:
    usual: dict[str, Any] = {"source": "INPUT", "request_id": uuid.uuid4()}
    with entered(tenant):
        return gateway.apply_guardrail(texts, actor=SYSTEM, feature="tool", **{**usual, **members})


def test_a_harmless_text_comes_back_as_it_is(acme: TenantContext, localaws: LocalAws) -> None:
    verdict = checked(acme, ["The office opens at nine."])
    assert verdict.action == "none"
    assert verdict.outputs == ["The office opens at nine."]


def test_personal_data_is_masked_text_by_text(globex: TenantContext, localaws: LocalAws) -> None:
    verdict = checked(globex, ["Nothing here.", "", "Mail jane@example.com."])
    assert verdict.action == "masked"
    assert verdict.outputs == ["Nothing here.", "", "Mail {EMAIL}."]


def test_what_is_embedded_without_a_mark_is_masked_first(
    globex: TenantContext, localaws: LocalAws
) -> None:
    with entered(globex):
        gateway.embed(
            ["Mail jane@example.com."],
            actor=SYSTEM,
            feature="x",
            request_id=uuid.uuid4(),
            purpose="query",
        )
    (call,) = localaws.requests("InvokeModel")
    assert "{EMAIL}" in str(call["body"]) and "jane" not in str(call["body"])


@pytest.mark.parametrize("source", ["INPUT", "OUTPUT"])
def test_a_secret_is_blocked_on_both_sides(
    source: str, acme: TenantContext, localaws: LocalAws
) -> None:
    verdict = checked(acme, ["Use AKIAABCDEFGHIJKLMNOP."], source=source)
    assert verdict.action == "blocked"
    assert "AKIA" not in "".join(verdict.outputs)


def test_a_check_is_recorded_and_metered(acme: TenantContext, localaws: LocalAws) -> None:
    request_id = uuid.uuid4()
    checked(acme, ["x" * 1001], request_id=request_id)
    assert ledger(acme, request_id)[1, "guardrail_content_units"] == 2
    with entered(acme):
        decision = decision_of(request_id)
    assert decision is not None
    assert (decision.operation, decision.profile_arn) == ("ApplyGuardrail", "")
    assert decision.guardrail_version.isdecimal()


@pytest.mark.parametrize("code", ["ServiceUnavailableException", "InternalServerException"])
def test_a_guardrail_that_cannot_be_reached_fails_closed(
    code: str, acme: TenantContext, localaws: LocalAws
) -> None:
    localaws.script(error={"code": code, "status": 503}, times=10)
    with pytest.raises(ModelUnavailable):
        checked(acme, ["The office opens at nine."])


def test_a_text_longer_than_is_checked_is_refused(acme: TenantContext, localaws: LocalAws) -> None:
    with pytest.raises(InputTooLong):
        checked(acme, ["x" * 100_001])
    assert localaws.requests() == []


def grounded(tenant: TenantContext, answer: str, **members: Any) -> gateway.Grounding | None:
    usual: dict[str, Any] = {
        "sources": ["You may work abroad for 30 days a year."],
        "question": "How many days may I work abroad?",
    }
    with entered(tenant):
        return gateway.grounding(
            answer=answer,
            actor=SYSTEM,
            feature="ask",
            request_id=uuid.uuid4(),
            **{**usual, **members},
        )


def test_an_answer_from_the_sources_is_grounded(acme: TenantContext, localaws: LocalAws) -> None:
    good = grounded(acme, "You may work abroad for 30 days a year.")
    bad = grounded(acme, "The moon is made of 412 kinds of cheese.")
    assert good is not None and bad is not None
    assert good.grounding > 0.8 > 0.4 > bad.grounding
    assert good.relevance > bad.relevance


@pytest.mark.parametrize(
    "members", [{"sources": []}, {"question": " "}, {"question": "why " * 400}]
)
def test_grounding_that_cannot_be_said_is_none_and_not_asked(
    members: dict[str, Any], acme: TenantContext, localaws: LocalAws
) -> None:
    assert grounded(acme, "An answer.", **members) is None
    assert localaws.requests() == []
