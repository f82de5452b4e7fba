"""Anthropic's Messages API as Bedrock takes it: bodies to Converse's parameters, answers back."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Iterator
from typing import Any

from localaws.calls import Call
from localaws.errors import AwsError, invalid
from localaws.wire import Json

VERSION = "bedrock-2023-05-31"
_MEMBERS = {
    "anthropic_version", "anthropic_beta", "max_tokens", "messages", "metadata", "stop_sequences",
    "system", "temperature", "tool_choice", "tools", "top_k", "top_p",
}  # fmt: skip
_STOPS = {"guardrail_intervened": "end_turn", "content_filtered": "refusal"}


def converse_params(body: Json) -> Json:
    """Converse's parameters for a Messages body. Raises ValidationException in its words."""
    if body.get("anthropic_version") != VERSION:
        raise invalid(f'anthropic_version: Input should be "{VERSION}"')
    odd = sorted(set(body) - _MEMBERS)
    if odd:
        raise invalid(f"{odd[0]}: Extra inputs are not permitted")
    if not isinstance(body.get("max_tokens"), int):
        raise invalid("max_tokens: Field required")
    if body["max_tokens"] < 1:
        raise invalid("max_tokens: must be greater than or equal to 1")
    if not isinstance(body.get("messages"), list):
        raise invalid("messages: Field required")
    config = {"maxTokens": body["max_tokens"]}
    names = (("temperature", "temperature"), ("top_p", "topP"), ("stop_sequences", "stopSequences"))
    config |= {theirs: body[ours] for ours, theirs in names if body.get(ours) is not None}
    try:
        params: Json = {
            "messages": [
                {"role": message["role"], "content": list(_blocks(message["content"]))}
                for message in body["messages"]
            ],
            "inferenceConfig": config,
        }
        if body.get("system"):
            params["system"] = list(_blocks(body["system"]))
        if body.get("tools"):
            params["toolConfig"] = _tools(body)
    except AwsError:
        raise
    except (KeyError, TypeError, AttributeError) as error:
        raise invalid(f"messages: a block is malformed or lacks a member ({error})") from None
    return params


def _blocks(content: Any) -> Iterator[Json]:
    """Converse's blocks of a text or a list of blocks; `cache_control` ends a cached prefix."""
    if isinstance(content, str):
        yield {"text": content}
        return
    for block in content:
        yield _block(block)
        if block.get("cache_control"):
            yield {"cachePoint": _cache_point(block["cache_control"])}


def _block(block: Json) -> Json:
    match block["type"]:
        case "text":
            return {"text": block["text"]}
        case "image":
            source = block["source"]
            kind = source["media_type"].removeprefix("image/")
            return {"image": {"format": kind, "source": {"bytes": _bytes(source["data"])}}}
        case "tool_use":
            use = {"toolUseId": block["id"], "name": block["name"], "input": block["input"]}
            return {"toolUse": use}
        case "tool_result":
            content = list(_blocks(block.get("content") or []))
            result: Json = {"toolUseId": block["tool_use_id"], "content": content}
            if block.get("is_error"):
                result["status"] = "error"
            return {"toolResult": result}
    raise invalid(f"messages: blocks of type {block['type']} are not offered by the local AWS")


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("messages: an image's data is not base64") from None


def _cache_point(control: Json) -> Json:
    return {"type": "default", **({"ttl": control["ttl"]} if control.get("ttl") else {})}


def _tools(body: Json) -> Json:
    tools: list[Json] = []
    for tool in body["tools"]:
        spec = {"name": tool["name"], "inputSchema": {"json": tool["input_schema"]}}
        if tool.get("description"):
            spec["description"] = tool["description"]
        tools.append({"toolSpec": spec})
        if tool.get("cache_control"):
            tools.append({"cachePoint": _cache_point(tool["cache_control"])})
    config: Json = {"tools": tools}
    choice = body.get("tool_choice") or {}
    match choice.get("type"):
        case "any":
            config["toolChoice"] = {"any": {}}
        case "tool":
            config["toolChoice"] = {"tool": {"name": choice["name"]}}
    return config


class Anthropic:
    """Answers in the form of the Messages API."""

    def __init__(self, model_id: str) -> None:
        self._model = model_id.removeprefix("anthropic.").partition("-v1:")[0]
        self._id = f"msg_bdrk_{uuid.uuid4().hex[:24]}"
        self._open: int | None = None  # the text block that has begun
        self._stop = "end_turn"

    def whole(self, call: Call, answer: Json) -> Json:
        """A `message`."""
        content = [self._content(block) for block in answer["output"]["message"]["content"]]
        stop = answer["stopReason"]
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            "stop_reason": _STOPS.get(stop, stop),
            "stop_sequence": None,
            "usage": self._usage(call.usage),
        }

    def events(self, name: str, payload: Json) -> Iterator[Json]:
        """The stream's events, from `message_start` to `message_stop`."""
        match name:
            case "messageStart":
                usage = self._usage(payload.get("usage") or {})
                start: Json = {"id": self._id, "type": "message", "role": "assistant",
                         "model": self._model, "content": [], "stop_reason": None,
                         "stop_sequence": None, "usage": usage}  # fmt: skip
                yield {"type": "message_start", "message": start}
            case "contentBlockStart":
                use = payload["start"]["toolUse"]
                block = {
                    "type": "tool_use", "id": use["toolUseId"], "name": use["name"], "input": {},
                }  # fmt: skip
                index = payload["contentBlockIndex"]
                yield {"type": "content_block_start", "index": index, "content_block": block}
            case "contentBlockDelta":
                yield from self._delta(payload["contentBlockIndex"], payload["delta"])
            case "contentBlockStop":
                self._open = None
                yield {"type": "content_block_stop", "index": payload["contentBlockIndex"]}
            case "messageStop":
                stop = str(payload["stopReason"])
                self._stop = _STOPS.get(stop, stop)
            case "metadata":
                delta = {"stop_reason": self._stop, "stop_sequence": None}
                usage = {"output_tokens": payload["usage"].get("outputTokens", 0)}
                yield {"type": "message_delta", "delta": delta, "usage": usage}
                yield {"type": "message_stop"}

    def _delta(self, index: int, delta: Json) -> Iterator[Json]:
        if "text" not in delta:
            part = {"type": "input_json_delta", "partial_json": delta["toolUse"]["input"]}
            yield {"type": "content_block_delta", "index": index, "delta": part}
            return
        if self._open != index:
            self._open = index
            block = {"type": "text", "text": ""}
            yield {"type": "content_block_start", "index": index, "content_block": block}
        text = {"type": "text_delta", "text": delta["text"]}
        yield {"type": "content_block_delta", "index": index, "delta": text}

    def _content(self, block: Json) -> Json:
        if "text" in block:
            return {"type": "text", "text": block["text"]}
        use = block["toolUse"]
        plain = json.loads(json.dumps(use["input"]))
        return {"type": "tool_use", "id": use["toolUseId"], "name": use["name"], "input": plain}

    def _usage(self, usage: Json) -> Json:
        counted = {
            "input_tokens": usage.get("inputTokens", 0),
            "output_tokens": usage.get("outputTokens", 0),
        }
        if "cacheReadInputTokens" in usage:
            counted["cache_read_input_tokens"] = usage["cacheReadInputTokens"]
            counted["cache_creation_input_tokens"] = usage["cacheWriteInputTokens"]
        return counted
