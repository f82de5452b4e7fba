"""Postures side by side in plain words, and what changes between two of them.

All of it is read from the definitions that the guardrails in AWS are made of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bedrock.postureguard import STRICTNESS
from bedrock.postures import anonymizes_input, looks_at_pictures, postures
from bedrock.told import NAMES, finding_within, pictures_looked_at
from tenants.numbers import written

GRADES: Final = {
    "NONE": gettext_lazy("not checked"),
    "LOW": gettext_lazy("refused where it is plain"),
    "MEDIUM": gettext_lazy("refused where it is clear"),
    "HIGH": gettext_lazy("refused even where it is only likely"),
}
ORDER: Final = tuple(GRADES)
BOTH: Final = gettext_lazy("Questions and answers")


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing a posture decides: its name, what each posture does, and how strict that is."""

    name: str
    told: Mapping[str, str]
    strictness: Mapping[str, int]


def aspects() -> list[Aspect]:
    """Return all that the postures decide, in a fixed order."""
    definitions = {name: postures()[name] for name in STRICTNESS}
    return [
        *(_content(kind, definitions) for kind in _named("contentPolicyConfig", definitions)),
        _swearing(definitions),
        *_grouped([_personal(kind, definitions) for kind in _named(PII, definitions)]),
        _pictures(definitions),
        _grounding(definitions),
    ]


def _grouped(aspects: list[Aspect]) -> list[Aspect]:
    """Return kinds of personal data that every posture treats alike as one aspect."""
    alike: dict[tuple[str, ...], list[Aspect]] = {}
    for each in aspects:
        alike.setdefault(tuple(each.told.values()), []).append(each)
    return [
        replace(first, name=_begun(", ".join(each.name for each in (first, *others))))
        for first, *others in alike.values()
    ]


def _begun(names: str) -> str:
    return names[:1].upper() + names[1:]


PII: Final = "sensitiveInformationPolicyConfig"
LISTS: Final = {"contentPolicyConfig": "filtersConfig", PII: "piiEntitiesConfig"}


def _named(policy: str, definitions: Mapping[str, Any]) -> list[str]:
    found: dict[str, None] = {}
    for definition in definitions.values():
        for rule in definition.get(policy, {}).get(LISTS[policy], ()):
            found[rule["type"]] = None
    return list(found)


def _rule(policy: str, kind: str, definition: Mapping[str, Any]) -> Mapping[str, Any]:
    rules = definition.get(policy, {}).get(LISTS[policy], ())
    return next((rule for rule in rules if rule["type"] == kind), {})


def _content(kind: str, definitions: Mapping[str, Any]) -> Aspect:
    told, strictness = {}, {}
    for posture, definition in definitions.items():
        rule = _rule("contentPolicyConfig", kind, definition)
        asked, answered = rule.get("inputStrength", "NONE"), rule.get("outputStrength", "NONE")
        if asked == answered:
            told[posture] = f"{BOTH}: {GRADES[asked]}"
        elif answered == "NONE":
            told[posture] = _("Questions: %(asked)s") % {"asked": GRADES[asked]}
        else:
            told[posture] = _("Questions: %(asked)s. Answers: %(answered)s") % {
                "asked": GRADES[asked],
                "answered": GRADES[answered],
            }
        strictness[posture] = ORDER.index(asked) + ORDER.index(answered)
    return Aspect(str(NAMES[kind]), told, strictness)


def _swearing(definitions: Mapping[str, Any]) -> Aspect:
    on = {
        posture: bool(definition.get("wordPolicyConfig", {}).get("managedWordListsConfig"))
        for posture, definition in definitions.items()
    }
    return Aspect(
        _("Swear words"),
        {
            posture: f"{BOTH}: {_('refused')}" if each else _("Not checked")
            for posture, each in on.items()
        },
        {posture: int(each) for posture, each in on.items()},
    )


def _personal(kind: str, definitions: Mapping[str, Any]) -> Aspect:
    words = {"BLOCK": _("refused"), "ANONYMIZE": _("masked before a model reads it")}
    where = {
        (True, True): str(BOTH),
        (True, False): _("Questions"),
        (False, True): _("Answers"),
        (False, False): "",
    }
    grade = {"": 0, "ANONYMIZE": 1, "BLOCK": 2}
    told, strictness = {}, {}
    for posture, definition in definitions.items():
        rule = _rule(PII, kind, definition)
        action = rule.get("action", "")
        sides = bool(rule.get("inputEnabled")), bool(rule.get("outputEnabled"))
        told[posture] = f"{where[sides]}: {words[action]}" if action else _("Not looked for")
        strictness[posture] = grade[action]
    return Aspect(finding_within(kind), told, strictness)


def _pictures(definitions: Mapping[str, Any]) -> Aspect:
    """Say what becomes of pictures: guardrails look at them and mask nothing in them."""
    told, strictness = {}, {}
    for posture, definition in definitions.items():
        masks = anonymizes_input(definition)
        shown = not masks and looks_at_pictures(definition)
        told[posture] = (
            _("Questions: refused for %(kinds)s") % {"kinds": pictures_looked_at(definition)}
            if shown
            else _("Never sent to a model, since nothing masks what they show")
            if masks
            else _("Never sent to a model")
        )
        strictness[posture] = 0 if shown else 1
    return Aspect(_("Pictures"), told, strictness)


def _scored(least: float) -> str:
    if not least:
        return _("Not scored")
    return _("Answers: scored, marked below %(least)s") % {"least": written(f"{least}")}


def _grounding(definitions: Mapping[str, Any]) -> Aspect:
    least = {}
    for posture, definition in definitions.items():
        filters = definition.get("contextualGroundingPolicyConfig", {}).get("filtersConfig", ())
        least[posture] = next((f["threshold"] for f in filters if f["type"] == "GROUNDING"), 0)
    return Aspect(
        _("Answers borne out by their sources"),
        {posture: _scored(each) for posture, each in least.items()},
        {posture: int(each * 100) for posture, each in least.items()},
    )


@dataclass(frozen=True, slots=True)
class Difference:
    name: str
    before: str
    after: str
    stricter: bool


def differences(before: str, after: str) -> list[Difference]:
    """Return what a move from one posture to another changes; what stays is left out."""
    return [
        Difference(
            each.name,
            each.told[before],
            each.told[after],
            each.strictness[after] > each.strictness[before],
        )
        for each in aspects()
        if each.told[before] != each.told[after]
    ]
