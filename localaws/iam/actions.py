"""Which permissions an operation of the Bedrock and billing services needs, on which resources.

An operation that is missing here is refused to every role session: a new one must be mapped.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from localaws.iam.documents import Check
from localaws.iam.resources import Asked

Json = dict[str, Any]
Mapped = Callable[[str, Asked, Json], Iterator[Check]]


def _invoke(action: str, operation: str, asked: Asked, params: Json) -> Iterator[Check]:
    """A model call; there are no actions of their own for Converse and ConverseStream."""
    guard = params.get("guardrailConfig", params)
    return asked.invoke(
        action,
        params["modelId"],
        guard.get("guardrailIdentifier"),
        guard.get("guardrailVersion"),
    )


def _on(kind: str, member: str, operation: str, asked: Asked, params: Json) -> Iterator[Check]:
    """The action of the operation's name, on the one resource that a parameter names."""
    arn = asked.arn(kind, str(params.get(member) or "*"))
    yield asked.check(operation, arn, _request_tags(params))
    if params.get("roleArn"):
        yield _passed(params["roleArn"])


def _anything(service: str, operation: str, asked: Asked, params: Json) -> Iterator[Check]:
    """The action of the operation's name, which knows no resources."""
    yield Check(f"{service}:{operation}", "*", _request_tags(params))


def _tagging(operation: str, asked: Asked, params: Json) -> Iterator[Check]:
    arn = str(params.get("resourceARN") or params.get("resourceArn"))
    yield asked.check(operation, arn, _request_tags(params))


def _request_tags(params: Json) -> dict[str, str | list[str]]:
    tags = params.get("tags") or params.get("resourceTags") or params.get("ResourceTags") or {}
    if not isinstance(tags, dict):
        tags = {
            str(one.get("key", one.get("Key"))): str(one.get("value", one.get("Value", "")))
            for one in tags
        }
    context: dict[str, str | list[str]] = {
        f"aws:requesttag/{key.lower()}": value for key, value in tags.items()
    }
    keys = [*tags, *params.get("tagKeys", [])]
    if keys:
        context["aws:tagkeys"] = keys
    return context


def _passed(role: str) -> Check:
    return Check("iam:PassRole", role, {"iam:passedtoservice": "bedrock.amazonaws.com"})


def _job(operation: str, asked: Asked, params: Json) -> Iterator[Check]:
    """A batch job: the job, the model, and passing the role that will run it."""
    tags = _request_tags(params)
    yield asked.check(operation, asked.arn("model-invocation-job", "*"), tags)
    named, behind, profile = asked.models_behind(params["modelId"])
    more = {**tags, **({"bedrock:inferenceprofilearn": profile} if profile else {})}
    for arn in (named, *behind):
        yield asked.check(operation, arn, more)
    yield _passed(params["roleArn"])


def _rerank(operation: str, asked: Asked, params: Json) -> Iterator[Check]:
    """Rerank: the action itself, and calling the model it names."""
    yield Check("bedrock:Rerank", "*")
    configured = params["rerankingConfiguration"].get("bedrockRerankingConfiguration", {})
    model = configured.get("modelConfiguration", {}).get("modelArn")
    yield from asked.invoke("InvokeModel", str(model))


def _retrieve(operation: str, asked: Asked, params: Json) -> Iterator[Check]:
    """Retrieve: the Knowledge Base, and the reranker and guardrail that the call names."""
    yield asked.check(operation, asked.arn("knowledge-base", params["knowledgeBaseId"]))
    guard = params.get("guardrailConfiguration", {})
    yield from asked.guardrail(guard.get("guardrailId"))
    for search in params.get("retrievalConfiguration", {}).values():
        if isinstance(search, dict) and search.get("rerankingConfiguration"):
            yield Check("bedrock:Rerank", "*")
            reranker = search["rerankingConfiguration"].get("bedrockRerankingConfiguration", {})
            model = reranker.get("modelConfiguration", {}).get("modelArn")
            if model:
                yield from asked.invoke("InvokeModel", model)


