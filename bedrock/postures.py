"""The definitions of the shared guardrails, as `data/postures.json` holds them.

A posture has the same definition in every Region. Grounding is only scored (`action: NONE`): the
service does not support it for chat, so an answer is never blocked for it while it streams.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any


@cache
def postures() -> Mapping[str, dict[str, Any]]:
    """Return what CreateGuardrail is sent for each posture, without the name."""
    path = Path(__file__).parent / "data" / "postures.json"
    found: dict[str, dict[str, Any]] = json.loads(path.read_text())
    return found


def fingerprint(definition: Mapping[str, Any]) -> str:
    """Return a hash that changes with the definition; it stands in the version's description."""
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()


def own_definition(posture: str, topics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a posture's definition with a workspace's own denied topics, on both sides.

    A topic of the posture keeps its name: a workspace's own of the same name is left out.
    """
    definition = dict(postures()[posture])
    shared = definition.get("topicPolicyConfig", {}).get("topicsConfig", [])
    taken = {topic["name"].casefold() for topic in shared}
    own = [
        {
            "name": topic["name"],
            "definition": topic["definition"],
            **({"examples": list(topic["examples"])} if topic.get("examples") else {}),
            "type": "DENY",
        }
        for topic in topics
        if topic["name"].casefold() not in taken
    ]
    if shared or own:
        definition["topicPolicyConfig"] = {"topicsConfig": [*shared, *own]}
    return definition


def anonymizes_input(definition: Mapping[str, Any]) -> bool:
    """Return whether a definition masks what comes in; a plain `action` masks answers only.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-sensitive-filters.html
    """
    policy = definition.get("sensitiveInformationPolicyConfig", {})
    rules = [*policy.get("piiEntitiesConfig", []), *policy.get("regexesConfig", [])]
    return any(
        rule.get("inputAction") == "ANONYMIZE" and rule.get("inputEnabled", True) for rule in rules
    )


def looks_at_pictures(definition: Mapping[str, Any]) -> bool:
    """Return whether a definition's content filters look at pictures that come in."""
    filters = definition.get("contentPolicyConfig", {}).get("filtersConfig", [])
    return any("IMAGE" in rule.get("inputModalities", ()) for rule in filters)
