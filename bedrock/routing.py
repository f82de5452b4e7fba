"""Which model role serves a text call, and why: the one place where that is decided.

Small serves first. A call goes to the frontier model when the user chose so and the plan lets them,
when an answer before was not borne out by its sources, when the model has worked through several
rounds of tools, or when there is much to read; pictures go to a model that sees. All thresholds are
rows of `RoutePolicy`; where the budget does not reach for the frontier model, small serves and the
reason says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db.models import Q

from bedrock import namedtexts
from bedrock.calls import Json, ModelRequest
from bedrock.errors import ChoiceNotInPlan, FrontierOff
from bedrock.models import Role, RoutePolicy
from bedrock.pictures import pictures_in, without_pictures
from bedrock.policy import Policy, kept, policy_of
from bedrock.prompting import FEATURES, assistant_of, feature_require
from bedrock.sight import pictures_require, sees
from tenants import governance
from tenants.context import TenantContext

WRITTEN_PER_TOKEN: Final = 4  # characters of what is read, to tell long from short


@dataclass(frozen=True, slots=True)
class Route:
    """The role that serves, and the reason as people read it."""

    role: str
    reason: str
    service_tier: str = ""
    latency: str = ""
    effort: str = ""
    cache_hour: bool = False

    def within_budget(self) -> "Route":
        """Return the small role in place of a frontier one that the allowance will not bear."""
        reason = namedtexts.BUDGET % {"reason": self.reason}
        return replace(self, role=Role.SMALL, reason=reason[:200])


def route_of(tenant: TenantContext, request: ModelRequest) -> Route:
    """Return the route of a call. Raises ChoiceNotInPlan, FrontierOff, FeatureOff."""
    row = route_policy(tenant.plan, request.feature)
    if request.feature in FEATURES:
        feature_require(request.feature)
    if request.thorough and not row.choice:
        raise ChoiceNotInPlan
    frontier = assistant_of(tenant).frontier
    if request.thorough and not frontier:
        raise FrontierOff
    role, reason = _role(row, request)
    if role == Role.FRONTIER and not frontier:
        role, reason = Role.SMALL, (namedtexts.ADMINS % {"reason": reason})[:200]
    if pictures_in(request.messages):
        role, reason = _seeing(tenant, role, reason, frontier=frontier)
    return Route(role, reason, row.service_tier, row.latency, row.effort, row.cache_hour)


def _seeing(tenant: TenantContext, role: str, reason: str, *, frontier: bool) -> tuple[str, str]:
    """Return a role whose model sees pictures. Raises PictureNotMasked, PicturesUnseen."""
    pictures_require(tenant)
    if sees(tenant, role):
        return role, reason
    if role == Role.FRONTIER:
        return Role.SMALL, namedtexts.SMALL_SEES
    assert frontier  # else `pictures_require` has raised
    return Role.FRONTIER, namedtexts.FRONTIER_SEES


def _role(row: RoutePolicy, request: ModelRequest) -> tuple[str, str]:
    if request.thorough:
        return Role.FRONTIER, namedtexts.THOROUGH
    if row.role == Role.FRONTIER:
        return Role.FRONTIER, namedtexts.SERVES % {"feature": request.feature}
    least, score = row.least_grounding, request.grounding
    if score is not None and least is not None and score < least:
        reason = namedtexts.GROUNDED % {"score": f"{score:.2f}", "least": f"{least:.2f}"}
        return Role.FRONTIER, reason
    rounds = tool_rounds(request.messages)
    if row.tool_rounds is not None and rounds >= row.tool_rounds:
        return Role.FRONTIER, namedtexts.ROUNDS % {"rounds": rounds}
    if row.context_tokens is not None:
        tokens = tokens_to_read(request)
        if tokens > row.context_tokens:
            return Role.FRONTIER, namedtexts.TOKENS % {"tokens": f"{tokens:,}"}
    return Role.SMALL, namedtexts.FIRST


def regenerates_below(tenant: TenantContext, feature: str) -> float | None:
    """Return the grounding below which an answer is made once more, None where it never is."""
    least = route_policy(tenant.plan, feature).least_grounding
    return None if least is None else float(least)


def may_choose(tenant: TenantContext, feature: str) -> bool:
    """Say whether plan and admins let users choose the frontier model for a feature."""
    return route_policy(tenant.plan, feature).choice and assistant_of(tenant).frontier


def tool_rounds(messages: Sequence[Json]) -> int:
    """Count the rounds of tool results since the user last spoke."""
    rounds = 0
    for message in reversed(messages):
        if any("toolResult" in block for block in message["content"]):
            rounds += 1
        elif message["role"] == "user":
            break
    return rounds


def tokens_to_read(request: ModelRequest) -> int:
    """Return about how many tokens a call reads; reservations use a bound instead."""
    parts: list[Any] = [request.system, without_pictures(request.messages), request.tools]
    return len(json.dumps(parts, ensure_ascii=False, default=str)) // WRITTEN_PER_TOKEN


def policy_routed(tenant: TenantContext, route: Route) -> Policy:
    """Return the policy of a route; what the model does not offer is left out of it.

    A tier has prices of its own, under the model's key and `@` the tier. Provisioned throughput
    knows no tiers.
    """
    policy = policy_of(tenant, route.role)
    model = policy.model
    asked = replace(
        policy,
        reason=route.reason,
        effort=route.effort if model.supports_effort else "",
        cache_hour=route.cache_hour,
    )
    tier = route.service_tier if route.service_tier in model.service_tiers else ""
    latency = route.latency if model.optimized_latency and not tier else ""
    if policy.provisioned or not (tier or latency):
        return asked
    return replace(
        asked,
        price_model=f"{policy.price_model}@{tier or latency}",
        service_tier=tier,
        latency=latency,
    )


def route_policy(plan: str, feature: str) -> RoutePolicy:
    """Return the most particular row for a plan and feature; without any, small serves alone."""
    key = ("route", plan, feature)
    found = kept.get(key, version := governance.version())
    if isinstance(found, RoutePolicy):
        return found
    rows = RoutePolicy.objects.filter(Q(feature="") | Q(feature=feature)).filter(
        Q(plan="") | Q(plan=plan)
    )
    ranks: Mapping[tuple[bool, bool], RoutePolicy] = {
        (bool(row.feature), bool(row.plan)): row for row in rows
    }
    row = ranks[max(ranks)] if ranks else RoutePolicy()
    kept.put(key, row, version)
    return row
