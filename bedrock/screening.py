"""A workspace's own words and thresholds, on what goes to a model and what comes back.

Words are looked for here. Thresholds are judged by us on the severities of InvokeGuardrailChecks,
a call of its own, admitted and metered. A violation is an ordinary blocked answer. A check that
cannot be made closes the way, as with a guardrail.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeGuardrailChecks.html
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from django.utils.translation import gettext_lazy

from bedrock.calls import Json
from bedrock.estimates import units_of
from bedrock.interventions import Finding, interventions_record
from bedrock.metering import MeteredCall, call_open, connection_rest, sent
from bedrock.models import Intervention
from bedrock.safety import ATTACKS, CONTENT, ENTITIES, Rules, rules_of
from bedrock.wordmatch import GrowingText, holds
from billing.reservations import Reservation
from billing.units import Unit
from tenants.aws import checking_client
from tenants.context import Actor, current

Side = Literal["input", "output"]

CHECKED_AT_ONCE: Final = 25_000  # characters of one text block
UNITS: Final = {
    "contentFilter": Unit.GUARDRAIL_CHECK_CONTENT,
    "promptAttack": Unit.GUARDRAIL_CHECK_ATTACK,
    "sensitiveInformation": Unit.GUARDRAIL_CHECK_PII,
}
BLOCKED_INPUT: Final = gettext_lazy(
    "This question cannot be answered here: it goes against your workspace's own rules."
    " Rephrase it, or ask an admin of your workspace."
)
BLOCKED_OUTPUT: Final = gettext_lazy(
    "The answer was withheld: it goes against your workspace's own rules. Rephrase the question, or"
    " ask an admin of your workspace."
)


@dataclass(frozen=True, slots=True)
class Screen:
    """The rules in force for one model call, and who makes it."""

    rules: Rules
    actor: Actor
    feature: str
    request_id: UUID

    @property
    def holds_output(self) -> bool:
        """Whether an answer may be shown only after it was checked as a whole."""
        return bool(self._checks("output"))

    def growing(self) -> GrowingText:
        """Return what releases a streamed answer word by word."""
        return GrowingText(self.rules.words)

    def refuses(self, side: Side, texts: Sequence[str], reservation: Reservation) -> bool:
        """Say whether own words or thresholds refuse the texts; record which.

        Raises this app's errors where the check cannot be made.
        """
        if any(holds(text, self.rules.words) for text in texts):
            self.word_found(side, reservation)
            return True
        return bool(self.judged(side, [text for text in texts if text.strip()]))

    def word_found(self, side: Side, reservation: Reservation) -> None:
        """Record that an own word was found."""
        finding = Finding(side, "word", "", "blocked")
        interventions_record(reservation, [finding], origin=Intervention.Origin.WORDS)

    def _checks(self, side: Side) -> dict[str, Json]:
        """Return the checks that thresholds are set for; attacks are the input's alone."""
        rules = self.rules
        checks: dict[str, Json] = {}
        if content := rules.threshold(CONTENT):
            checks["contentFilter"] = {"categories": [{"category": name} for name in content]}
        if side == "input" and (attacks := rules.threshold(ATTACKS)):
            checks["promptAttack"] = {"categories": [{"category": name} for name in attacks]}
        if entities := rules.threshold(ENTITIES):
            checks["sensitiveInformation"] = {"entities": [{"type": name} for name in entities]}
        return checks

    def judged(self, side: Side, texts: list[str]) -> list[Finding]:
        """Return what reaches its threshold, recorded; a metered call where any is set."""
        checks = self._checks(side)
        if not checks or not texts:
            return []
        units = units_of(sum(map(len, texts)))
        call = call_open(
            actor=self.actor,
            feature=self.feature,
            request_id=self.request_id,
            operation="InvokeGuardrailChecks",
            units={UNITS[name]: units for name in checks},
        )
        parameters: dict[str, Any] = {
            "messages": [
                {
                    "role": "user" if side == "input" else "assistant",
                    "content": [{"text": part} for text in texts for part in _parts(text)],
                }
            ],
            "checks": checks,
        }
        runtime = checking_client()
        connection_rest()
        answer: Any = sent(call, lambda: runtime.invoke_guardrail_checks(**parameters))
        call.finish({UNITS[name]: int(used["textUnits"]) for name, used in answer["usage"].items()})
        found = list(self._over(side, answer["results"]))
        if found:
            interventions_record(call.reservation, found, origin=Intervention.Origin.THRESHOLDS)
        return found

    def _over(self, side: Side, results: Json) -> Iterator[Finding]:
        """Yield what reaches its threshold."""
        limits = self.rules.thresholds
        for check, ours in (("contentFilter", "content"), ("promptAttack", "attack")):
            for row in results.get(check, {}).get("results", ()):
                if row["severityScore"] >= limits.get(row["category"], 2):
                    yield Finding(side, ours, row["category"], "blocked")
        for row in results.get("sensitiveInformation", {}).get("results", ()):
            if row["confidenceScore"] >= limits.get(row["type"], 2):
                yield Finding(side, "pii", row["type"], "blocked")


def screen_of(*, actor: Actor, feature: str, request_id: UUID) -> Screen:
    """Return the entered tenant's screen for one call."""
    return Screen(rules_of(current()), actor, feature, request_id)


def asked_texts(messages: Sequence[Json]) -> list[str]:
    """Return what the user says in the last message: the sources it rests on are not theirs."""
    last = next((m for m in reversed(messages) if m["role"] == "user"), None)
    texts = []
    for block in last["content"] if last else ():
        marked = block.get("guardContent", {}).get("text")
        if marked is not None and "grounding_source" not in marked.get("qualifiers", ()):
            texts.append(str(marked["text"]))
        elif "text" in block:
            texts.append(str(block["text"]))
    return texts


def _parts(text: str) -> Iterator[str]:
    for start in range(0, len(text), CHECKED_AT_ONCE):
        yield text[start : start + CHECKED_AT_ONCE]


def call_refused(call: MeteredCall, screen: Screen, messages: Sequence[Json]) -> bool:
    """Say whether the workspace's rules refuse what is asked; the call then ends and cost nothing.

    Where the check cannot be made, the call ends too and the error goes on.
    """
    try:
        refused = screen.refuses("input", asked_texts(messages), call.reservation)
    except BaseException:
        call.cancel()
        raise
    if refused:
        call.cancel()
    return refused
