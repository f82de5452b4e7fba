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
from typing import Any

from localaws.catalog import FoundationModel
from localaws.wire import Json

_TTL_SECONDS = {"5m": 300.0, "1h": 3600.0}


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
    guard = part.get("guardContent", {}).get("text")
    if guard:
        return str(guard.get("text", ""))
    return json.dumps(part, ensure_ascii=False, sort_keys=True, default=_size_of_bytes)


def _size_of_bytes(value: Any) -> str:
    return f"<{len(value)} bytes>"


class Meter:
    """Counts a request's input tokens and keeps the prompt cache."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self.count = count
        self._lock = threading.Lock()
        self._cache: dict[str, float] = {}

    def input_tokens(self, params: Json) -> int:
        """All tokens of a request, cache or not."""
        texts = [_text(part) for part in _parts(params) if "cachePoint" not in part]
        return self.count("\n".join(texts))

    def usage(self, params: Json, model: FoundationModel, owner: str) -> Json:
        """Input usage of a request that the model reads now; `owner` is account and Region."""
        texts: list[str] = []
        points: list[tuple[str, int, float]] = []
        for part in _parts(params):
            if "cachePoint" in part:
                prefix = "\n".join(texts)
                key = hashlib.sha256(f"{owner}\0{model.id}\0{prefix}".encode()).hexdigest()
                ttl = _TTL_SECONDS.get(part["cachePoint"].get("ttl", "5m"), 300.0)
                points.append((key, self.count(prefix), ttl))
            else:
                texts.append(_text(part))
        total = self.count("\n".join(texts))
        minimum = model.cache_minimum
        points = [point for point in points if minimum is not None and point[1] >= minimum]
        read = write = 0
        now = time.monotonic()
        with self._lock:
            self._cache = {key: end for key, end in self._cache.items() if end > now}
            for key, tokens, _ in points:
                if key in self._cache:
                    read = tokens
            if points:
                write = max(0, points[-1][1] - read)
            for key, _, ttl in points:
                self._cache[key] = now + ttl
        usage = {"inputTokens": max(0, total - read - write)}
        if points:
            usage |= {"cacheReadInputTokens": read, "cacheWriteInputTokens": write}
        return usage


def settled(usage: Json, output_tokens: int) -> Json:
    """Usage with output and total; the total counts all four kinds."""
    result = {**usage, "outputTokens": output_tokens}
    result["totalTokens"] = sum(
        int(result.get(kind, 0))
        for kind in ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
    )
    return result
