"""One evaluation: texts through every policy of a guardrail, in one direction."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from localaws.embedder import Embedder
from localaws.guard import pii, policies
from localaws.guard.policies import Findings
from localaws.wire import Json

_POLICIES = {
    "topicPolicyConfig": "topicPolicy",
    "contentPolicyConfig": "contentPolicy",
    "wordPolicyConfig": "wordPolicy",
    "sensitiveInformationPolicyConfig": "sensitiveInformationPolicy",
}
_TEXT_UNIT = 1000  # characters
USAGE = (
    "topicPolicyUnits",
    "contentPolicyUnits",
    "wordPolicyUnits",
    "sensitiveInformationPolicyUnits",
    "sensitiveInformationPolicyFreeUnits",
    "contextualGroundingPolicyUnits",
)


@dataclass
class Verdict:
    """What a guardrail says of some texts. `texts` are the texts to go on with, masked or not."""

    texts: list[str]
    blocked: bool = False
    masked: bool = False
    assessment: Json = field(default_factory=dict)
    usage: dict[str, int] = field(default_factory=dict)

    @property
    def intervened(self) -> bool:
        """Whether anything was blocked or masked."""
        return self.blocked or self.masked

    @property
    def reason(self) -> str:
        """Bedrock's `actionReason`."""
        if self.blocked:
            return "Guardrail blocked."
        return "Guardrail masked." if self.masked else "No action."


def evaluate(
    definition: Json,
    direction: str,
    texts: list[str],
    embedder: Embedder,
    *,
    source: str = "",
    query: str = "",
    images: int = 0,
    full: bool = False,
) -> Verdict:
    """Check texts as `input` or `output`. `source` and `query` are for contextual grounding.

    `images` are counted as the content policy's, which finds nothing in them here.
    """
    started = time.perf_counter()
    verdict = Verdict(list(texts))
    merged: dict[str, Findings] = {}
    for at, text in enumerate(texts):
        spans: list[tuple[int, int, str]] = []
        for config, name in _POLICIES.items():
            policy = definition.get(config)
            if policy and text:
                found = _check(config, text, policy, direction, full, embedder)
                spans += found.spans
                _merge(merged.setdefault(name, Findings()), found)
        if spans:
            verdict.texts[at] = pii.masked(text, iter(_disjoint(spans)))
            verdict.masked = True
    grounding = definition.get("contextualGroundingPolicyConfig")
    answer = "\n".join(texts)
    if direction == "output" and grounding and source and query and answer:
        found = policies.check_grounding(answer, source, query, grounding, full, embedder)
        _merge(merged.setdefault("contextualGroundingPolicy", Findings()), found)
    verdict.blocked = any(found.blocked for found in merged.values())
    verdict.assessment = {name: _shaped(name, f) for name, f in merged.items() if f.entries}
    characters = sum(map(len, texts))
    grounded = characters + len(source) + len(query) if source and query else 0
    verdict.usage = _usage(definition, direction, characters, grounded)
    coverage: Json = {"textCharacters": {"guarded": characters, "total": characters}}
    if images:
        looked = images if _sees(definition, direction) else 0
        coverage["images"] = {"guarded": looked, "total": images}
        if looked:
            verdict.usage["contentPolicyImageUnits"] = looked
    verdict.assessment["invocationMetrics"] = {
        "guardrailProcessingLatency": round((time.perf_counter() - started) * 1000),
        "usage": verdict.usage,
        "guardrailCoverage": coverage,
    }
    return verdict


def _check(
    config: str, text: str, policy: Json, direction: str, full: bool, embedder: Embedder
) -> Findings:
    match config:
        case "topicPolicyConfig":
            return policies.check_topics(text, policy, direction, full, embedder)
        case "contentPolicyConfig":
            return policies.check_content(text, policy, direction, full)
        case "wordPolicyConfig":
            return policies.check_words(text, policy, direction)
        case _:
            return policies.check_sensitive(text, policy, direction, full)


def _merge(into: Findings, found: Findings) -> None:
    for group, entries in found.entries.items():
        kept = into.entries.setdefault(group, [])
        kept += [entry for entry in entries if entry not in kept]
    into.blocked = into.blocked or found.blocked


def _disjoint(spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    kept: list[tuple[int, int, str]] = []
    for span in sorted(spans):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _shaped(name: str, found: Findings) -> Json:
    required = {
        "wordPolicy": ("customWords", "managedWordLists"),
        "sensitiveInformationPolicy": ("piiEntities", "regexes"),
    }.get(name, ())
    return {**{group: [] for group in required}, **found.entries}


def _active(policy: Json | None, key: str, direction: str) -> bool:
    rules = (policy or {}).get(key, [])
    return any(rule.get(f"{direction}Enabled", True) is not False for rule in rules)


def _sees(definition: Json, direction: str) -> bool:
    """Whether a content filter looks at images in this direction."""
    filters = (definition.get("contentPolicyConfig") or {}).get("filtersConfig", [])
    return any(
        "IMAGE" in rule.get(f"{direction}Modalities", ("TEXT",))
        and rule.get(f"{direction}Strength") != "NONE"
        and rule.get(f"{direction}Enabled", True) is not False
        for rule in filters
    )


def _usage(definition: Json, direction: str, characters: int, grounded: int) -> dict[str, int]:
    units = math.ceil(characters / _TEXT_UNIT)
    usage = dict.fromkeys(USAGE, 0)
    sensitive = definition.get("sensitiveInformationPolicyConfig")
    word = definition.get("wordPolicyConfig")
    content = definition.get("contentPolicyConfig")
    if _active(definition.get("topicPolicyConfig"), "topicsConfig", direction):
        usage["topicPolicyUnits"] = units
    if any(
        r.get(f"{direction}Strength") != "NONE" and r.get(f"{direction}Enabled", True) is not False
        for r in (content or {}).get("filtersConfig", [])
    ):
        usage["contentPolicyUnits"] = units
    if _active(word, "wordsConfig", direction) or _active(
        word, "managedWordListsConfig", direction
    ):
        usage["wordPolicyUnits"] = units
    if _active(sensitive, "piiEntitiesConfig", direction):
        usage["sensitiveInformationPolicyUnits"] = units
    if _active(sensitive, "regexesConfig", direction):
        usage["sensitiveInformationPolicyFreeUnits"] = units
    grounding = (definition.get("contextualGroundingPolicyConfig") or {}).get("filtersConfig", [])
    if direction == "output" and any(r.get("enabled", True) is not False for r in grounding):
        usage["contextualGroundingPolicyUnits"] = math.ceil(grounded / _TEXT_UNIT)
    return usage
