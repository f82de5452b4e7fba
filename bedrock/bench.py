"""The bench: what each posture, and the workspace's own rules, would do with one text.

Each shared posture is asked as the workspace would be if it had that posture: with the session that
AWS gives for it and the guardrail that then serves. Every check is an ordinary metered call.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from uuid import UUID

from django.utils.translation import gettext as _

from bedrock.errors import InputTooLong
from bedrock.guarded import actions_of
from bedrock.guarding import assessed_in_full
from bedrock.interventions import FOUND
from bedrock.policy import guardrail_of
from bedrock.postureguard import STRICTNESS
from bedrock.safety import rules_of
from bedrock.screening import Screen, Side
from bedrock.told import finding_named
from bedrock.wordmatch import holds
from billing.selectors import request_cost
from tenants.context import Actor, TenantContext, current, entered
from tenants.errors import Invalid
from tenants.naming import many_lines
from tenants.wording import grouped

FEATURE: Final = "bench"
CHARACTERS: Final = 5_000
Verdict = Literal["passes", "masked", "blocked"]


@dataclass(frozen=True, slots=True)
class Found:
    """One thing an assessment names. `action` is "" where it was seen and let pass."""

    policy: str
    finding: str
    action: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one posture, or the workspace's own rules, did. `text` is what would be used."""

    name: str
    in_force: bool
    verdict: Verdict
    text: str
    found: list[Found]
    guardrail: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    request_id: UUID
    tried: list[Tried]
    usd: str


def bench(*, actor: Actor, text: str, side: Side) -> Bench:
    """Try a text against each posture and the own rules. Raises Invalid, InputTooLong, and what a
    call raises that is not admitted or cannot be made; what was tried until then is in the ledger.
    """
    said = many_lines(text)
    if not said:
        raise Invalid(_("Type a text to try."))
    if len(said) > CHARACTERS:
        raise InputTooLong(
            _("The bench tries at most %(most)s characters.") % {"most": grouped(CHARACTERS)}
        )
    tenant = current()
    request_id = uuid.uuid4()
    own = guardrail_of(tenant).own
    tried = [
        _posture(tenant, posture, said, side, actor, request_id)
        for posture in STRICTNESS
        if not (own and posture == tenant.posture)
    ]
    if own:
        with_topics = _posture(tenant, tenant.posture, said, side, actor, request_id)
        tried.append(
            replace(
                with_topics,
                name=_("%(posture)s with your denied topics") % {"posture": tenant.posture},
            )
        )
    tried.append(_own_rules(tenant, said, side, actor, request_id))
    return Bench(request_id, tried, f"{request_cost(request_id).usd.normalize():f}")


def _posture(
    tenant: TenantContext, posture: str, text: str, side: Side, actor: Actor, request_id: UUID
) -> Tried:
    with entered(replace(tenant, posture=posture)) as standing:
        guardrail = guardrail_of(standing)
        answer = assessed_in_full(
            text,
            source="INPUT" if side == "input" else "OUTPUT",
            actor=actor,
            feature=FEATURE,
            request_id=request_id,
        )
    actions = {action for each in answer["assessments"] for action in actions_of(each)}
    verdict: Verdict = "passes"
    if answer["action"] != "NONE":
        verdict = "masked" if actions <= {"ANONYMIZED", "NONE"} else "blocked"
    shown = answer["outputs"][0]["text"] if answer["outputs"] else text
    return Tried(
        name=posture,
        in_force=posture == tenant.posture,
        verdict=verdict,
        text=shown,
        found=[found for each in answer["assessments"] for found in _found(each)],
        guardrail=_("%(guardrail)s, version %(version)s")
        % {"guardrail": guardrail.id, "version": guardrail.version},
    )


def _found(assessment: Mapping[str, Any]) -> list[Found]:
    words = {"BLOCKED": "blocked", "ANONYMIZED": "masked"}
    found = []
    for (policy, group), (ours, named) in FOUND.items():
        for each in assessment.get(policy, {}).get(group, ()):
            if not each.get("detected", True):
                continue
            what = str(each.get(named, "")) if named else str(each.get("match", ""))
            grade = each.get("confidence", "")
            found.append(
                Found(
                    policy=ours,
                    finding=what if ours in ("topic", "word") else finding_named(what),
                    action=words.get(each.get("action", ""), ""),
                    detail=_confidence(grade) if grade else "",
                )
            )
    return found


def _confidence(grade: str) -> str:
    told = {
        "LOW": _("low confidence"),
        "MEDIUM": _("medium confidence"),
        "HIGH": _("high confidence"),
    }
    return told.get(grade, grade.lower())


def _own_rules(
    tenant: TenantContext, text: str, side: Side, actor: Actor, request_id: UUID
) -> Tried:
    rules = rules_of(tenant)
    words = [word for word in rules.words if holds(text, [word])]
    found = [Found("word", word, "blocked") for word in words]
    if not words:  # as with a message: a blocked word saves the check of thresholds
        screen = Screen(rules, actor, FEATURE, request_id)
        found = [
            Found(each.policy, finding_named(each.finding), each.action,
                  _("from %(threshold)s") % {"threshold": rules.thresholds.get(each.finding)})
            for each in screen.judged(side, [text])
        ]  # fmt: skip
    return Tried(
        name=_("your own words and thresholds"),
        in_force=True,
        verdict="blocked" if found else "passes",
        text="" if found else text,
        found=found,
        guardrail=_("rules, version %(version)s") % {"version": rules.version}
        if rules.version
        else _("no rules of your own"),
    )
