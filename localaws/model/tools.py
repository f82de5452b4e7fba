"""Tool use by the local model: which tool a request means, and its arguments from the schema."""

from __future__ import annotations

import re
from typing import Any

from localaws.embedder import Embedder
from localaws.model.commands import writes
from localaws.model.text import STOPWORDS, content_stems, words

MATCH = 0.5
_FINDS = re.compile(r"\b(?:search|retrieve|look ?up|find|knowledge)\b", re.IGNORECASE)
_ASKS = re.compile(r"\?$|^(?:how|what|which|who|when|where|why)\b", re.IGNORECASE)
_QUERY_NAMES = {"query", "question", "q", "search", "text", "input", "prompt", "topic", "term"}


def choose(
    request: str, tools: list[dict[str, Any]], choice: dict[str, Any], embedder: Embedder
) -> tuple[str, dict[str, Any]] | None:
    """The tool to call and its input, or None. `choice` is Converse's `toolChoice`."""
    specs = [tool["toolSpec"] for tool in tools if "toolSpec" in tool]
    if "tool" in choice:
        specs = [spec for spec in specs if spec["name"] == choice["tool"]["name"]]
    free = not ("any" in choice or "tool" in choice)
    if free and re.search(
        r"\?\s*$|^(?:how|what|which|who|when|where|why)\b", request.strip(), re.I
    ):
        specs = [spec for spec in specs if not writes(str(spec["name"]))]  # a question asks
    if not specs:
        return None
    scored = sorted(
        ((_match(request, spec, embedder), -at, spec) for at, spec in enumerate(specs)),
        key=lambda row: (row[0], row[1]),
        reverse=True,
    )
    score, _, spec = scored[0]
    if score < MATCH and free:
        # A question that names no tool still goes to one that searches.
        finders = [spec for spec in specs if finds(spec["name"])]
        if not (finders and request.rstrip().endswith("?")):
            return None
        spec = finders[0]
    schema = spec.get("inputSchema", {}).get("json", {})
    return str(spec["name"]), fill(schema, request)


def finds(name: str) -> bool:
    """Whether a tool's name says that it searches."""
    return _FINDS.search(_name_words(name)) is not None


def _name_words(name: str) -> str:
    return re.sub(r"[_\-.]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))


def _match(request: str, spec: dict[str, Any], embedder: Embedder) -> float:
    """How far the request's words name this tool: its name weighs double its description."""
    name = set(content_stems(_name_words(spec["name"])))
    described = set(content_stems(str(spec.get("description", ""))))
    asked = set(content_stems(request)) | _verbs(request)
    if not asked:
        return 0.0
    by_name = len(name & asked) / max(1, len(name))
    by_words = len(described & asked) / max(1, min(len(asked), len(described) or 1))
    vectors = embedder.embed(
        [request, f"{_name_words(spec['name'])} {spec.get('description', '')}"]
    )
    return float(0.6 * by_name + 0.5 * by_words + 0.35 * max(0.0, float(vectors[0] @ vectors[1])))


def _verbs(request: str) -> set[str]:
    # "find", "list" and "show" carry no meaning in a question but do name tools.
    commands = {"find", "list", "show", "get", "search", "explain", "describe", "tell"}
    return {word for word in words(request) if word in commands}


def fill(schema: dict[str, Any], request: str) -> dict[str, Any]:
    """Arguments by name, type and the request's words; required ones always get a value."""
    required = set(schema.get("required", []))
    values: dict[str, Any] = {}
    for name, about in schema.get("properties", {}).items():
        value = _value(name, about, request, name in required)
        if value is not None:
            values[name] = value
    return values


def _value(name: str, about: dict[str, Any], request: str, required: bool) -> Any:
    kinds = about.get("type", "string")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if "enum" in about:
        for option in about["enum"]:
            if re.search(rf"\b{re.escape(_name_words(str(option)))}\b", request, re.IGNORECASE):
                return option
        return about.get("default", about["enum"][0]) if required else None
    if kind in ("integer", "number"):
        return _number(name, about, request, kind, required)
    if kind == "boolean":
        return about.get("default", True) if required else None
    if kind == "array":
        quoted = re.findall(r"[\"“']([^\"”']+)[\"”']", request)
        items = quoted or ([subject(request)] if required else [])
        return items or None
    if kind == "object":
        return fill(about, request) if required else None
    return _string(name, about, request, required)


def _number(
    name: str, about: dict[str, Any], request: str, kind: str, required: bool
) -> int | float | None:
    found = re.findall(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-])", request)
    low, high = about.get("minimum"), about.get("maximum")
    for text in found:
        number = float(text)
        if (low is None or number >= low) and (high is None or number <= high):
            return int(number) if kind == "integer" else number
    if not required:
        return None
    fallback = about.get("default", low if low is not None else 1)
    return int(fallback) if kind == "integer" else float(fallback)


def _string(name: str, about: dict[str, Any], request: str, required: bool) -> str | None:
    email = re.search(r"[\w.+-]+@[\w-]+\.[\w.]+", request)
    if about.get("format") == "email" or "email" in name.lower():
        return email[0] if email else ("" if required else None)
    if about.get("format") in ("date", "date-time") or name.lower().endswith("date"):
        date = re.search(r"\d{4}-\d{2}-\d{2}", request)
        return date[0] if date else (request if required else None)
    quoted = re.search(r"[\"“]([^\"”]+)[\"”]|(?<!\w)'([^']+)'(?!\w)", request)
    if quoted:
        return quoted[1] or quoted[2]
    if name.lower() in _QUERY_NAMES:
        return subject(request)
    label = re.escape(_name_words(name))
    named = re.search(
        rf"\b(?:{label}|called|named|titled)\s*(?:is|:|=|of|in|for)?\s+"
        r"([A-Z0-9][\w.-]*(?: [A-Z]\w*)*)",
        request,
    )
    if named:
        return named[1]
    if name.lower() in ("city", "location", "place", "country", "region"):
        place = re.search(
            r"\b(?:in|for|at|of|near)\s+([A-ZÀ-Þ][\w'’-]*(?:[ -][A-ZÀ-Þ][\w'’-]*)*)", request
        )
        if place:
            return place[1]
    return subject(request) if required else None


def subject(request: str) -> str:
    """What a request is about: the request without its command and politeness."""
    text = re.sub(r"\s+", " ", request).strip().rstrip("?.! ")
    text = re.sub(
        r"^(?:please\s+|can you\s+|could you\s+|i (?:want|need|would like)(?: you)? to\s+)*"
        r"(?:search|find|look up|look for|list|show|get|fetch|tell me|give me)?\s*"
        r"(?:me\s+|us\s+)?(?:in |through )?(?:(?:the |our |my )?(?:documents?|workspace|files)\s+)?"
        r"(?:for\s+|about\s+)?",
        "",
        text,
        flags=re.IGNORECASE,
    )
    kept = [word for word in text.split() if word.lower() not in STOPWORDS]
    return text if kept else request.strip()
