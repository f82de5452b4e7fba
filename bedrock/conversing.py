"""Text calls: Converse in one piece."""

import re
from collections.abc import Mapping
from typing import Any, Final

from bedrock.caching import LONGEST_TOKEN, prefixed
from bedrock.calls import Json, ModelAnswer, ModelRequest, ToolUse, Usage
from bedrock.errors import ModelRefused, TextBlocked
from bedrock.estimates import request_text, tokens_of
from bedrock.guarded import assessments_of, outcome, units_of_trace
from bedrock.interventions import findings_of, interventions_record
from bedrock.masking import masked_request, refused
from bedrock.metering import (
    MeteredCall,
    call_open,
    connection_rest,
    guardrail_estimate,
    sent,
    units_of_usage,
)
from bedrock.models import Intervention, Role
from bedrock.namedtexts import blocked_told
from bedrock.pictures import pictures_in
from bedrock.policy import Policy
from bedrock.routing import policy_routed, route_of
from bedrock.screening import BLOCKED_INPUT, BLOCKED_OUTPUT, Side, call_refused, screen_of
from bedrock.sight import sees
from bedrock.toolresults import results_screened
from billing.units import Unit
from tenants.aws import Unguarded, client
from tenants.context import current
from tenants.errors import QuotaExhausted

METADATA_FORBIDS: Final = re.compile(r"[^a-zA-Z0-9\s:_@$#=/+,.-]")


def metadata_of(request_feature: str, request_id: object, user_id: object) -> dict[str, str]:
    """Return the stamp that invocation logs keep: tenant, request, feature, user.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html limits charset
    and length.
    """
    stamp = {
        "tenant": current().id,
        "request_id": request_id,
        "feature": request_feature,
        "user": user_id or "system",
    }
    return {key: METADATA_FORBIDS.sub("_", str(value))[:256] for key, value in stamp.items()}


def converse_parameters(request: ModelRequest, policy: Policy, *, stream: bool) -> dict[str, Any]:
    """Return what is sent: profile, guardrail, limit and stamp are ours, never the caller's."""
    if request.tools and not policy.model.supports_tools:
        raise ModelRefused(f"{policy.model.name} cannot use tools.")
    limits: Json = {"maxTokens": max_tokens(request, policy)}
    if request.temperature is not None:
        limits["temperature"] = request.temperature
    guardrail: Json = {
        "guardrailIdentifier": policy.guardrail.id,
        "guardrailVersion": policy.guardrail.version,
        "trace": "enabled",
    }
    if stream:
        guardrail["streamProcessingMode"] = policy.guardrail.stream_mode
    parameters: dict[str, Any] = {
        "modelId": policy.profile_arn,
        "messages": list(request.messages),
        "inferenceConfig": limits,
        "guardrailConfig": guardrail,
        "requestMetadata": metadata_of(request.feature, request.request_id, request.actor.user_id),
    }
    if request.system:
        parameters["system"] = [{"text": request.system}]
    if request.tools:
        parameters["toolConfig"] = {"tools": list(request.tools)}
    if policy.service_tier:
        parameters["serviceTier"] = {"type": policy.service_tier}
    if policy.latency:
        parameters["performanceConfig"] = {"latency": policy.latency}
    if policy.effort:
        parameters["outputConfig"] = {"effort": policy.effort}
    return prefixed(parameters, policy)


def stamped(parameters: Mapping[str, Any], call: MeteredCall) -> dict[str, Any]:
    """Return the parameters of the call's present attempt, which its log record will name.

    Without `maxTokens` the service would reserve the model's own maximum, so that is never sent.
    """
    if not parameters["inferenceConfig"].get("maxTokens"):
        raise ModelRefused("A model call needs a limit of what it may write.")
    carried = parameters.get("guardrailConfig", {})
    decided = call.guardrail
    if decided is None or (carried.get("guardrailIdentifier"), carried.get("guardrailVersion")) != (
        decided.id,
        decided.version,
    ):
        raise Unguarded
    return {**parameters, "requestMetadata": {**parameters["requestMetadata"], **call.stamp}}


def max_tokens(request: ModelRequest, policy: Policy) -> int:
    """Return the limit to send: always one, or the service reserves the model's own maximum."""
    if request.max_tokens < 1:
        raise ValueError("max_tokens must be at least 1")
    return min(request.max_tokens, policy.model.max_output)


def text_call_routed(
    request: ModelRequest, *, operation: str, stream: bool
) -> tuple[MeteredCall, Policy]:
    """Choose the model and admit the call at its upper bound.

    Where the allowance does not reach for the frontier model, small serves and the record says why.
    """
    tenant = current()
    route = route_of(tenant, request)
    policy = policy_routed(tenant, route)
    try:
        return text_call_open(request, policy, operation=operation, stream=stream), policy
    except QuotaExhausted:
        if route.role != Role.FRONTIER:
            raise
        if pictures_in(request.messages) and not sees(tenant, Role.SMALL):
            raise
    policy = policy_routed(tenant, route.within_budget())
    return text_call_open(request, policy, operation=operation, stream=stream), policy


