"""How a request was answered and what it cost, as recorded: what people read as "why"."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from bedrock.interventions import interventions_of
from bedrock.models import InferenceProfile, Model, PolicyDecision
from bedrock.namedtexts import reason_told
from bedrock.selectors import answering, decisions_of
from billing.selectors import request_cost
from tenants.accounts.models import role_reaches
from tenants.context import Actor, current
from tenants.errors import NotFound


def request_explained(actor: Actor, request_id: UUID) -> dict[str, Any]:
    """Return the calls of a request with their reasons, units and dollars; five statements.

    Members see their own requests, admins everybody's. Raises NotFound for all others.
    """
    decisions = decisions_of(request_id)
    if not role_reaches(actor.role, "admin"):
        decisions = [row for row in decisions if row.user_id == actor.user_id]
    if not decisions:
        raise NotFound(_("There is no such request."))
    return explained(request_id, decisions)


def explained(request_id: UUID, decisions: list[PolicyDecision]) -> dict[str, Any]:
    """Return what is told of a request whose decisions the reader was found to see."""
    names = dict(Model.objects.values_list("model_id", "name"))
    profiles = {
        row.arn: _("This workspace's own, %(role)s") % {"role": row.role}
        if row.tenant_id
        else row.name
        for row in InferenceProfile.objects.filter(arn__in=[row.profile_arn for row in decisions])
    }
    cost = request_cost(request_id)
    interventions = interventions_of(request_id) if decisions else []
    main = answering(decisions)
    return {
        "request_id": str(request_id),
        "decision": main,
        "reason": reason_told(main.reason) if main else "",
        "model_name": names.get(main.model_id, main.model_id) if main else "",
        "posture": current().posture,
        "profile": _profile_name(main, profiles) if main else "",
        "calls": [
            {
                "call": row.call,
                "operation": row.operation,
                "feature": row.feature,
                "role": row.role,
                "reason": reason_told(row.reason),
                "model": row.model_id,
                "model_name": names.get(row.model_id, row.model_id),
                "profile": _profile_name(row, profiles),
                "service_tier": row.service_tier,
                "guardrail_version": row.guardrail_version,
                "region": row.region,
            }
            for row in decisions
        ],
        "interventions": [
            {
                "call": row.call,
                "by": row.get_origin_display(),
                "side": row.side,
                "policy": row.policy,
                "finding": row.finding.replace("_", " ").lower(),
                "action": row.action,
                "count": row.count,
            }
            for row in interventions
        ],
        "units": list(cost.units.items()),
        "usage": {**cost.units, "cost_usd": f"{cost.usd.normalize():f}"},
        "usd": cost.usd,
        "estimated": any(row["estimated"] for row in cost.rows),
        "attempts": len({row["attempt"] for row in cost.rows}),
    }


def _profile_name(row: PolicyDecision, profiles: dict[str, str]) -> str:
    return profiles.get(row.profile_arn, row.profile_arn.rsplit("/", 1)[-1])
