"""Make what calls need in a Region: bucket, invocation log, guardrails, inference profiles.

Everything can be repeated: what is there and as it should be is left alone, and a run that finds
nothing to do makes one list call of each kind. Runs with the deployment's own AWS credentials, in
the right of `staff` or `owner`, outside every tenant; AWS is never called inside a transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import connection
from django.db.models import QuerySet

from bedrock import policy
from bedrock.costsetup import export_ensure, tags_ensure
from bedrock.deployment import (
    BILLING_REGION,
    COSTS_PREFIX,
    LOG_PREFIX,
    RAW_LOG_DAYS,
    UNASSIGNED_PREFIX,
)
from bedrock.guardrails import ensure_guardrails
from bedrock.knowledge_bases import region_knowledge_ensure
from bedrock.models import Guardrail, InferenceProfile, Model, Tier
from bedrock.profiles import Owner, application_profiles, profiles_ensure, regions_noted
from bedrock.reconciling import profiles_reconcile
from bedrock.roles import roles_ensure
from tenants.aws import BotoCoreError, ClientError, ops_client, translated
from tenants.context import PublicRole, TenantContext, public_scope
from tenants.deployment_objects import expiry_ensure
from tenants.lifecycle.naming import url_for
from tenants.objects import bucket, bucket_cors, bucket_ensure
from tenants.registry.models import Status, Tenant

log = structlog.get_logger(__name__)

LOCK = "bedrock.provisioning"
DEFAULT_REGION = "us-east-1"
UNASSIGNED_DAYS = 30
COST_DAYS = 100
UPLOAD_DAYS = 2  # the product ends what nobody completed within one itself


def regions_in_use() -> list[str]:
    """Return the default Region and those of living tenants."""
    used = Tenant.objects.exclude(status=Status.DELETED).values_list("region", flat=True)
    return sorted({DEFAULT_REGION, *used})


def tenants_with_profiles(region: str) -> list[tuple[str, Any]]:
    """Return (plan, tenant id) of the tenants of a Region that have profiles of their own."""
    plans = Tier.objects.filter(profiles=Tier.Profiles.TENANT).values_list("plan", flat=True)
    found = Tenant.objects.exclude(status=Status.DELETED).filter(
        region=region, plan__in=list(plans)
    )
    return list(found.order_by("slug").values_list("plan", "id"))


def region_ensure(region: str) -> list[str]:
    """Make what a Region lacks and return what was made, in words. Raises AwsError."""
    try:
        with _alone():
            made = [f"bucket {bucket(region)}"] if bucket_ensure(region) else []
            made += ensure_uploads(region)
            made += ensure_logging(region)
            made += ensure_expiry(region)
            made += ensure_guardrails(region)
            made += ensure_profiles(region)
            made += region_knowledge_ensure(region)
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    policy.forget()
    return made


def costs_ensure() -> list[str]:
    """Make what AWS's bill needs to tell tenants apart; return what was made. Raises AwsError."""
    try:
        return export_ensure() + tags_ensure()
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def cost_tags_ensure() -> list[str]:
    """Turn on those of our cost allocation tags that AWS has seen. Raises AwsError."""
    try:
        return tags_ensure()
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def ensure_profiles(region: str) -> list[str]:
    """Make each plan's profiles in a Region, and those of tenants that have their own."""
    made = profiles_ensure(region, profile_owners(region))
    regions_noted(region, application_profiles(region))
    return made


def profile_owners(region: str) -> list[Owner]:
    """Return for whom a Region has profiles: each plan, and tenants that have their own."""
    plans: list[Owner] = [(plan, None) for plan in Tier.objects.values_list("plan", flat=True)]
    return plans + tenants_with_profiles(region)


def reconcile_profiles(region: str) -> list[str]:
    """Put a Region's profiles right, alone; return what was done. Raises AwsError."""
    try:
        with _alone():
            return profiles_reconcile(region, profile_owners(region))
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


def reconcile_guardrails(region: str) -> list[str]:
    """Find and mend what has drifted between the guardrails' rows and AWS; return what was done."""
    try:
        with _alone():
            done = ensure_guardrails(region)
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    policy.forget()
    return done


