"""Resolve what one call may use: Region, model, profile and guardrail of the entered tenant.

The rows change by a staff edit or a provisioning run, so each process keeps what it read until one
is edited (`tenants.governance`): a resolved call costs no statement.
"""

import threading
import time
from dataclasses import dataclass
from typing import Final

from django.db.models import F, Q
from django.utils.translation import gettext

from bedrock.errors import NotProvisioned, OutsideRegion
from bedrock.models import Guardrail, InferenceProfile, Model, ProvisionedModel
from bedrock.postures import anonymizes_input, looks_at_pictures
from tenants import governance
from tenants.context import TenantContext
from tenants.pinning import geography

KEEP_SECONDS: Final = 60.0
KEEP_AT_MOST: Final = 5000  # entries; about 1 kB each


@dataclass(frozen=True, slots=True)
class GuardrailPolicy:
    """The guardrail that a tenant's calls carry, at its numbered version.

    `least_grounding` is its threshold for an answer's grounding, if it checks that.
    """

    id: str
    arn: str
    version: str
    stream_mode: str
    blocked_input: str
    blocked_output: str
    policies: frozenset[str]  # those of the definition that bill text units
    own: bool = False
    least_grounding: float | None = None
    masks: bool = False  # personal data is replaced before a text is used
    sees: bool = False  # its content filters look at pictures that come in


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that a call of one role carries.

    `price_model` tells the rate card by which route the model is reached: the id of the system
    profile (`us.amazon.nova-lite-v1:0`), or the model's own id within one Region; `@flex` and the
    like behind it tell a tier, `@provisioned` throughput that is paid by the hour. `profile_arn` is
    what is called: the inference profile, or the provisioned model. `reason` says why the role
    serves.
    """

    region: str
    role: str
    model: Model
    price_model: str
    profile_arn: str
    guardrail: GuardrailPolicy
    provisioned: bool = False
    reason: str = ""
    service_tier: str = ""
    latency: str = ""
    effort: str = ""
    cache_hour: bool = False


_all: "list[Kept]" = []


class Kept:
    """Values by key until the rows are edited. Two threads may read the same at once: no harm."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], tuple[int, float, object]] = {}
        self._lock = threading.Lock()
        _all.append(self)

    def get(self, key: tuple[str, ...], version: int) -> object | None:
        found = self._kept.get(key)
        if found is None or found[0] != version or found[1] < time.monotonic():
            return None
        return found[2]

    def put(self, key: tuple[str, ...], value: object, version: int) -> None:
        """Keep what was read after `version` was asked for."""
        with self._lock:
            if len(self._kept) >= KEEP_AT_MOST:
                self._kept.clear()
            self._kept[key] = (version, time.monotonic() + KEEP_SECONDS, value)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
        governance.look_again()


kept = Kept()


def forget() -> None:
    """Drop what this process keeps, after its own edit of the rows."""
    for each in _all:
        each.clear()


def policy_of(tenant: TenantContext, role: str) -> Policy:
    """Return the policy of `role` for the entered tenant.

    Raises NotProvisioned when the Region lacks a profile or guardrail, and OutsideRegion when a row
    points elsewhere: both before anything is sent.
    """
    key = (tenant.id.hex, tenant.plan, tenant.posture, tenant.region, role)
    found = kept.get(key, version := governance.version())
    if isinstance(found, Policy):
        return found
    profile = (
        InferenceProfile.objects.filter(region=tenant.region, role=role, retired_at=None)
        .filter(Q(tenant_id=tenant.id) | Q(tenant_id=None), plan=tenant.plan)
        .select_related("model")
        .order_by(F("tenant_id").asc(nulls_last=True))
        .first()
    )
    if profile is None:
        raise NotProvisioned(
            gettext("%(region)s has no %(role)s profile for the plan %(plan)s.")
            % {"region": tenant.region, "role": role, "plan": tenant.plan}
        )
    _check_region(tenant.region, profile.arn)
    _check_geography(tenant.region, profile.source)
    provisioned = _provisioned(tenant, role)
    if provisioned is not None:
        _check_region(tenant.region, provisioned.arn)
        policy = Policy(
            region=tenant.region,
            role=role,
            model=provisioned.model,
            price_model=f"{provisioned.model_id}@provisioned",
            profile_arn=provisioned.arn,
            guardrail=guardrail_of(tenant),
            provisioned=True,
        )
    else:
        policy = Policy(
            region=tenant.region,
            role=role,
            model=profile.model,
            price_model=profile.source.split("/", 1)[1],
            profile_arn=profile.arn,
            guardrail=guardrail_of(tenant),
        )
    kept.put(key, policy, version)
    return policy


def _provisioned(tenant: TenantContext, role: str) -> ProvisionedModel | None:
    """Return the throughput that serves a role: the tenant's own, its plan's, or everybody's."""
    return (
        ProvisionedModel.objects.filter(region=tenant.region, role=role, serving=True)
        .filter(Q(tenant_id=tenant.id) | Q(tenant_id=None))
        .filter(Q(plan=tenant.plan) | Q(plan=""))
        .select_related("model")
        .order_by(F("tenant_id").asc(nulls_last=True), F("plan").desc())
        .first()
    )


def guardrail_of(tenant: TenantContext) -> GuardrailPolicy:
    """Return the tenant's own guardrail, where it has one that is made, else its posture's.

    Raises NotProvisioned, OutsideRegion.
    """
    key = ("guardrail", tenant.id.hex, tenant.posture, tenant.region)
    found = kept.get(key, version := governance.version())
    if isinstance(found, GuardrailPolicy):
        return found
    own = Guardrail.objects.filter(
        tenant_id=tenant.id, region=tenant.region, posture=tenant.posture
    ).exclude(version="")
    shared = Guardrail.objects.filter(tenant_id=None, region=tenant.region, posture=tenant.posture)
    row = own.first() or shared.first()
    if row is None or not row.version.isdecimal():
        raise NotProvisioned(
            gettext("%(region)s has no guardrail for the posture %(posture)s.")
            % {"region": tenant.region, "posture": tenant.posture}
        )
    _check_region(tenant.region, row.arn)
    filters = row.definition.get("contextualGroundingPolicyConfig", {}).get("filtersConfig", ())
    policy = GuardrailPolicy(
        id=row.guardrail_id,
        arn=row.arn,
        version=row.version,
        stream_mode=row.stream_mode,
        blocked_input=row.definition["blockedInputMessaging"],
        blocked_output=row.definition["blockedOutputsMessaging"],
        policies=frozenset(name for name in row.definition if name.endswith("PolicyConfig")),
        own=row.tenant_id is not None,
        least_grounding=next((f["threshold"] for f in filters if f["type"] == "GROUNDING"), None),
        masks=anonymizes_input(row.definition),
        sees=looks_at_pictures(row.definition),
    )
    kept.put(key, policy, version)
    return policy


def _check_region(region: str, arn: str) -> None:
    if arn.split(":")[3] != region:
        raise OutsideRegion(f"{arn} is not in {region}.")


def _check_geography(region: str, source: str) -> None:
    """Refuse a source that may serve elsewhere: `global.` ones, and other geographies' ones."""
    kind, _, name = source.split(":", 5)[5].partition("/")
    if kind == "inference-profile" and name.split(".", 1)[0] != geography(region):
        raise OutsideRegion(f"{source} may serve outside {region}'s geography.")
    _check_region(region, source)
