"""Read what a guardrail did from the trace that comes with an answer."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from bedrock.calls import Json

Action = Literal["none", "masked", "blocked"]
Side = Literal["input", "output"]


def assessments_of(trace: Mapping[str, Any]) -> Iterator[tuple[Side, Json]]:
    """Yield each assessment of a Converse trace with the side that was assessed."""
    for found in trace.get("inputAssessment", {}).values():
        yield "input", found
    for several in trace.get("outputAssessments", {}).values():
        for found in several:
            yield "output", found


def actions_of(assessment: Mapping[str, Any]) -> Iterator[str]:
    """Yield the action of every finding: BLOCKED, ANONYMIZED, NONE."""
    for policy in assessment.values():
        if not isinstance(policy, dict):
            continue
        for findings in policy.values():
            if isinstance(findings, list):
                yield from (f["action"] for f in findings if isinstance(f, dict) and "action" in f)


def units_of_trace(trace: Mapping[str, Any]) -> dict[str, int]:
    """Add up the text units of every assessment, by the service's own names."""
    total: dict[str, int] = {}
    for _, assessment in assessments_of(trace):
        usage = assessment.get("invocationMetrics", {}).get("usage", {})
        for name, amount in usage.items():
            if isinstance(amount, int):
                total[name] = total.get(name, 0) + amount
    return total


def outcome(stop_reason: str, trace: Mapping[str, Any]) -> tuple[Action, Side | None]:
    """Return what the guardrail did, and where it blocked.

    Masking and blocking share one stop reason, and masking the input alone may keep `end_turn`:
    the findings tell them apart. An intervention without findings counts as a block.
    """
    masked = False
    for side, assessment in assessments_of(trace):
        for action in actions_of(assessment):
            if action == "BLOCKED":
                return "blocked", side
            masked = masked or action == "ANONYMIZED"
    if masked:
        return "masked", None
    if stop_reason == "guardrail_intervened":
        return "blocked", "output"
    return "none", None
