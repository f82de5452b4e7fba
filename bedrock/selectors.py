"""Reads of the substrate's rows, for pages, the staff and the other apps."""

from typing import Any
from uuid import UUID

from django.db.models import Subquery

from bedrock.models import InferenceProfile, LoggedCall, Model, PolicyDecision, Role
from bedrock.policy import policy_of
from tenants.context import TenantContext, current
from tenants.errors import TenantryError


def decisions_of(request_id: UUID) -> list[PolicyDecision]:
    """Return the decisions of a request of the entered tenant, in the order of its calls."""
    return list(
        PolicyDecision.objects.filter(tenant_id=current().id, request_id=request_id).order_by(
            "call"
        )
    )


def requests_decided(request_ids: set[UUID]) -> set[UUID]:
    """Return which of these requests of the entered tenant have decisions; one statement."""
    rows = PolicyDecision.objects.filter(tenant_id=current().id, request_id__in=request_ids)
    return set(rows.order_by().values_list("request_id", flat=True).distinct())


def decision_of(request_id: UUID) -> PolicyDecision | None:
    """Return the decision behind the answer of a request of the entered tenant."""
    return answering(decisions_of(request_id))


def logged_of(request_id: UUID) -> list[dict[str, Any]]:
    """Return what AWS's invocation log has of a request of the entered tenant, oldest first.

    Each has `aws_request_id`, `at`, `operation`, `model_id`, `region`, `attempt`, `units`,
    `error_code`, `state` (as the ledger has it, or not) and `content_key`. AWS delivers the log
    some minutes later.
    """
    rows = LoggedCall.objects.filter(tenant_id=current().id, request_id=request_id).order_by("at")
    names = ("aws_request_id", "at", "operation", "model_id", "region", "attempt", "units",
             "error_code", "state", "content_key")  # fmt: skip
    states = dict(LoggedCall.State.choices)
    return [{**row, "state_told": states[row["state"]]} for row in rows.values(*names)]


def answering(decisions: list[PolicyDecision]) -> PolicyDecision | None:
    """Return which of a request's decisions made its answer: its last text call, else its last."""
    texts = [decision for decision in decisions if decision.max_tokens is not None]
    found = texts or decisions
    return found[-1] if found else None


def capabilities(role: str = "small") -> Model:
    """Return the row of the model that fills a role for the entered tenant; pages read it."""
    return policy_of(current(), role).model


def regions_served(tenant: TenantContext) -> list[str]:
    """Return in which Regions AWS may serve the entered tenant's model calls, by name.

    Those of the profiles in force, and its own; none where a profile's were not read yet. Profiles
    of one source are served in the same ones, so that a new one need not have been read itself.
    """
    found = {tenant.region}
    for role in Role.values:
        try:
            wanted = policy_of(tenant, role)
        except TenantryError:
            continue  # the page tells of it elsewhere
        if wanted.provisioned:
            continue
        source = InferenceProfile.objects.filter(arn=wanted.profile_arn).values("source")[:1]
        known = InferenceProfile.objects.filter(source=Subquery(source), regions__isnull=False)
        regions = known.values_list("regions", flat=True).first()
        if regions is None:
            return []
        found |= set(regions)
    return sorted(found)


def embedding_model() -> str:
    """Return the id of the model whose vectors the entered tenant's texts get now."""
    return policy_of(current(), "embedding").model.model_id
