"""InvokeGuardrailChecks: severities and places, without a guardrail; the caller judges them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeGuardrailChecks.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from localaws.errors import invalid
from localaws.guard import pii, policies
from localaws.wire import Json

_SEVERITY = {"NONE": 0.0, "LOW": 0.3, "MEDIUM": 0.6, "HIGH": 0.9}
_CONFIDENCE = 0.9  # a pattern, and where there is one a checksum, has matched
_ENTITIES = 100  # more are cut off, and `truncated` says so
_UNIT = 1000  # characters


def invoke_checks(params: Json) -> Json:
    """The checks asked for over every text of the messages."""
    checks = params["checks"]
    if not checks:
        raise invalid("At least one check is required.")
    texts = list(_texts(params["messages"]))
    results: Json = {}
    if "contentFilter" in checks:
        results["contentFilter"] = {"results": _severities(checks["contentFilter"], texts, "")}
    if "promptAttack" in checks:
        attack = checks["promptAttack"]
        results["promptAttack"] = {"results": _severities(attack, texts, "PROMPT_ATTACK")}
    if "sensitiveInformation" in checks:
        types = [entity["type"] for entity in checks["sensitiveInformation"]["entities"]]
        _once(types)
        results["sensitiveInformation"] = _entities(set(types), texts)
    units = max(1, math.ceil(sum(len(text) for _, _, text in texts) / _UNIT))
    return {"results": results, "usage": {name: {"textUnits": units} for name in results}}


def _texts(messages: list[Json]) -> Iterator[tuple[int, int, str]]:
    for at, message in enumerate(messages):
        for block, content in enumerate(message["content"]):
            if "text" not in content:
                raise invalid("A content block has no text.")
            yield at, block, content["text"]


def _once(names: list[str]) -> None:
    if len(names) != len(set(names)):
        raise invalid("A category or entity type is given more than once.")


def _severities(check: Json, texts: list[tuple[int, int, str]], group: str) -> list[Json]:
    """One row for each category: the highest severity that any text reaches."""
    wanted = [row["category"] for row in check["categories"]]
    _once(wanted)
    found = []
    for category in wanted:
        only = category if group else ""
        levels = [policies.confidence(group or category, text, only) for _, _, text in texts]
        found.append({"category": category, "severityScore": max(_SEVERITY[lv] for lv in levels)})
    return found


def _entities(types: set[str], texts: list[tuple[int, int, str]]) -> Json:
    found = [
        {
            "type": entity.type,
            "confidenceScore": _CONFIDENCE,
            "beginOffset": entity.start,
            "endOffset": entity.end,
            "messageIndex": message,
            "contentIndex": content,
        }
        for message, content, text in texts
        for entity in pii.find(text, types)
    ]
    return {"results": found[:_ENTITIES], "truncated": len(found) > _ENTITIES}
