"""Guardrail checks without a model: tool results, texts to mask, and the grounding of an answer."""

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

from django.utils.translation import gettext as _

from bedrock.calls import Grounding, GuardrailVerdict, Json
from bedrock.errors import InputTooLong
from bedrock.guarded import actions_of
from bedrock.interventions import assessed, interventions_record
from bedrock.metering import USAGE_UNITS, call_open, guardrail_estimate, sent
from bedrock.models import Intervention
from bedrock.policy import GuardrailPolicy, guardrail_of
from billing.units import Unit
from tenants.aws import checking_client
from tenants.context import Actor, current
from tenants.wording import grouped

CHECKED_AT_ONCE: Final = 100_000  # characters
# The service's own limits for a grounding check.
SOURCES_AT_MOST: Final = 100_000
QUESTION_AT_MOST: Final = 1_000
ANSWER_AT_MOST: Final = 5_000


def apply_guardrail(
    texts: Sequence[str],
    *,
    source: Literal["INPUT", "OUTPUT"],
    actor: Actor,
    feature: str,
    request_id: UUID,
    reason: str = "",
) -> GuardrailVerdict:
    """Check texts against the posture's guardrail; return those to go on with, in order.

    `reason` is what the record says of why they are checked.
    Raises this app's errors when the guardrail cannot be reached: there is no way around it.
    """
    present = [text for text in texts if text.strip()]
    if not present:
        return GuardrailVerdict("none", list(texts), [])
    if sum(map(len, present)) > CHECKED_AT_ONCE:
        raise InputTooLong(
            _("At most %(most)s characters are checked at once.")
            % {"most": grouped(CHECKED_AT_ONCE)}
        )
    content: list[Json] = [{"text": {"text": text}} for text in present]
    answer = _applied(
        content,
        source=source,
        scope="INTERVENTIONS",
        actor=actor,
        feature=feature,
        request_id=request_id,
        reason=reason,
    )
    assessments = list(answer["assessments"])
    if answer["action"] == "NONE":
        return GuardrailVerdict("none", list(texts), assessments)
    actions = {action for assessment in assessments for action in actions_of(assessment)}
    outputs = [output["text"] for output in answer["outputs"]]
    # Only a plain mask returns a text for each one given; whatever else intervened, blocked.
    if "BLOCKED" in actions or len(outputs) != len(present):
        return GuardrailVerdict("blocked", outputs, assessments)
    masked = iter(outputs)
    return GuardrailVerdict(
        "masked", [next(masked) if text.strip() else text for text in texts], assessments
    )


def assessed_in_full(
    text: str,
    *,
    source: Literal["INPUT", "OUTPUT"],
    actor: Actor,
    feature: str,
    request_id: UUID,
) -> Json:
    """Return ApplyGuardrail's whole answer to one text, also where nothing was found."""
    answer: Json = _applied(
        [{"text": {"text": text}}],
        source=source,
        scope="FULL",
        actor=actor,
        feature=feature,
        request_id=request_id,
    )
    return answer


def grounding(
    *,
    sources: Sequence[str],
    question: str,
    answer: str,
    actor: Actor,
    feature: str,
    request_id: UUID,
) -> Grounding | None:
    """Return how far `answer` rests on `sources` and meets `question`.

    The question must stand alone: grounding does not support chat. None where it cannot be said:
    nothing to compare, longer texts than the service checks, or a posture without this policy.
    """
    joined = "\n\n".join(sources)
    if not (joined.strip() and question.strip() and answer.strip()):
        return None
    if (
        len(joined) > SOURCES_AT_MOST
        or len(question) > QUESTION_AT_MOST
        or len(answer) > ANSWER_AT_MOST
        or "contextualGroundingPolicyConfig" not in guardrail_of(current()).policies
    ):
        return None
    content: list[Json] = [
        {"text": {"text": joined, "qualifiers": ["grounding_source"]}},
        {"text": {"text": question, "qualifiers": ["query"]}},
        {"text": {"text": answer, "qualifiers": ["guard_content"]}},
    ]
    found = _applied(
        content, source="OUTPUT", scope="FULL", actor=actor, feature=feature, request_id=request_id
    )
    scores = {
        finding["type"]: float(finding["score"])
        for assessment in found["assessments"]
        for finding in assessment.get("contextualGroundingPolicy", {}).get("filters", [])
    }
    if not {"GROUNDING", "RELEVANCE"} <= scores.keys():
        return None
    return Grounding(grounding=scores["GROUNDING"], relevance=scores["RELEVANCE"])


def _applied(
    content: list[Json],
    *,
    source: Literal["INPUT", "OUTPUT"],
    scope: Literal["INTERVENTIONS", "FULL"],
    actor: Actor,
    feature: str,
    request_id: UUID,
    reason: str = "",
) -> Any:
    guardrail: GuardrailPolicy = guardrail_of(current())
    characters = sum(len(block["text"]["text"]) for block in content)
    call = call_open(
        actor=actor,
        feature=feature,
        request_id=request_id,
        operation="ApplyGuardrail",
        units=guardrail_estimate(guardrail, characters),
        guardrail=guardrail,
        reason=reason,
    )
    runtime: Any = checking_client()
    answer = sent(
        call,
        lambda: runtime.apply_guardrail(
            guardrailIdentifier=guardrail.id,
            guardrailVersion=guardrail.version,
            source=source,
            outputScope=scope,
            content=content,
        ),
    )
    units: dict[Unit, int] = {
        unit: answer["usage"].get(name, 0) for name, unit in USAGE_UNITS.items()
    }
    call.finish(units)
    interventions_record(
        call.reservation,
        assessed(source.lower(), answer["assessments"]),
        origin=Intervention.Origin.GUARDRAIL,
        guardrail=guardrail,
    )
    return answer
