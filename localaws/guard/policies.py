"""The single policies: words, content filters, denied topics, sensitive data, grounding.

Each takes a text and one direction's configuration, and returns its findings in the shape of
Bedrock's assessment.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from localaws.embedder import Embedder
from localaws.guard import pii
from localaws.model.text import content_stems, split, words
from localaws.wire import Json

_RUN = re.compile(r"\w+")
_LEVELS = ["NONE", "LOW", "MEDIUM", "HIGH"]
_TOPIC_THRESHOLD = 0.62


@dataclass
class Findings:
    """What one policy found in one text: entries, whether one blocks, and spans to mask."""

    entries: dict[str, list[Json]] = field(default_factory=dict)
    blocked: bool = False
    spans: list[tuple[int, int, str]] = field(default_factory=list)

    def add(self, group: str, entry: Json) -> None:
        """Note one finding."""
        self.entries.setdefault(group, []).append(entry)
        self.blocked = self.blocked or entry["action"] == "BLOCKED"


def action_of(rule: Json, direction: str, default: str = "BLOCK") -> str | None:
    """BLOCK, ANONYMIZE or NONE for `input` or `output`; None where the side is switched off.

    A rule's plain `action: ANONYMIZE` masks answers only; prompts are masked where `inputAction`
    says so, as the service was observed to do.
    """
    if rule.get(f"{direction}Enabled", True) is False:
        return None
    explicit = rule.get(f"{direction}Action")
    if explicit:
        return str(explicit)
    action = str(rule.get("action", default))
    if action == "ANONYMIZE" and direction == "input":
        return "NONE"
    return action


_TAKEN = {"BLOCK": "BLOCKED", "ANONYMIZE": "ANONYMIZED", "NONE": "NONE"}


@cache
def lexicon() -> dict[str, Any]:
    """The lexicons of `data/lexicon.json`."""
    path = Path(__file__).parent.parent / "data" / "lexicon.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def _listed(kind: str, level: str) -> list[str]:
    listed: list[str] = lexicon()[kind] if kind == "PROFANITY" else lexicon()[kind].get(level, [])
    return listed


@cache
def _wordings(kind: str, level: str) -> list[frozenset[str]]:
    """The words of each of the lexicon's phrases: a text that lacks one has not the phrase."""
    return [frozenset(_RUN.findall(phrase.lower())) for phrase in _listed(kind, level)]


@lru_cache(maxsize=16)
def _said(text: str) -> frozenset[str]:
    """The words of a text, letters as patterns take them that ignore case."""
    plain = text.replace("\u0130", "i").casefold().replace("\u0131", "i")  # a Turkish i is one too
    return frozenset(_RUN.findall(plain))


@cache
def _phrases(kind: str, level: str) -> re.Pattern[str]:
    listed = _listed(kind, level)
    joined = "|".join(
        re.escape(p).replace(r"\ ", r"\W+") for p in sorted(listed, key=len, reverse=True)
    )
    return re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE)


_LEAKAGE = re.compile(r"system prompt|initial prompt|hidden instructions", re.IGNORECASE)
_INJECTION = re.compile(
    r"ignore|disregard|forget|override|new instructions|must obey|no longer bound|from now on"
    r"|your instructions",
    re.IGNORECASE,
)


def attack_of(phrase: str) -> str:
    """Which of InvokeGuardrailChecks' prompt attacks a phrase of the lexicon is."""
    if _LEAKAGE.search(phrase):
        return "PROMPT_LEAKAGE"
    return "PROMPT_INJECTION" if _INJECTION.search(phrase) else "JAILBREAK"


def confidence(kind: str, text: str, attack: str = "") -> str:
    """The highest confidence at which the lexicon of `kind` finds something: NONE to HIGH.

    `attack` looks for that kind of prompt attack alone.
    """
    said = _said(text)
    for level in reversed(_LEVELS[1:]):
        if not any(wording <= said for wording in _wordings(kind, level)):
            continue  # the pattern, which tries every place, is left for texts that may have one
        for match in _phrases(kind, level).finditer(text):
            if not attack or attack_of(match[0]) == attack:
                return level
    return "NONE"


def check_words(text: str, policy: Json, direction: str) -> Findings:
    """Custom words and phrases, and the managed profanity list; case does not matter."""
    found = Findings()
    for rule in policy.get("wordsConfig", []):
        action = action_of(rule, direction)
        hit = action and re.search(rf"(?<!\w){re.escape(rule['text'])}(?!\w)", text, re.IGNORECASE)
        if hit and action:
            found.add("customWords", {"match": hit[0], "action": _TAKEN[action], "detected": True})
    for rule in policy.get("managedWordListsConfig", []):
        action = action_of(rule, direction)
        for match in sorted(set(_phrases("PROFANITY", "").findall(text))) if action else []:
            entry = {"match": match, "type": rule["type"], "action": _TAKEN[str(action)]}
            found.add("managedWordLists", {**entry, "detected": True})
    return found


def check_content(text: str, policy: Json, direction: str, full: bool) -> Findings:
    """Content filters and prompt attack. A filter of strength HIGH acts on LOW confidence."""
    found = Findings()
    for rule in policy.get("filtersConfig", []):
        strength = rule.get(f"{direction}Strength", "NONE")
        action = action_of(rule, direction)
        if action is None or strength == "NONE":
            continue
        level = confidence(rule["type"], text)
        rank = _LEVELS.index(level)
        detected = rank > 0 and rank >= 4 - _LEVELS.index(strength)
        if not detected and not full:
            continue
        found.add(
            "filters",
            {
                "type": rule["type"],
                "confidence": level,
                "filterStrength": strength,
                "action": _TAKEN[action] if detected else "NONE",
                "detected": detected,
            },
        )
    return found