def text_call_open(
    request: ModelRequest, policy: Policy, *, operation: str, stream: bool
) -> MeteredCall:
    """Admit a text call at its upper bound."""
    text = request_text(request)
    limit = max_tokens(request, policy)
    pictures = pictures_in(request.messages)
    seen = pictures * (policy.model.image_tokens or 0)
    units: dict[Unit, int] = {
        Unit.INPUT: tokens_of(text, policy.model) + seen,
        Unit.OUTPUT: limit,
    }
    if pictures:
        units[Unit.GUARDRAIL_IMAGE] = pictures
    units |= guardrail_estimate(policy.guardrail, len(text) + limit * LONGEST_TOKEN)
    return call_open(
        actor=request.actor,
        feature=request.feature,
        request_id=request.request_id,
        operation=operation,
        units=units,
        policy=policy,
        guardrail=policy.guardrail,
        max_tokens=limit,
        stream=stream,
    )


def usage_of(usage: Mapping[str, Any], trace: Mapping[str, Any]) -> Usage:
    """Return the service's count in our form; what is cached for an hour has a price of its own."""
    hour = sum(
        int(detail.get("inputTokens", 0))
        for detail in usage.get("cacheDetails", ())
        if detail.get("ttl") == "1h"
    )
    return Usage(
        input_tokens=int(usage.get("inputTokens", 0)),
        output_tokens=int(usage.get("outputTokens", 0)),
        cache_read_tokens=int(usage.get("cacheReadInputTokens", 0)),
        cache_write_tokens=int(usage.get("cacheWriteInputTokens", 0)) - hour,
        cache_write_1h_tokens=hour,
        guardrail=units_of_trace(trace),
    )


def answer_of(
    request: ModelRequest,
    policy: Policy,
    *,
    text: str,
    tool_uses: tuple[ToolUse, ...],
    stop_reason: str,
    usage: Usage,
    trace: Mapping[str, Any],
) -> ModelAnswer:
    """Put an answer together; of a blocked one nothing but the guardrail's message is left."""
    action, side = outcome(stop_reason, trace)
    blocked = action == "blocked"
    if blocked:
        guardrail = policy.guardrail
        text = blocked_told(
            guardrail.blocked_input if side == "input" else guardrail.blocked_output
        )
    return ModelAnswer(
        text=text,
        tool_uses=() if blocked else tool_uses,
        stop_reason=stop_reason,
        usage=usage,
        blocked=blocked,
        masked=action == "masked",
        request_id=request.request_id,
        model=policy.model.model_id,
        profile_arn=policy.profile_arn,
        guardrail={
            "id": policy.guardrail.id,
            "version": policy.guardrail.version,
            "action": action,
        },
        refused=side if blocked else None,
    )


def trace_recorded(call: MeteredCall, policy: Policy, trace: Mapping[str, Any]) -> None:
    """Store what the guardrail's trace says was blocked or masked."""
    findings = [
        found for side, assessed in assessments_of(trace) for found in findings_of(side, assessed)
    ]
    interventions_record(
        call.reservation,
        findings,
        origin=Intervention.Origin.GUARDRAIL,
        guardrail=policy.guardrail,
    )


def answer_refused(
    request: ModelRequest, policy: Policy, side: Side, usage: Usage | None = None
) -> ModelAnswer:
    """Return the answer that the workspace's own rules leave: a sentence that says so."""
    return ModelAnswer(
        text=str(BLOCKED_INPUT if side == "input" else BLOCKED_OUTPUT),
        tool_uses=(),
        stop_reason="guardrail_intervened",
        usage=usage or Usage(),
        blocked=True,
        masked=False,
        request_id=request.request_id,
        model=policy.model.model_id,
        profile_arn=policy.profile_arn,
        guardrail={
            "id": policy.guardrail.id,
            "version": policy.guardrail.version,
            "action": "blocked",
        },
    )


def converse(request: ModelRequest) -> ModelAnswer:
    """Ask a text model and wait for the whole answer.

    An input or output that the guardrail or the workspace's own rules block is an ordinary answer
    with `blocked` set. Raises RateLimited and QuotaExhausted before anything is sent, otherwise
    this app's errors.
    """
    try:
        request = masked_request(results_screened(request))
    except TextBlocked as blocked:
        return refused(request.request_id, blocked)
    call, policy = text_call_routed(request, operation="Converse", stream=False)
    screen = screen_of(actor=request.actor, feature=request.feature, request_id=request.request_id)
    if call_refused(call, screen, request.messages):
        return answer_refused(request, policy, "input")
    parameters = call.prepared(lambda: converse_parameters(request, policy, stream=False))
    runtime = client("bedrock-runtime")
    connection_rest()
    received = sent(call, lambda: runtime.converse(**stamped(parameters, call)))
    trace = received.get("trace", {}).get("guardrail", {})
    usage = usage_of(received["usage"], trace)
    call.finish(units_of_usage(usage))
    trace_recorded(call, policy, trace)
    content = received["output"].get("message", {}).get("content", [])
    answer = answer_of(
        request,
        policy,
        text="".join(block["text"] for block in content if "text" in block),
        tool_uses=tuple(
            ToolUse(
                block["toolUse"]["toolUseId"], block["toolUse"]["name"], block["toolUse"]["input"]
            )
            for block in content
            if "toolUse" in block
        ),
        stop_reason=received["stopReason"],
        usage=usage,
        trace=trace,
    )
    if not answer.blocked and screen.refuses("output", [answer.text], call.reservation):
        return answer_refused(request, policy, "output", usage)
    return answer
