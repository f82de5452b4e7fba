"""Tokens of a request: counted by the embedder's tokenizer, with prompt caching as Bedrock has it.

A cache point marks the end of a prefix (tools, then system, then messages). A prefix of at least
the model's minimum is remembered for five minutes, an hour where `ttl` says so, and each hit
renews it. `inputTokens` leaves out what was read from or written to the cache.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from localaws.catalog import FoundationModel
from localaws.errors import invalid
from localaws.images import image_of, images, seen
from localaws.wire import Json

_TTL_SECONDS = {"5m": 300.0, "1h": 3600.0}
POINTS = 4


def _parts(params: Json) -> Iterator[Json]:
    """Everything a model reads, in the order in which prefixes are cached."""
    tool_config = params.get("toolConfig") or {}
    yield from tool_config.get("tools", [])
    yield from params.get("system") or []
    for message in params.get("messages") or []:
        yield {"text": str(message.get("role", ""))}
        yield from message.get("content", [])


def _text(part: Json) -> str:
    if "text" in part:
        return str(part["text"])
    if (image := image_of(part)) is not None:
        return f"<image {seen(image).digest[:8]}>"
    guard = part.get("guardContent", {}).get("text")
    if guard:
        return str(guard.get("text", ""))
    if result := part.get("toolResult"):
        content = [{"image": _text(each)} if "image" in each else each
                   for each in result.get("content", [])]  # fmt: skip
        part = {"toolResult": {**result, "content": content}}
    return json.dumps(part, ensure_ascii=False, sort_keys=True, default=_size_of_bytes)


def _size_of_bytes(value: Any) -> str:
    return f"<{len(value)} bytes>"


def _image_tokens(part: Json) -> int:
    """What the images of a part count, beside the few words that stand for each here."""
    return sum(seen(image).tokens for image in images([part]))


class Meter:
    """Counts a request's input tokens and keeps the prompt cache."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self.count = count
        self._prefix = lru_cache(maxsize=64)(count)  # tools and system recur from call to call
        self._lock = threading.Lock()
        self._cache: dict[str, float] = {}

    def input_tokens(self, params: Json) -> int:
        """All tokens of a request, cache or not."""
        parts = [part for part in _parts(params) if "cachePoint" not in part]
        return self.count("\n".join(map(_text, parts))) + sum(map(_image_tokens, parts))

    def usage(self, params: Json, model: FoundationModel, owner: str) -> Json:
        """Input usage of a request that the model reads now; `owner` is account and Region."""
        texts: list[str] = []
        pictured = 0
        points: list[tuple[str, int, str]] = []
        for part in _parts(params):
            if "cachePoint" in part:
                prefix = "\n".join(texts)
                key = hashlib.sha256(f"{owner}\0{model.id}\0{prefix}".encode()).hexdigest()
                tokens = self._prefix(prefix) + pictured
                points.append((key, tokens, part["cachePoint"].get("ttl", "5m")))
            else:
                texts.append(_text(part))
                pictured += _image_tokens(part)
        total = self.count("\n".join(texts)) + pictured
        minimum = model.cache_minimum
        points = [point for point in points if minimum is not None and point[1] >= minimum]
        read = 0
        written: dict[str, int] = {}
        now = time.monotonic()
        with self._lock:
            self._cache = {key: end for key, end in self._cache.items() if end > now}
            for key, tokens, _ in points:
                if key in self._cache:
                    read = tokens
            behind = read
            for key, tokens, ttl in points:
                if tokens > behind:
                    written[ttl] = written.get(ttl, 0) + tokens - behind
                    behind = tokens
                self._cache[key] = now + _TTL_SECONDS.get(ttl, 300.0)
        write = sum(written.values())
        usage: Json = {"inputTokens": max(0, total - read - write)}
        if points:
            usage |= {"cacheReadInputTokens": read, "cacheWriteInputTokens": write}
        if written:
            usage["cacheDetails"] = [
                {"ttl": ttl, "inputTokens": tokens} for ttl, tokens in written.items()
            ]
        return usage


def check_cache_points(params: Json, model: FoundationModel) -> None:
    """Refuse cache points that the service refuses: too many, misplaced, in the wrong order."""
    tools = (params.get("toolConfig") or {}).get("tools", [])
    points = [part["cachePoint"] for part in _parts(params) if "cachePoint" in part]
    if not points:
        return
    if len(points) > POINTS:
        raise invalid(f"A request has at most {POINTS} cache points; this one has {len(points)}.")
    if model.provider != "Anthropic" and any("cachePoint" in tool for tool in tools):
        raise invalid(f"{model.id} does not support cachePoint in toolConfig.tools.")
    ttls = [point.get("ttl", "5m") for point in points]
    if model.provider != "Anthropic" and "1h" in ttls:
        raise invalid(f"{model.id} does not support a cache TTL of 1h.")
    if "5m" in ttls and "1h" in ttls[ttls.index("5m") :]:
        raise invalid("A cache point with ttl 1h must not come after one with ttl 5m.")


def settled(usage: Json, output_tokens: int) -> Json:
    """Usage with output and total; the total counts all four kinds."""
    result = {**usage, "outputTokens": output_tokens}
    result["totalTokens"] = sum(
        int(result.get(kind, 0))
        for kind in ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    )
    return result
