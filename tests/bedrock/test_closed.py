"""No way around the guardrail: what cannot be checked is not shown, what is unguarded not sent."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from bedrock import gateway, policy, services
from bedrock.conversing import converse_parameters, stamped
from bedrock.errors import GuardrailUnavailable, ModelError
from bedrock.interventions import interventions_of
from bedrock.metering import MeteredCall
from bedrock.models import Guardrail
from bedrock.policy import guardrail_of
from bedrock.toolresults import WITHHELD
from bedrock.watching import ModelWatch
from tenants.aws import Unguarded, client, ops_client
from tenants.context import SYSTEM, TenantContext, entered, public_scope
from tests.bedrock.asking import finished, question, shown, states
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db
TRIED = 10_000


def with_result(*content: dict[str, Any], text: str = "What came?") -> gateway.ModelRequest:
    use = {"toolUse": {"toolUseId": "t1", "name": "look", "input": {}}}
    result = {"toolResult": {"toolUseId": "t1", "content": list(content)}}
    messages = [
        {"role": "user", "content": [{"text": text}]},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    tool = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}
    return question(messages=messages, tools=[tool])


def asked(request: gateway.ModelRequest | None = None) -> str:
    return gateway.converse(request or question()).text


def streamed(request: gateway.ModelRequest | None = None) -> str:
    return shown(gateway.converse_stream(request or question()))


def tool_result() -> str:
    return asked(with_result({"text": uuid.uuid4().hex}))


def tool_result_streamed() -> str:
    return streamed(with_result({"json": {"found": uuid.uuid4().hex}}))


def applied() -> str:
    verdict = gateway.apply_guardrail(
        ["text"], source="OUTPUT", actor=SYSTEM, feature="x", request_id=uuid.uuid4()
    )
    return verdict.outputs[0]


def grounded() -> str:
    return str(
        gateway.grounding(
            sources=["A source."],
            question="What?",
            answer="An answer.",
            actor=SYSTEM,
            feature="x",
            request_id=uuid.uuid4(),
        )
    )


def checked() -> str:
    services.safety_set(actor=SYSTEM, thresholds={"HATE": 0.5})
    return streamed()


SURFACES: list[tuple[Callable[[], str], str]] = [
    (tool_result, "ApplyGuardrail"),
    (tool_result_streamed, "ApplyGuardrail"),
    (applied, "ApplyGuardrail"),
    (grounded, "ApplyGuardrail"),
    (checked, "InvokeGuardrailChecks"),
    (asked, "Converse"),
    (streamed, "ConverseStream"),
]
FAILURES = [
    ("ThrottlingException", 429),
    ("ServiceUnavailableException", 503),
    ("InternalServerException", 500),
    ("AccessDeniedException", 403),
    ("ResourceNotFoundException", 404),
    ("ValidationException", 400),
    ("ModelTimeoutException", 408),
]


@pytest.mark.parametrize(("surface", "operation"), SURFACES)
def test_every_surface_closes_on_every_failure(
    surface: Callable[[], str], operation: str, acme: TenantContext, localaws: LocalAws
) -> None:
    for code, status in FAILURES:
        localaws.reset()
        error = {"code": code, "status": status, "message": "The guardrail identifier is odd."}
        localaws.script(error=error, times=20, match={"operation": operation})
        with entered(acme), pytest.raises(ModelError):
            surface()
        calls = localaws.requests()
        assert {call["status"] for call in calls if call["operation"] == operation} == {status}
        if operation not in ("Converse", "ConverseStream"):
            assert not [call for call in calls if call["operation"].startswith("Converse")]


@pytest.mark.parametrize(("surface", "operation"), SURFACES[:5])
def test_every_surface_closes_on_a_guardrail_that_keeps_silent(
    surface: Callable[[], str],
    operation: str,
    acme: TenantContext,
    localaws: LocalAws,
    settings: Any,
) -> None:
    settings.GUARDRAIL_SECONDS = 0.2
    localaws.script(first_delay_ms=900, times=20, match={"operation": operation})
    with entered(acme), pytest.raises(GuardrailUnavailable):
        surface()
    assert not [c for c in localaws.requests() if c["operation"].startswith("Converse")]


def test_of_ten_thousand_unguarded_calls_none_is_sent(
    acme: TenantContext, globex: TenantContext, localaws: LocalAws
) -> None:
    with entered(globex):
        theirs = guardrail_of(globex)
    wrongs: list[dict[str, Any] | None] = [
        None,
        {},
        {"guardrailIdentifier": "", "guardrailVersion": "1"},
        {"guardrailIdentifier": "abc", "guardrailVersion": "DRAFT"},
        {"guardrailIdentifier": "abc"},
        {"guardrailIdentifier": theirs.id, "guardrailVersion": theirs.version},
    ]
    refused = 0
    with entered(acme):
        chosen = policy.policy_of(acme, "small")
        runtime: Any = client("bedrock-runtime")
        watch = ModelWatch("Converse", "m", "chat")
        call = MeteredCall(None, "m", guardrail=chosen.guardrail, watch=watch)  # type: ignore[arg-type]
        for number in range(TRIED):
            parameters = converse_parameters(question(), chosen, stream=bool(number % 2))
            wrong = wrongs[number % len(wrongs)]
            parameters.pop("guardrailConfig")
            if wrong is not None:
                parameters["guardrailConfig"] = wrong
            try:
                if number % 3 or wrong == wrongs[-1]:
                    stamped(parameters, call)
                elif number % 2:
                    runtime.converse_stream(**parameters)
                else:
                    runtime.converse(**parameters)
            except Unguarded:
                refused += 1
        with pytest.raises(Unguarded):
            ops_client("bedrock-runtime", acme.region).converse(
                modelId="m", messages=[{"role": "user", "content": [{"text": "hello"}]}]
            )
    assert refused == TRIED
    assert localaws.requests() == []


def test_what_a_tool_brought_is_masked_or_withheld_before_the_model_reads_it(
    globex: TenantContext, localaws: LocalAws
) -> None:
    masked = with_result({"text": "Ask jane@example.com."}, {"json": {"mail": "bob@example.com"}})
    with entered(globex):
        gateway.converse(masked)
        (found,) = interventions_of(masked.request_id)
    assert (found.policy, found.finding, found.action, found.count) == ("pii", "EMAIL", "masked", 2)
    sent = str(localaws.requests("Converse")[-1]["body"])
    assert "{EMAIL}" in sent and "example.com" not in sent
    with entered(globex):
        list(gateway.converse_stream(with_result({"text": "Password is hunter2!"})))
    sent = str(localaws.requests("ConverseStream")[-1]["body"])
    assert WITHHELD in sent and "hunter2" not in sent
    checks = len(localaws.requests("ApplyGuardrail"))
    harmless = {"text": f"Nothing to see {uuid.uuid4().hex}."}
    with entered(globex):
        for _ in range(2):  # a tool loop sends it again
            gateway.converse(with_result(harmless))
    assert len(localaws.requests("ApplyGuardrail")) == checks + 1


def test_a_guardrail_that_vanishes_in_mid_work_stops_the_next_call(
    acme: TenantContext, localaws: LocalAws
) -> None:
    request = question()
    with entered(acme):
        finished(list(gateway.converse_stream(request)))
        with public_scope("staff"):
            Guardrail.objects.filter(region="us-east-1").update(guardrail_id="goneaway")
        policy.forget()
        again = question()
        with pytest.raises(ModelError):
            list(gateway.converse_stream(again))
    assert states(acme, again.request_id) == ["released"]
