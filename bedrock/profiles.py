"""Application inference profiles: what carries the tags by which AWS's bill tells tenants apart.

A profile is immutable and holds one model. When a route points to another model, a profile is made
under a new name and the row moves to it; calls under way keep the old one.
https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-create.html
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bedrock.deployment import account_id, resource_prefix
from bedrock.models import InferenceProfile, Model, ModelRoute
from bedrock.policy import geography
from tenants.aws import ops_client


@dataclass(frozen=True, slots=True)
class _Wanted:
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


def source_arn(region: str, route: ModelRoute) -> str:
    """Return what a route's profiles are copied from in a Region."""
    if route.source:
        return f"arn:aws:bedrock:{region}:{account_id()}:inference-profile/{route.source}"
    return f"arn:aws:bedrock:{region}::foundation-model/{route.model_id}"


def profiles_ensure(region: str, owners: Sequence[tuple[str, UUID | None]]) -> list[str]:
    """Make the profile of every role for each (plan, tenant or None); return what was made."""
    bedrock = ops_client("bedrock", region)
    there = {
        found["inferenceProfileName"]: found["inferenceProfileArn"]
        for page in bedrock.get_paginator("list_inference_profiles").paginate(
            typeEquals="APPLICATION"
        )
        for found in page["inferenceProfileSummaries"]
    }
    rows = {
        (row.plan, row.tenant_id, row.role): row
        for row in InferenceProfile.objects.filter(region=region)
    }
    made = []
    for route in routes_of(region):
        for plan, tenant_id in owners:
            source = source_arn(region, route)
            wanted = _Wanted(route.role, plan, tenant_id, route.model, source, region)
            row = rows.get((plan, tenant_id, route.role))
            arn = there.get(wanted.name)
            if row is not None and arn is not None and row.arn == arn:
                continue
            if arn is None:
                arn = _created(bedrock, wanted)
                made.append(f"profile {wanted.name}")
            _stored(wanted, arn)
    return made


def _created(bedrock: Any, wanted: _Wanted) -> str:
    answer = bedrock.create_inference_profile(
        inferenceProfileName=wanted.name,
        description=f"{wanted.model.name} for {wanted.tenant_id or wanted.plan}",
        modelSource={"copyFrom": wanted.source},
        tags=[{"key": key, "value": value} for key, value in wanted.tags.items()],
    )
    return str(answer["inferenceProfileArn"])


def _stored(wanted: _Wanted, arn: str) -> None:
    InferenceProfile.objects.update_or_create(
        region=wanted.region,
        role=wanted.role,
        plan=wanted.plan,
        tenant_id=wanted.tenant_id,
        defaults={
            "model": wanted.model,
            "name": wanted.name,
            "arn": arn,
            "source": wanted.source,
        },
    )