def check_topics(
    text: str, policy: Json, direction: str, full: bool, embedder: Embedder
) -> Findings:
    """Denied topics by closeness to the definition and examples, sentence by sentence."""
    found = Findings()
    parts = [part for part in split(re.sub(r"\s+", " ", text)) if words(part)][:200]
    for rule in policy.get("topicsConfig", []):
        action = action_of(rule, direction)
        if action is None or not parts:
            continue
        detected = _topic_score(parts, rule, embedder) >= _TOPIC_THRESHOLD
        if not detected and not full:
            continue
        entry = {"name": rule["name"], "type": "DENY", "detected": detected}
        found.add("topics", {**entry, "action": _TAKEN[action] if detected else "NONE"})
    return found


def _topic_score(parts: list[str], rule: Json, embedder: Embedder) -> float:
    described = [*rule.get("examples", []), rule["definition"], rule["name"]]
    vectors = embedder.known([*parts, *described])
    likeness = vectors[: len(parts)] @ vectors[len(parts) :].T
    vocabulary = {stem for line in described for stem in content_stems(line)}
    best = 0.0
    for row, part in enumerate(parts):
        stems = set(content_stems(part))
        if not stems & vocabulary:
            continue
        shared = len(stems & vocabulary) / len(stems)
        named = set(content_stems(rule["name"])) <= stems
        score = 0.6 * float(likeness[row].max()) + 0.4 * shared + (0.15 if named else 0.0)
        best = max(best, score)
    return best


def _silent(rule: Json, direction: str, action: str) -> bool:
    """A side that does nothing, and was not asked to detect by an action of its own or `NONE`."""
    asked = rule.get(f"{direction}Action") or (rule.get("action") == "NONE")
    return action == "NONE" and not asked


def check_sensitive(text: str, policy: Json, direction: str, full: bool) -> Findings:
    """PII entities and the guardrail's own regular expressions."""
    found = Findings()
    rules = {rule["type"]: rule for rule in policy.get("piiEntitiesConfig", [])}
    for entity in pii.find(text, set(rules)):
        action = action_of(rules[entity.type], direction)
        if action is None or (not full and _silent(rules[entity.type], direction, action)):
            continue
        entry = {"match": entity.match, "type": entity.type, "action": _TAKEN[action]}
        found.add("piiEntities", {**entry, "detected": True})
        if action == "ANONYMIZE":
            found.spans.append((entity.start, entity.end, entity.type))
    for rule in policy.get("regexesConfig", []):
        action = action_of(rule, direction)
        if action is None or (not full and _silent(rule, direction, action)):
            continue
        for match in re.finditer(rule["pattern"], text):
            if not match[0]:
                continue
            entry = {"name": rule["name"], "match": match[0], "regex": rule["pattern"]}
            found.add("regexes", {**entry, "action": _TAKEN[action], "detected": True})
            if action == "ANONYMIZE":
                found.spans.append((*match.span(), rule["name"]))
    return found


def check_grounding(
    answer: str, source: str, query: str, policy: Json, full: bool, embedder: Embedder
) -> Findings:
    """Contextual grounding: is the answer in the source, and does it speak to the query."""
    found = Findings()
    for rule in policy.get("filtersConfig", []):
        if rule.get("enabled", True) is False:
            continue
        if rule["type"] == "GROUNDING":
            score = grounding_score(answer, source, embedder)
        else:
            score = relevance_score(answer, query, embedder)
        detected = score < rule["threshold"]
        if not detected and not full:
            continue
        action = "BLOCKED" if detected and rule.get("action", "BLOCK") == "BLOCK" else "NONE"
        entry = {"type": rule["type"], "threshold": rule["threshold"], "score": round(score, 2)}
        found.add("filters", {**entry, "action": action, "detected": detected})
    return found


def grounding_score(answer: str, source: str, embedder: Embedder) -> float:
    """The worst sentence's share of words and numbers found in the source, 0 to 1."""
    answer = re.sub(r"\[\d+\]", "", answer)
    known = content_stems(source)
    vocabulary = set(known)
    if not vocabulary:
        return 0.0
    scores = []
    said = [(s, stems) for s in split(re.sub(r"\s+", " ", answer)) if (stems := content_stems(s))]
    whole, *vectors = embedder.embed([source, *(sentence for sentence, _ in said)])
    for (_, stems), vector in zip(said, vectors, strict=True):
        shared = sum(stem in vocabulary for stem in stems) / len(stems)
        numbers = [stem for stem in stems if stem[0].isdigit()]
        invented = sum(number not in vocabulary for number in numbers)
        likeness = max(0.0, float(vector @ whole))
        score = 0.85 * shared + 0.15 * likeness
        scores.append(max(0.0, 0.4 * score if invented else score + 0.1 * (shared > 0.95)))
    return min(1.0, min(scores, default=1.0))


def relevance_score(answer: str, query: str, embedder: Embedder) -> float:
    """How far the answer speaks of what the query asks, 0 to 1."""
    asked = set(content_stems(query))
    if not asked:
        return 1.0
    shared = len(asked & set(content_stems(answer))) / len(asked)
    vectors = embedder.embed([query, answer])
    return float(np.clip(0.6 * shared + 0.8 * float(vectors[0] @ vectors[1]), 0, 1))
