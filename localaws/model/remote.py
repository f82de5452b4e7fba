"""Any OpenAI-compatible server as the text model (`LOCAL_MODEL_URL`): Ollama, llama.cpp, vLLM."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from localaws.errors import AwsError
from localaws.images import decoded, images
from localaws.model.pieces import ModelRequest, Piece, StopPiece, TextPiece, ToolPiece

_TIMEOUT_SECONDS = 120
_STOPS = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "content_filtered",
}


class RemoteModel:
    """Speaks `POST {url}/chat/completions` with streaming and tools."""

    paced = False

    def __init__(self, url: str, name: str) -> None:
        base = url if url.endswith("/v1") else f"{url}/v1"
        self._url = f"{base}/chat/completions"
        self._name = name

    def generate(self, request: ModelRequest) -> Iterator[Piece]:
        """The server's stream as pieces; a refusal or a lost server is a ModelErrorException."""
        asked = Request(  # noqa: S310 - the address is the operator's own setting
            self._url,
            data=json.dumps(self._body(request)).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urlopen(asked, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                yield from _pieces(_events(answer))
        except HTTPError as error:
            reason = error.read(500).decode("utf-8", "replace")
            raise AwsError(
                "ModelErrorException",
                f"The local model server refused: {reason}",
                originalStatusCode=error.code,
            ) from None
        except (URLError, OSError, ValueError) as error:
            raise AwsError(
                "ModelErrorException", f"The local model server cannot be reached: {error}"
            ) from None

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._name,
            "messages": list(_messages(request)),
            "max_tokens": request.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.stop_sequences:
            body["stop"] = request.stop_sequences[:4]
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.top_p is not None:
            body["top_p"] = request.top_p
        specs = [tool["toolSpec"] for tool in request.tools if "toolSpec" in tool]
        if specs:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": spec["name"],
                        "description": spec.get("description", ""),
                        "parameters": spec["inputSchema"].get("json", {}),
                    },
                }
                for spec in specs
            ]
            if "any" in request.tool_choice:
                body["tool_choice"] = "required"
            elif "tool" in request.tool_choice:
                name = request.tool_choice["tool"]["name"]
                body["tool_choice"] = {"type": "function", "function": {"name": name}}
        return body


def _plain(block: dict[str, Any]) -> str:
    if "text" in block:
        return str(block["text"])
    if "guardContent" in block:
        return str(block["guardContent"].get("text", {}).get("text", ""))
    if "searchResult" in block:
        found = block["searchResult"]
        body = "\n".join(str(part.get("text", "")) for part in found.get("content", []))
        return f"{found.get('title', '')}\n{body}"
    return json.dumps(block["json"], ensure_ascii=False) if "json" in block else ""


def _messages(request: ModelRequest) -> Iterator[dict[str, Any]]:
    """Converse messages as chat messages; each tool result is a message of its own."""
    system = "\n\n".join(filter(None, map(_plain, request.system)))
    if system:
        yield {"role": "system", "content": system}
    for message in request.messages:
        text = "\n".join(filter(None, map(_plain, message["content"])))
        calls = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        for block in message["content"]:
            if "toolResult" in block:
                result = block["toolResult"]
                yield {
                    "role": "tool",
                    "tool_call_id": result["toolUseId"],
                    "content": "\n".join(map(_plain, result["content"])),
                }
        if calls:
            yield {
                "role": "assistant",
                "content": text or None,
                "tool_calls": [
                    {
                        "id": call["toolUseId"],
                        "type": "function",
                        "function": {"name": call["name"], "arguments": json.dumps(call["input"])},
                    }
                    for call in calls
                ],
            }
        elif shown := list(map(_shown, images(message["content"]))):
            yield {"role": "user", "content": [{"type": "text", "text": text}, *shown]}
        elif text:
            yield {"role": message["role"], "content": text}


def _shown(image: dict[str, Any]) -> dict[str, Any]:
    """An image as a chat message has it: a data address."""
    data = base64.b64encode(decoded(image["source"]["bytes"])).decode()
    address = f"data:image/{image['format']};base64,{data}"
    return {"type": "image_url", "image_url": {"url": address}}


def _events(answer: Any) -> Iterator[dict[str, Any]]:
    for line in answer:
        text = line.decode("utf-8").strip()
        if text.startswith("data:") and (body := text[5:].strip()):
            if body == "[DONE]":
                return
            yield json.loads(body)


def _pieces(events: Iterator[dict[str, Any]]) -> Iterator[Piece]:
    calls: dict[int, dict[str, str]] = {}
    stop = "end_turn"
    usage: dict[str, int] = {}
    for event in events:
        usage = event.get("usage") or usage
        for choice in event.get("choices", [])[:1]:
            delta = choice.get("delta") or {}
            if delta.get("content"):
                yield TextPiece(delta["content"])
            for part in delta.get("tool_calls") or []:
                call = calls.setdefault(part.get("index", 0), {"id": "", "name": "", "input": ""})
                function = part.get("function") or {}
                call["id"] = part.get("id") or call["id"]
                call["name"] += function.get("name") or ""
                call["input"] += function.get("arguments") or ""
            if choice.get("finish_reason"):
                stop = _STOPS.get(choice["finish_reason"], "end_turn")
    for call in calls.values():
        identifier = call["id"] or f"tooluse_{uuid.uuid4().hex[:22]}"
        yield ToolPiece(identifier, call["name"], json.loads(call["input"] or "{}"))
    yield StopPiece(
        "tool_use" if calls else stop, usage.get("prompt_tokens"), usage.get("completion_tokens")
    )
