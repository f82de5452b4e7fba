"""A workspace's safety in plain words, for its settings page and the API."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bedrock.models import Guardrail, SafetyRules
from bedrock.policy import guardrail_of
from bedrock.postures import (
    anonymizes_input,
    fingerprint,
    looks_at_pictures,
    own_definition,
    postures,
)
from bedrock.safety import ATTACKS, CONTENT, ENTITIES, topics_offered
from bedrock.services import newest
from tenants import governance
from tenants.context import TenantContext
from tenants.wording import midsentence

HISTORY: Final = 20
# After that every process has looked: from the row's time, a little before its commit.
SPREAD: Final = timedelta(seconds=governance.LOOK_EVERY + 1)
STRENGTHS: Final = {
    "HIGH": gettext_lazy("refused even where it is only likely"),
    "MEDIUM": gettext_lazy("refused where it is clear"),
    "LOW": gettext_lazy("refused where it is plain"),
}
NAMES: Final = {
    "SEXUAL": gettext_lazy("Sexual content"),
    "VIOLENCE": gettext_lazy("Violence"),
    "HATE": gettext_lazy("Hatred"),
    "INSULTS": gettext_lazy("Insults"),
    "MISCONDUCT": gettext_lazy("Help with crime"),
    "PROMPT_ATTACK": gettext_lazy("Attempts to override the assistant's rules"),
}


def posture_told(posture: str) -> list[str]:
    """Return what a posture does, a sentence each."""
    definition = postures()[posture]
    return [
        _(definition["description"]),
        *_content(definition),
        *_personal(definition),
        _pictures(definition),
    ]


def _pictures(definition: Mapping[str, Any]) -> str:
    if anonymizes_input(definition):
        return _(
            "Pictures are never sent to a model, since nothing masks what they show; text that is"
            " recognised in them is masked like any."
        )
    if not looks_at_pictures(definition):
        return _("Pictures are never sent to a model.")
    return _("Pictures are refused for %(kinds)s.") % {"kinds": pictures_looked_at(definition)}


def pictures_looked_at(definition: Mapping[str, Any]) -> str:
    """Return the kinds of content that pictures are refused for, as in the middle of a sentence."""
    filters = definition.get("contentPolicyConfig", {}).get("filtersConfig", ())
    names = [
        str(NAMES[rule["type"]]) for rule in filters if "IMAGE" in rule.get("inputModalities", ())
    ]
    return midsentence(", ".join(names))


def _content(definition: Mapping[str, Any]) -> list[str]:
    told = [
        f"{NAMES[rule['type']]}: {STRENGTHS[rule['inputStrength']]}."
        for rule in definition.get("contentPolicyConfig", {}).get("filtersConfig", ())
        if rule["inputStrength"] in STRENGTHS
    ]
    if definition.get("wordPolicyConfig", {}).get("managedWordListsConfig"):
        told.append(_("Swear words are refused."))
    topics = definition.get("topicPolicyConfig", {}).get("topicsConfig", ())
    if topics:
        named = ", ".join(topic["name"].lower() for topic in topics)
        told.append(_("Not answered here: %(topics)s.") % {"topics": named})
    return told


def _personal(definition: Mapping[str, Any]) -> list[str]:
    rules = definition.get("sensitiveInformationPolicyConfig", {}).get("piiEntitiesConfig", ())
    told = []
    for action, sentence in (
        ("ANONYMIZE", _("Masked before a model reads it, and in answers: %(kinds)s.")),
        ("BLOCK", _("Refused in questions and answers: %(kinds)s.")),
    ):
        found = [_entity(rule["type"]) for rule in rules if rule["action"] == action]
        if found:
            told.append(sentence % {"kinds": ", ".join(found)})
    return told


def finding_named(kind: str) -> str:
    """Return what is told of a kind of finding: `Hatred`, `US bank account number`."""
    name = finding_within(kind)
    return name[:1].upper() + name[1:]


def finding_within(kind: str) -> str:
    """Return the same as it stands inside a list: `hatred`, `US bank account number`."""
    return midsentence(NAMES[kind]) if kind in NAMES else _entity(kind)


def _entity(kind: str) -> str:
    words = [word if word in ("US", "UK", "CA", "AWS", "IP", "PIN", "CVV") else word.lower()
             for word in kind.split("_")]  # fmt: skip
    return _(" ".join(words).replace("credit debit", "credit or debit"))


def own_guardrail_told(own: Guardrail, tenant: TenantContext, rules: SafetyRules) -> str:
    """Say whether the workspace's own guardrail denies the topics that were saved.

    `in force` is said once every process has had the time to look whether there is another.
    """
    if not rules.topics:
        return _("is not needed any more and is being deleted")
    wanted = fingerprint(own_definition(tenant.posture, rules.topics))
    if own.version == "" or own.posture != tenant.posture:
        return _("is being made")
    if own.fingerprint != wanted:
        return _("is being made anew; until then it denies the topics of before")
    if own.checked_at is None or own.checked_at > timezone.now() - SPREAD:
        return _("made, and in force in every process within five seconds")
    return _("in force")


def safety_told(tenant: TenantContext) -> dict[str, Any]:
    """Return posture, guardrail, own rules and their history."""
    rules = newest(tenant)
    own = Guardrail.objects.filter(tenant_id=tenant.id, region=tenant.region).first()
    guardrail = guardrail_of(tenant)
    history = SafetyRules.objects.filter(tenant_id=tenant.id).order_by("-version")[:HISTORY]
    return {
        "posture": tenant.posture,
        "posture_rules": posture_told(tenant.posture),
        "guardrail": {"id": guardrail.id, "version": guardrail.version, "own": guardrail.own},
        "own_guardrail_state": own_guardrail_told(own, tenant, rules) if own else "",
        "version": rules.version,
        "words": rules.words,
        "thresholds": rules.thresholds,
        "least_grounding": (
            None if rules.least_grounding is None else float(rules.least_grounding)
        ),
        "topics": rules.topics,
        "topics_offered": topics_offered(tenant.plan),
        "checks": {"content": CONTENT, "attacks": ATTACKS, "personal": ENTITIES},
        "history": [
            {
                "version": row.version,
                "changed_at": row.changed_at,
                "posture": row.posture,
                "words": len(row.words),
                "thresholds": len(row.thresholds),
                "topics": len(row.topics),
                "restored_from": row.restored_from,
            }
            for row in history
        ],
    }