_profile: Mapped = partial(_on, "application-inference-profile", "inferenceProfileIdentifier")
_guardrail: Mapped = partial(_on, "guardrail", "guardrailIdentifier")
_base: Mapped = partial(_on, "knowledge-base", "knowledgeBaseId")
_a_job: Mapped = partial(_on, "model-invocation-job", "jobIdentifier")
_throughput: Mapped = partial(_on, "provisioned-model", "provisionedModelId")
_model: Mapped = partial(_on, "foundation-model", "modelIdentifier")
_any: Mapped = partial(_anything, "bedrock")
_cost: Mapped = partial(_anything, "ce")
_export: Mapped = partial(_anything, "bcm-data-exports")
_TAGS: Mapping[str, Mapped] = {
    "TagResource": _tagging,
    "UntagResource": _tagging,
    "ListTagsForResource": _tagging,
}

MAPPED: Mapping[str, Mapping[str, Mapped]] = {
    "bedrock-runtime": {
        "ApplyGuardrail": _guardrail,
        "Converse": partial(_invoke, "InvokeModel"),
        "ConverseStream": partial(_invoke, "InvokeModelWithResponseStream"),
        "CountTokens": partial(_on, "foundation-model", "modelId"),
        "InvokeGuardrailChecks": _any,
        "InvokeModel": partial(_invoke, "InvokeModel"),
        "InvokeModelWithResponseStream": partial(_invoke, "InvokeModelWithResponseStream"),
    },
    "bedrock": {
        **_TAGS,
        "CreateGuardrail": _any,
        "CreateGuardrailVersion": _guardrail,
        "DeleteGuardrail": _guardrail,
        "GetGuardrail": _guardrail,
        "ListGuardrails": _any,
        "UpdateGuardrail": _guardrail,
        "CreateInferenceProfile": _profile,
        "DeleteInferenceProfile": _profile,
        "GetInferenceProfile": _profile,
        "ListInferenceProfiles": _any,
        "GetFoundationModel": _model,
        "ListFoundationModels": _any,
        "CreateModelInvocationJob": _job,
        "GetModelInvocationJob": _a_job,
        "ListModelInvocationJobs": _any,
        "StopModelInvocationJob": _a_job,
        "CreateProvisionedModelThroughput": _any,
        "DeleteProvisionedModelThroughput": _throughput,
        "GetProvisionedModelThroughput": _throughput,
        "ListProvisionedModelThroughputs": _any,
        "UpdateProvisionedModelThroughput": _throughput,
        "PutModelInvocationLoggingConfiguration": _any,
        "GetModelInvocationLoggingConfiguration": _any,
        "DeleteModelInvocationLoggingConfiguration": _any,
    },
    "bedrock-agent": {
        **_TAGS,
        "CreateKnowledgeBase": _base,
        "DeleteKnowledgeBase": _base,
        "GetKnowledgeBase": _base,
        "ListKnowledgeBases": _any,
        "UpdateKnowledgeBase": _base,
        "CreateDataSource": _base,
        "DeleteDataSource": _base,
        "GetDataSource": _base,
        "ListDataSources": _base,
        "UpdateDataSource": _base,
        "IngestKnowledgeBaseDocuments": _base,
        "DeleteKnowledgeBaseDocuments": _base,
        "GetKnowledgeBaseDocuments": _base,
        "ListKnowledgeBaseDocuments": _base,
        "StartIngestionJob": _base,
        "StopIngestionJob": _base,
        "GetIngestionJob": _base,
        "ListIngestionJobs": _base,
    },
    "bedrock-agent-runtime": {
        "Rerank": _rerank,
        "Retrieve": _retrieve,
    },
    "ce": {
        "GetCostAndUsage": _cost,
        "GetCostAndUsageWithResources": _cost,
        "GetCostForecast": _cost,
        "GetDimensionValues": _cost,
        "GetTags": _cost,
        "ListCostAllocationTags": _cost,
        "UpdateCostAllocationTagsStatus": _cost,
    },
    "bcm-data-exports": {
        "CreateExport": _export,
        "DeleteExport": _export,
        "GetExecution": _export,
        "GetExport": _export,
        "GetTable": _export,
        "ListExecutions": _export,
        "ListExports": _export,
        "ListTables": _export,
        "UpdateExport": _export,
    },
}


def checks_of(service: str, operation: str, asked: Asked, params: Json) -> list[Check] | None:
    """The permissions that a request needs, or None where nobody has said which."""
    mapped = MAPPED.get(service, {}).get(operation)
    return None if mapped is None else list(mapped(operation, asked, params))
