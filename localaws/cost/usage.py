"""What a served call is billed for: units, and to which model, route, resource and principal."""

from __future__ import annotations

from dataclasses import dataclass, field

from localaws import catalog
from localaws.calls import Call
from localaws.cost.rates import GUARDRAILS
from localaws.errors import AwsError
from localaws.state import JsonStore
from localaws.wire import Json

_GUARDRAIL = {
    "topicPolicyUnits": "guardrail_topic_units",
    "contentPolicyUnits": "guardrail_content_units",
    "contentPolicyImageUnits": "guardrail_image_units",
    "wordPolicyUnits": "guardrail_word_units",
    "sensitiveInformationPolicyUnits": "guardrail_pii_units",
    "sensitiveInformationPolicyFreeUnits": "guardrail_pii_regex_units",
    "contextualGroundingPolicyUnits": "guardrail_grounding_units",
}
_CHECKS = {
    "contentFilter": "guardrail_check_content_units",
    "promptAttack": "guardrail_check_attack_units",
    "sensitiveInformation": "guardrail_check_pii_units",
}


@dataclass(frozen=True)
class Billed:
    """One call's usage as the bill splits it.

    `resource` and `principal` are empty where AWS attributes nothing: guardrail units, batch jobs,
    reranking, retrieval from Knowledge Bases.
    """

    model: str
    route: str
    units: dict[str, int]
    operation: str
    resource: str = ""
    principal: str = ""
    resource_tags: dict[str, str] = field(default_factory=dict)
    principal_tags: dict[str, str] = field(default_factory=dict)


def billed(call: Call, store: JsonStore) -> list[Billed]:
    """The bill's rows of a finished call; none for one that failed."""
    if call.error or not call.usage:
        return []
    if call.operation in ("ApplyGuardrail", "InvokeGuardrailChecks"):
        return _guardrail(call.operation, _guardrail_units(call.usage))
    if "kbRetrievals" in call.usage:
        units = {"kb_retrievals": int(call.usage["kbRetrievals"])}
        retrieval = Billed("amazon.bedrock-knowledge-bases", "region", units, call.operation)
        return [retrieval, _embedded(call)]
    if "embeddedWith" in call.usage:
        return [_embedded(call)]
    try:
        model, route = _model(call, store)
    except (AwsError, KeyError):
        return []  # the resource is gone, or names no model
    if "rerankQueries" in call.usage:
        units = {"rerank_queries": int(call.usage["rerankQueries"])}
        return [Billed(model.id, route, units, "Rerank")]
    units = _tokens(call, model.kind)
    if call.operation == "ModelInvocationJob":
        return [Billed(model.id, route, units, "ModelInvocationJob", resource=call.model_id)]
    if not call.operation.startswith(("Converse", "InvokeModel")):
        return [Billed(model.id, route, units, call.operation)]
    stream = "Streaming" if call.operation.endswith("Stream") else ""
    row = Billed(
        model=model.id + _tier(call),
        route=route,
        units=units,
        operation=f"InvokeModel{stream}Inference",
        resource=call.model_id
        if call.model_id.startswith("arn:")
        else catalog.model_arn(call.region, model.id),
        principal=call.identity,
        resource_tags=_resource_tags(call, store),
        principal_tags=dict(call.session_tags),
    )
    output = call.output or {}
    trace = (output.get("trace") or output.get("amazon-bedrock-trace") or {}).get("guardrail", {})
    guarded = _guardrail("ApplyGuardrail", _units_of_trace(trace)) if trace else []
    return [row, *guarded]


def _embedded(call: Call) -> Billed:
    """What a Knowledge Base embeds is its service role's use of the model, whoever asked for it.

    Documents and queries alike; how AWS names the session of a query is not known.
    """
    model, role = str(call.usage["embeddedWith"]), str(call.usage["embeddedBy"])
    return Billed(
        model=model,
        route="region",
        units={"embedding_tokens": int(call.usage["inputTokens"])},
        operation="InvokeModelInference",
        resource=catalog.model_arn(call.region, model),
        principal=f"arn:aws:sts::{call.account}:assumed-role/{role.rpartition('/')[2]}/"
        f"DocumentLoaderTask-{call.model_id}",
    )


def _guardrail(operation: str, units: dict[str, int]) -> list[Billed]:
    return [Billed(GUARDRAILS, "region", units, operation)] if any(units.values()) else []


def _guardrail_units(usage: Json) -> dict[str, int]:
    units = {unit: int(usage[name]) for name, unit in _GUARDRAIL.items() if usage.get(name)}
    for name, unit in _CHECKS.items():
        if found := usage.get(name):
            units[unit] = int(found["textUnits"])
    return units


def _units_of_trace(trace: Json) -> dict[str, int]:
    """The units of every assessment of a conversation."""
    several = [*trace.get("inputAssessment", {}).values()]
    for outputs in trace.get("outputAssessments", {}).values():
        several += outputs
    total: dict[str, int] = {}
    for assessment in several:
        usage = assessment.get("invocationMetrics", {}).get("usage", {})
        for unit, amount in _guardrail_units(usage).items():
            total[unit] = total.get(unit, 0) + amount
    return total


def _tokens(call: Call, kind: str) -> dict[str, int]:
    usage = call.usage
    read, written = int(usage.get("inputTokens", 0)), int(usage.get("outputTokens", 0))
    batch = "batch_" if call.operation == "ModelInvocationJob" else ""
    if kind == "embedding":
        return {f"{batch}embedding_tokens": read}
    if batch:
        return {"batch_input_tokens": read, "batch_output_tokens": written}
    cached = int(usage.get("cacheWriteInputTokens", 0))
    long_lived = sum(
        int(detail["inputTokens"])
        for detail in usage.get("cacheDetails", [])
        if detail.get("ttl") == "1h"
    )
    return {
        "input_tokens": read,
        "output_tokens": written,
        "cache_read_tokens": int(usage.get("cacheReadInputTokens", 0)),
        "cache_write_tokens": cached - long_lived,
        "cache_write_1h_tokens": long_lived,
    }


def _tier(call: Call) -> str:
    if ":provisioned-model/" in call.model_id:
        return "@provisioned"
    body = call.body if isinstance(call.body, dict) else {}
    tier = (body.get("serviceTier") or {}).get("type", "default")
    if tier not in ("default", "reserved"):
        return f"@{tier}"
    latency = (body.get("performanceConfig") or {}).get("latency", "standard")
    return f"@{latency}" if latency != "standard" else ""


def _profile(call: Call, store: JsonStore) -> Json | None:
    if ":application-inference-profile/" not in call.model_id:
        return None
    name = call.model_id.rpartition("/")[2]
    found: Json | None = store.load("inference-profiles", call.account, call.region).get(name)
    return found


def _resource_tags(call: Call, store: JsonStore) -> dict[str, str]:
    profile = _profile(call, store)
    return dict(profile["tags"]) if profile else {}


def _model(call: Call, store: JsonStore) -> tuple[catalog.FoundationModel, str]:
    """The model behind a call's `modelId`, and by which route it is reached."""
    profile = _profile(call, store)
    if profile is not None:
        model = catalog.models()[profile["modelId"]]
        if len(profile["models"]) > 1:
            return model, "geo"
        return model, "region" if model.on_demand else "global"
    model = catalog.resolve(call.model_id, call.account, call.region, store)
    name = call.model_id.rpartition("/")[2]
    if name.startswith("global."):
        return model, "global"
    return model, "geo" if name in catalog.system_profiles(call.region) else "region"