def ensure_logging(region: str) -> list[str]:
    """Have every model call of the Region logged to the deployment's bucket."""
    bedrock = ops_client("bedrock", region)
    wanted = {
        "s3Config": {"bucketName": bucket(region), "keyPrefix": LOG_PREFIX},
        "textDataDeliveryEnabled": True,
        "imageDataDeliveryEnabled": False,
        "embeddingDataDeliveryEnabled": True,
    }
    found: dict[str, Any] = bedrock.get_model_invocation_logging_configuration().get(  # type: ignore[assignment]
        "loggingConfig", {}
    )
    if {key: found.get(key) for key in wanted} == wanted:
        return []
    bedrock.put_model_invocation_logging_configuration(loggingConfig=wanted)  # type: ignore[arg-type]
    return [f"invocation log to {bucket(region)}/{LOG_PREFIX}/"]


def ensure_expiry(region: str) -> list[str]:
    """Have the bucket let go of what the readers of logs left behind, and of unfinished uploads."""
    changed = expiry_ensure(
        region,
        {
            f"{LOG_PREFIX}/": RAW_LOG_DAYS,
            f"{UNASSIGNED_PREFIX}/": UNASSIGNED_DAYS,
            f"{COSTS_PREFIX}/": COST_DAYS,
        },
        unfinished=UPLOAD_DAYS,
    )
    return ["expiry of invocation logs and unfinished uploads"] if changed else []


def ensure_uploads(region: str) -> list[str]:
    """Let the workspaces' own pages send large files straight to the bucket."""
    changed = bucket_cors(region, [url_for("*")])
    return ["rule for uploads from pages"] if changed else []


def tenant_storage_ensure(tenant: TenantContext) -> None:
    """Onboarding's step: the Region's bucket, its log of calls and their expiry."""
    with public_scope("owner"):
        if _guardrails(tenant).exists():  # the Region was made whole before its first guardrail
            return
        with _alone(), _translating():
            bucket_ensure(tenant.region)
            ensure_uploads(tenant.region)
            ensure_logging(tenant.region)
            ensure_expiry(tenant.region)


def tenant_guardrail_ensure(tenant: TenantContext) -> None:
    """Onboarding's step: the guardrails of the Region, among them the tenant's posture's."""
    with public_scope("owner"):
        if _guardrails(tenant).exists():
            return
        with _alone(), _translating():
            made = ensure_guardrails(tenant.region)
    policy.forget()
    log.info("bedrock.provisioned", region=tenant.region, made=made)


def tenant_profiles_ensure(tenant: TenantContext) -> None:
    """Onboarding's step: the profiles that the tenant's plan has, or its own."""
    with public_scope("owner"):
        own = Tier.objects.filter(plan=tenant.plan, profiles=Tier.Profiles.TENANT).exists()
        if InferenceProfile.objects.filter(
            region=tenant.region,
            plan=tenant.plan,
            tenant_id=tenant.id if own else None,
            retired_at=None,
        ).exists():
            return
        with _alone(), _translating():
            made = ensure_profiles(tenant.region)
    policy.forget()
    log.info("bedrock.provisioned", region=tenant.region, made=made)


def _guardrails(tenant: TenantContext) -> QuerySet[Guardrail]:
    return Guardrail.objects.filter(region=tenant.region, posture=tenant.posture, tenant_id=None)


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error


@contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time provision: two would make every resource twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [LOCK])


def provision(regions: list[str], right: PublicRole, *, roles: bool = True) -> Iterator[str]:
    """Yield what is made, first the roles and then in each Region, as it is made."""
    if roles:
        yield from roles_ensure()
    with public_scope(right):
        wanted = regions or regions_in_use()
        for region in wanted:
            for line in region_ensure(region):
                yield f"{region}: {line}"
        if BILLING_REGION in wanted:  # the export needs this Region's bucket
            for line in costs_ensure():
                yield f"billing: {line}"


def abilities_set(right: PublicRole, *, extractive: bool) -> None:
    """Say in every text model's row whether it can translate and change tone."""
    with public_scope(right):
        Model.objects.filter(max_output__gt=0).update(
            supports_translate=not extractive, supports_tone=not extractive
        )
