"""Record what guardrails and rules did: which policy found what, how often, never the text.

One statement a call, and none where nothing was found. A record that cannot be written is logged:
the block itself stands.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import DatabaseError

from bedrock.calls import Json
from bedrock.models import Intervention
from bedrock.policy import GuardrailPolicy
from billing.admission import Reservation
from tenants.context import current
from tenants.telemetry import INTERVENTIONS

log = structlog.get_logger(__name__)

# Where an assessment keeps its findings, our name of the policy, and the member that names one.
FOUND: Final = {
    ("topicPolicy", "topics"): ("topic", "name"),
    ("contentPolicy", "filters"): ("content", "type"),
    ("wordPolicy", "customWords"): ("word", ""),
    ("wordPolicy", "managedWordLists"): ("word", "type"),
    ("sensitiveInformationPolicy", "piiEntities"): ("pii", "type"),
    ("sensitiveInformationPolicy", "regexes"): ("regex", "name"),
    ("contextualGroundingPolicy", "filters"): ("grounding", "type"),
}
ACTIONS: Final = {"BLOCKED": "blocked", "ANONYMIZED": "masked"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that was found on one side, and what was done about it."""

    side: str
    policy: str
    finding: str
    action: str


def findings_of(side: str, assessment: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what an assessment says was blocked or masked."""
    for (policy, group), (ours, named) in FOUND.items():
        for found in assessment.get(policy, {}).get(group, ()):
            action = ACTIONS.get(found.get("action", ""))
            if action:
                yield Finding(side, ours, str(found.get(named, "")) if named else "", action)


def interventions_record(
    reservation: Reservation,
    findings: Iterable[Finding],
    *,
    origin: Intervention.Origin,
    guardrail: GuardrailPolicy | None = None,
) -> None:
    """Store what was found in one call, each kind once with its count."""
    counted = Counter(findings)
    if not counted:
        return
    for found, count in counted.items():
        INTERVENTIONS.labels(found.policy, found.action).inc(count)
    rows = [
        Intervention(
            tenant_id=current().id,
            request_id=reservation.request_id,
            call=reservation.call,
            feature=reservation.feature,
            origin=origin,
            guardrail_id=guardrail.id if guardrail else "",
            guardrail_version=guardrail.version if guardrail else "",
            side=found.side,
            policy=found.policy,
            finding=found.finding[:100],
            action=found.action,
            count=count,
        )
        for found, count in counted.items()
    ]
    try:
        Intervention.objects.bulk_create(rows)
    except DatabaseError:
        log.exception("intervention.unrecorded", reservation=str(reservation.id))


def interventions_of(request_id: UUID) -> list[Intervention]:
    """Return what was done about a request of the entered tenant, in the order of its calls."""
    rows = Intervention.objects.filter(tenant_id=current().id, request_id=request_id)
    return list(rows.order_by("call", "side", "policy", "finding"))


def assessed(side: str, assessments: Iterable[Json]) -> list[Finding]:
    """Return the findings of several assessments of one side."""
    return [found for assessment in assessments for found in findings_of(side, assessment)]
