"""Text models by their own bodies: what InvokeModel reads and writes, as Converse has it.

A body of Anthropic's Messages API or of Amazon Nova becomes the parameters of Converse, so that
checks, guardrails, prompt cache and usage are the same by either door; the answer is written back
in the model's own form, whole or event by event.
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from localaws import eventstream
from localaws.bedrock import messages
from localaws.calls import Call
from localaws.catalog import FoundationModel
from localaws.errors import invalid
from localaws.wire import Json

_MALFORMED = "Malformed input request, please reformat your input and try again."
_CONVERSE = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
_NOVA_NAMES = {"max_new_tokens": "maxTokens", "top_p": "topP", "stop_sequences": "stopSequences"}
_NOVA_MEMBERS = {"schemaVersion", "messages", "system", "inferenceConfig", "toolConfig"}
_GUARD_MEMBER = "amazon-bedrock-guardrailConfig"


class Form(Protocol):
    """One provider's answers."""

    def whole(self, call: Call, answer: Json) -> Json:
        """The body of an answer, from Converse's."""
        ...

    def events(self, name: str, payload: Json) -> Iterator[Json]:
        """The events of its stream that one event of ConverseStream becomes."""
        ...


def read(body: bytes) -> Json:
    """The body as JSON. Raises ValidationException."""
    try:
        document = json.loads(body or b"null")
    except (ValueError, RecursionError):
        raise invalid(_MALFORMED) from None
    if not isinstance(document, dict):
        raise invalid(_MALFORMED)
    return document


def metadata(given: str) -> Json:
    """`requestMetadata`, which InvokeModel takes as JSON in a header."""
    try:
        document = json.loads(given)
    except ValueError:
        raise invalid("The request metadata is not a JSON object.") from None
    if not isinstance(document, dict):
        raise invalid("The request metadata is not a JSON object.")
    return document


def params_of(body: Json, params: Json, model: FoundationModel) -> Json:
    """Converse's parameters for a body and the headers beside it. Raises ValidationException."""
    body = dict(body)
    suffix = (body.pop(_GUARD_MEMBER, None) or {}).get("tagSuffix")
    anthropic = model.provider == "Anthropic"
    converse = messages.converse_params(body) if anthropic else _nova_params(body)
    converse["modelId"] = params["modelId"]
    if params.get("requestMetadata"):
        converse["requestMetadata"] = params["requestMetadata"]
    if params.get("serviceTier"):
        converse["serviceTier"] = {"type": params["serviceTier"]}
    if params.get("guardrailIdentifier"):
        converse["guardrailConfig"] = {
            "guardrailIdentifier": params["guardrailIdentifier"],
            "guardrailVersion": params.get("guardrailVersion", ""),
            "trace": str(params.get("trace", "DISABLED")).lower(),
        }
        if suffix:
            _mark_guarded(converse, str(suffix))
    shape = _CONVERSE.operation_model("Converse").input_shape
    assert shape is not None
    report = ParamValidator().validate(converse, shape)
    if report.has_errors():
        raise invalid(f"Malformed input request: {report.generate_report()}")
    return converse


def form_of(model: FoundationModel) -> Form:
    """How a model's provider writes its answers."""
    return messages.Anthropic(model.id) if model.provider == "Anthropic" else Nova()


def guarded(answer: Json, trace: Json | None, action: str) -> Json:
    """The members that a guarded answer has beside the model's own."""
    answer["amazon-bedrock-guardrailAction"] = action
    if trace:
        answer["amazon-bedrock-trace"] = {"guardrail": trace}
    return answer


def chunk(event: Json) -> bytes:
    """One frame of InvokeModelWithResponseStream."""
    content = json.dumps(event, ensure_ascii=False).encode()
    return eventstream.event("chunk", {"bytes": base64.b64encode(content).decode()})


def metrics(call: Call) -> Json:
    """`amazon-bedrock-invocationMetrics`, in the last event of every stream."""
    usage = call.usage
    return {
        "inputTokenCount": usage.get("inputTokens", 0),
        "outputTokenCount": usage.get("outputTokens", 0),
        "invocationLatency": call.latency_ms,
        "firstByteLatency": call.latency_ms,
        **({"cacheReadInputTokenCount": usage["cacheReadInputTokens"],
            "cacheWriteInputTokenCount": usage["cacheWriteInputTokens"]}
           if "cacheReadInputTokens" in usage else {}),
    }  # fmt: skip


class Nova:
    """Nova's answers are Converse's but for the names of the cache's tokens."""

    def whole(self, call: Call, answer: Json) -> Json:
        """`output`, `stopReason` and `usage`."""
        kept = {key: answer[key] for key in ("output", "stopReason")}
        return {**kept, "usage": self._usage(call.usage)}

    def events(self, name: str, payload: Json) -> Iterator[Json]:
        """Each event under its name; `metadata` has usage and metrics."""
        if name == "metadata":
            payload = {"usage": self._usage(payload["usage"]), "metrics": {}}
        yield {name: payload}

    def _usage(self, usage: Json) -> Json:
        return {
            "inputTokens": usage.get("inputTokens", 0),
            "outputTokens": usage.get("outputTokens", 0),
            "totalTokens": usage.get("totalTokens", 0),
            "cacheReadInputTokenCount": usage.get("cacheReadInputTokens", 0),
            "cacheWriteInputTokenCount": usage.get("cacheWriteInputTokens", 0),
        }


def _nova_params(body: Json) -> Json:
    odd = sorted(set(body) - _NOVA_MEMBERS)
    if odd:
        raise invalid(f"Malformed input request: extraneous key [{odd[0]}] is not permitted")
    named = ("messages", "system", "toolConfig")
    converse: Json = {key: body[key] for key in named if key in body}
    given = body.get("inferenceConfig") or {}
    if not isinstance(given, dict):
        raise invalid(_MALFORMED)
    config = {_NOVA_NAMES.get(key, key): value for key, value in given.items() if key != "topK"}
    if config:
        converse["inferenceConfig"] = config
    return converse


def _mark_guarded(converse: Json, suffix: str) -> None:
    """Turn the texts between the guardrail's tags into guarded blocks, in the user's messages."""
    tag = f"amazon-bedrock-guardrails-guardContent_{re.escape(suffix)}"
    pattern = re.compile(f"<{tag}>(.*?)</{tag}>", re.DOTALL)
    for message in converse.get("messages") or []:
        blocks: list[Any] = []
        for block in message.get("content", []):
            parts = pattern.split(block["text"]) if "text" in block else []
            if len(parts) < 2:
                blocks.append(block)
                continue
            for at, part in enumerate(parts):
                if part.strip():
                    text = {"text": part}
                    blocks.append({"guardContent": {"text": text}} if at % 2 else text)
        message["content"] = blocks
