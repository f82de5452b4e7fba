"""Where cache points stand: behind tools, behind the system prompt, behind a conversation's past.

The service caches prefixes in the order tools, system, messages, at up to four points; a change
before a point loses it. So what stands before one is the same from call to call: tools in one
order, prompts without dates, a past that only grows. A prefix that is too short is left out in
silence there, so it gets no point here.
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from bedrock.calls import Json
from bedrock.pictures import without_pictures
from bedrock.policy import Policy

LONGEST_TOKEN: Final = 6  # characters that a token holds at the most, as a rule
POINTS: Final = 4


def tools_cached(tools: Sequence[Json], policy: Policy) -> list[Json]:
    """Return the tools in one order, with a point behind them where the model takes one there."""
    found = sorted(tools, key=lambda tool: str(tool.get("toolSpec", {}).get("name", "")))
    if found and policy.model.caches_tools and _long_enough(_size(found), policy):
        found.append(_point(policy, lasting=True))
    return found


def system_cached(system: str, tools: Sequence[Json], policy: Policy) -> list[Json]:
    """Return the system prompt, with a point behind it where tools and prompt are long enough."""
    if not system:
        return []
    before = _size(tools) if policy.model.caches_tools else 0
    blocks: list[Json] = [{"text": system}]
    if _long_enough(before + len(system), policy):
        blocks.append(_point(policy, lasting=True))
    return blocks


def messages_cached(
    messages: Sequence[Json], before: int, policy: Policy, *, points: int
) -> list[Json]:
    """Return the messages, with up to two points behind what came before the last one.

    The next turn begins with the same past, longer by a question and an answer: it reads the newer
    point, and this turn the older one. `before` is the size of tools and system prompt.
    """
    found = list(messages)
    ends = [len(messages) - 2, len(messages) - 4]  # the last answer, and the one before it
    for index in ends[: max(0, points)]:
        if index < 0 or messages[index]["role"] != "assistant":
            continue
        if _long_enough(before + _size(without_pictures(messages[: index + 1])), policy):
            content = [*messages[index]["content"], _point(policy, lasting=False)]
            found[index] = {**messages[index], "content": content}
    return found


def prefixed(parameters: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """Return a call's parameters with its cache points."""
    if policy.model.cache_minimum is None:
        return parameters
    system = "".join(block.get("text", "") for block in parameters.get("system", ()))
    tools = parameters.get("toolConfig", {}).get("tools", ())
    found = dict(parameters)
    used = 0
    if tools:
        cached = tools_cached(tools, policy)
        used += len(cached) - len(tools)
        found["toolConfig"] = {**parameters["toolConfig"], "tools": cached}
    if system:
        found["system"] = system_cached(system, tools, policy)
        used += len(found["system"]) - 1
    found["messages"] = messages_cached(
        parameters["messages"], _size(tools) + len(system), policy, points=POINTS - used
    )
    return found


def _point(policy: Policy, *, lasting: bool) -> Json:
    """Return a cache point; an hour's one must stand before those of five minutes."""
    point = {"type": "default"}
    if lasting and policy.cache_hour and policy.model.cache_hour:
        point["ttl"] = "1h"
    return {"cachePoint": point}


def _size(parts: Sequence[Json]) -> int:
    return sum(len(json.dumps(part, ensure_ascii=False, default=str)) for part in parts)


def _long_enough(characters: int, policy: Policy) -> bool:
    """Say whether a prefix is surely long enough."""
    minimum = policy.model.cache_minimum
    return minimum is not None and characters >= minimum * LONGEST_TOKEN
