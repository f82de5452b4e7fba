"""Application inference profiles: what carries the tags by which AWS's bill tells tenants apart.

A profile is immutable and holds one model. When a route points to another model, a profile is made
under a new name and the row moves to it; calls under way keep the old one.
https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-create.html
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from bedrock.calls import Json
from bedrock.deployment import account_id, resource_prefix
from bedrock.errors import ProfileQuotaReached
from bedrock.models import (
    InferenceProfile,
    Model,
    ModelRoute,
    ProfileCheck,
    ProvisionedModel,
    Role,
)
from tenants.aws import ClientError, ops_client
from tenants.pinning import geography

AS_IT_SHOULD_BE: Final = "as it should be"
USUAL_QUOTA: Final = (
    1000  # of an account and Region, https://docs.aws.amazon.com/general/latest/gr/bedrock.html
)
_OURS: Final = re.compile(r":(application-inference-profile|provisioned-model)/")
Owner = tuple[str, UUID | None]  # plan, and the tenant where the profile is its own


@dataclass(frozen=True, slots=True)
class Wanted:
    """A profile as it should be."""

    role: str
    plan: str
    tenant_id: UUID | None
    model: Model
    source: str
    region: str

    @property
    def name(self) -> str:
        """At most 64 characters; the end changes with the source."""
        end = hashlib.sha256(self.source.encode()).hexdigest()[:6]
        owner = self.tenant_id.hex if self.tenant_id else f"{resource_prefix()} {self.plan[:20]}"
        return f"{owner} {self.role} {end}"

    @property
    def tags(self) -> dict[str, str]:
        """`TenantId` and `Tier` are what the role's policy compares with the session's tags."""
        tags = {
            "Deployment": resource_prefix(),
            "Tier": self.plan,
            "ModelRole": self.role,
            "Model": self.model.model_id,
        }
        return tags | ({"TenantId": str(self.tenant_id)} if self.tenant_id else {})


def routes_of(region: str) -> list[ModelRoute]:
    """Return the route in force for each role in a Region's geography."""
    today = datetime.now(UTC).date()
    begun = ModelRoute.objects.filter(geography=geography(region), starts_on__lte=today)
    latest: dict[str, ModelRoute] = {}
    for route in begun.select_related("model").order_by("starts_on"):
        latest[route.role] = route
    return list(latest.values())


def frontier_and_small(region: str) -> tuple[str, str]:
    """Return a Region's two models with the route before them; empty where it has none."""
    ids = {route.role: route.source or route.model_id for route in routes_of(region)}
    return ids.get(Role.FRONTIER, ""), ids.get(Role.SMALL, "")


def source_arn(region: str, route: ModelRoute) -> str:
    """Return what a route's profiles are copied from in a Region."""
    if route.source:
        return f"arn:aws:bedrock:{region}:{account_id()}:inference-profile/{route.source}"
    return f"arn:aws:bedrock:{region}::foundation-model/{route.model_id}"


def wanted_profiles(region: str, owners: Sequence[Owner]) -> list[Wanted]:
    """Return the profile of every role for each (plan, tenant or None)."""
    return [
        Wanted(route.role, plan, tenant_id, route.model, source_arn(region, route), region)
        for route in routes_of(region)
        for plan, tenant_id in owners
    ]


def application_profiles(region: str) -> dict[str, Json]:
    """Return every application profile of the account in a Region by its ARN, ours or not."""
    pages = (
        ops_client("bedrock", region)
        .get_paginator("list_inference_profiles")
        .paginate(typeEquals="APPLICATION")
    )
    return {
        found["inferenceProfileArn"]: dict(found)
        for page in pages
        for found in page["inferenceProfileSummaries"]
    }


def profiles_ensure(region: str, owners: Sequence[Owner]) -> list[str]:
    """Make the profile of every role for each (plan, tenant or None); return what was made.

    Raises ProfileQuotaReached.
    """
    there = application_profiles(region)
    made = []
    for wanted in wanted_profiles(region, owners):
        made += profile_ensure(wanted, there)
    return made


def profile_ensure(wanted: Wanted, there: dict[str, Json]) -> list[str]:
    """Let the row be in force and its profile stand in AWS; return what was made.

    A profile is immutable: another source is another profile, and the row of the old one retires.
    """
    row = InferenceProfile.objects.filter(
        region=wanted.region,
        role=wanted.role,
        plan=wanted.plan,
        tenant_id=wanted.tenant_id,
        retired_at=None,
    ).first()
    if row is not None and row.name == wanted.name and row.arn in there:
        return []
    named = [arn for arn, found in there.items() if found["inferenceProfileName"] == wanted.name]
    arn = named[0] if named else _created(wanted, there)
    now = datetime.now(UTC)
    with transaction.atomic():
        if row is not None:
            gone = row.arn not in there
            InferenceProfile.objects.filter(id=row.id).update(
                retired_at=now,
                deleted_at=now if gone else None,
                state="missing in AWS, made again" if gone else "replaced by another model",
            )
        InferenceProfile.objects.update_or_create(
            arn=arn,
            defaults={
                "region": wanted.region,
                "role": wanted.role,
                "plan": wanted.plan,
                "tenant_id": wanted.tenant_id,
                "model": wanted.model,
                "name": wanted.name,
                "source": wanted.source,
                "state": AS_IT_SHOULD_BE,
                "checked_at": now,
                "retired_at": None,
                "deleted_at": None,
            },
        )
    return [] if named else [f"profile {wanted.name}"]


def regions_noted(region: str, there: dict[str, Json]) -> None:
    """Keep in which Regions AWS may serve each profile's calls: those of the models behind it.

    A system profile routes to any Region of its geography, whichever it is called in.
    https://docs.aws.amazon.com/bedrock/latest/userguide/cross-region-inference.html
    """
    for row in InferenceProfile.objects.filter(region=region, retired_at=None):
        models = there.get(row.arn, {}).get("models", ())
        found = sorted({str(each["modelArn"]).split(":")[3] for each in models})
        if found and found != row.regions:
            row.regions = found
            row.save(update_fields=["regions"])


def _created(wanted: Wanted, there: dict[str, Json]) -> str:
    quota = profile_quota(wanted.region)
    if len(there) >= quota:
        raise ProfileQuotaReached(region=wanted.region, quota=quota)
    try:
        answer = ops_client("bedrock", wanted.region).create_inference_profile(
            inferenceProfileName=wanted.name,
            description=f"{wanted.model.name} for {wanted.tenant_id or wanted.plan}",
            modelSource={"copyFrom": wanted.source},
            tags=[{"key": key, "value": value} for key, value in wanted.tags.items()],
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ServiceQuotaExceededException":
            raise ProfileQuotaReached(region=wanted.region, quota=len(there)) from error
        raise
    arn = str(answer["inferenceProfileArn"])
    there[arn] = {"inferenceProfileName": wanted.name, "inferenceProfileArn": arn}
    return arn


def profile_quota(region: str) -> int:
    """Return how many application profiles the account may have in a Region, as staff know it."""
    kept = ProfileCheck.objects.filter(region=region).values_list("quota", flat=True).first()
    return kept if kept is not None else USUAL_QUOTA


def unknown_arns(called: Iterable[str]) -> set[str]:
    """Return which of these name a profile or throughput that no row knows."""
    wanted = {arn for arn in called if arn.startswith("arn:") and _OURS.search(arn)}
    if not wanted:
        return set()
    known = InferenceProfile.objects.filter(arn__in=wanted).values_list("arn", flat=True)
    bought = ProvisionedModel.objects.filter(arn__in=wanted).values_list("arn", flat=True)
    return wanted - set(known) - set(bought)
