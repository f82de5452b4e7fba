"""What a workspace that moves to another Region needs there of Bedrock, and leaves behind."""

from collections.abc import Sequence
from typing import Final

from django.db import connection

from bedrock import policy
from bedrock.batch_upkeep import jobs_left
from bedrock.erasing import guardrail_erase, guardrail_left, profiles_erase, profiles_left
from bedrock.errors import GuardrailPoolEmpty
from bedrock.knowledge_bases import base_erase, base_left
from bedrock.models import Guardrail, GuardrailCheck, Model, Role, SafetyRules, Tier
from bedrock.profiles import profiles_ensure, routes_of
from bedrock.provisioning import region_ensure
from bedrock.safety import topics_offered
from tenants.aws import BotoCoreError, ClientError, translated
from tenants.context import TenantContext
from tenants.errors import Conflict
from tenants.lifecycle.steps import Erased

CLAIM_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('bedrock.guardrails ' || %s))"
USUAL_ROOM: Final = 90  # own guardrails of a Region whose quota no check has looked at yet


def jobs_require(tenant: TenantContext) -> None:
    """Raise Conflict where batch jobs of the workspace are open: they are the old Region's."""
    if jobs_left(tenant):
        raise Conflict(
            "Batch jobs of it are open, and go on while it is active alone. Resume it, wait until"
            " its documents are ready (a day at most), and suspend it again."
        )


def region_require(tenant: TenantContext, target: str) -> None:
    """Raise where the target lacks a model that the workspace's Region has, or room.

    Conflict, or GuardrailPoolEmpty where the workspace denies topics.
    """
    there = {route.role: route.model for route in routes_of(target)}
    here = {route.role: route.model for route in routes_of(tenant.region)}
    if missing := sorted(here.keys() - there.keys()):
        raise Conflict(
            f"{target} has no model for {', '.join(missing)}. Give it one in Staff, Model routes."
        )
    embeds, embedded = there.get(Role.EMBEDDING), here.get(Role.EMBEDDING)
    if embeds and embedded and embeds.dimensions != embedded.dimensions:
        raise Conflict(
            f"{target} embeds in vectors of {embeds.dimensions} numbers, and the index keeps"
            f" {embedded.dimensions}. Give it a model of that length in Staff, Model routes, or"
            " choose another Region."
        )
    if _denies_topics(tenant):
        _room_require(tenant, target)


def embedding_model_of(region: str) -> Model | None:
    """Return the model that embeds in a Region by its route of today."""
    return next((route.model for route in routes_of(region) if route.role == Role.EMBEDDING), None)


def region_prepare(tenant: TenantContext, target: str) -> None:
    """Make what the target lacks, and the workspace's own profiles there. Raises AwsError."""
    region_ensure(target)
    if Tier.objects.filter(plan=tenant.plan, profiles=Tier.Profiles.TENANT).exists():
        try:
            profiles_ensure(target, [(tenant.plan, tenant.id)])
        except (BotoCoreError, ClientError) as error:
            raise translated(error) from error


def own_guardrail_claim(tenant: TenantContext, target: str) -> None:
    """Take a place for the workspace's own guardrail in the target's pool, where it has topics.

    In a transaction, as `bedrock_guardrail_claim` does for a tenant's role. Raises
    GuardrailPoolEmpty.
    """
    if not _denies_topics(tenant):
        return
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_LOCK, [target])
    _room_require(tenant, target)
    Guardrail.objects.get_or_create(
        tenant_id=tenant.id,
        region=target,
        defaults={"posture": tenant.posture, "state": "is being made"},
    )


def _denies_topics(tenant: TenantContext) -> bool:
    rules = SafetyRules.objects.filter(tenant_id=tenant.id).order_by("-version").first()
    return rules is not None and bool(rules.topics) and topics_offered(tenant.plan)


def _room_require(tenant: TenantContext, target: str) -> None:
    check = GuardrailCheck.objects.filter(region=target).first()
    room = check.quota - check.reserve - check.foreign if check else USUAL_ROOM
    own = Guardrail.objects.filter(region=target, tenant_id__isnull=False)
    if own.exclude(tenant_id=tenant.id).count() >= room:
        raise GuardrailPoolEmpty(
            f"All guardrails of {target} are taken, and it denies topics, which takes one of its"
            " own. Raise the quota at AWS and in Staff, Guardrail checks, or choose another Region."
        )


def region_leave(tenant: TenantContext, region: str) -> list[Erased]:
    """Delete the workspace's own profiles, guardrail and Knowledge Base in one Region."""
    gone: list[Sequence[Erased]] = [
        profiles_erase(tenant, region=region),
        guardrail_erase(tenant, region=region),
        base_erase(tenant, region=region),
    ]
    policy.forget()
    return [line for lines in gone for line in lines]


def region_left(tenant: TenantContext, region: str) -> int:
    """Return how many profiles, guardrails and Knowledge Bases of its own are in one Region."""
    return (
        profiles_left(tenant, region=region)
        + guardrail_left(tenant, region=region)
        + base_left(tenant, region=region)
    )
