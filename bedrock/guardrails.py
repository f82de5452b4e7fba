"""The guardrails that stand in AWS: made, mended, numbered and pruned, as the rows have them.

A posture's guardrail serves all its workspaces; one of a workspace's own holds its posture's
definition and the topics that the workspace denies. AWS lets an account have a hundred in a Region,
so own ones come from a counted pool and some places are kept for postures. A guardrail has twenty
versions at most: those not in use any more are deleted, never one that a call of the last hour
carried. Runs under `staff` or `owner`, outside every tenant.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from bedrock.deployment import resource_prefix
from bedrock.guardraildrift import differs
from bedrock.models import Guardrail, GuardrailCheck, PolicyDecision, SafetyRules, Tier
from bedrock.postures import fingerprint, own_definition, postures
from bedrock.waiting import until_ready
from tenants.aws import ClientError, ops_client
from tenants.registry.models import Status, Tenant

log = structlog.get_logger(__name__)

VERSIONS_KEPT: Final = 3  # the newest ones, beside those in use
VERSIONS_AT_MOST: Final = 20
CARRIED: Final = timedelta(hours=1)  # a call that began with a version may still need it
AS_IT_SHOULD_BE: Final = "as it should be"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One guardrail as it should be."""

    name: str
    posture: str
    tenant_id: Any
    definition: Mapping[str, Any]

    @property
    def mark(self) -> str:
        return fingerprint(self.definition)

    @property
    def tags(self) -> dict[str, str]:
        tags = {"Deployment": resource_prefix(), "Posture": self.posture}
        return tags | ({"TenantId": str(self.tenant_id)} if self.tenant_id else {})


@dataclass(slots=True)
class _Standing:
    """A guardrail in AWS and what was done about it."""

    id: str = ""
    arn: str = ""
    numbers: dict[int, str] = field(default_factory=dict)  # version -> its description
    done: list[str] = field(default_factory=list)


def ensure_guardrails(region: str) -> list[str]:
    """Bring a Region's guardrails to what they should be; return what was done, in words."""
    bedrock = ops_client("bedrock", region)
    listed = _listed(bedrock)
    done: list[str] = []
    wanted = [*_postures(), *_own(region)]
    for each in wanted:
        done += _ensured(bedrock, region, each, listed)
    done += _retired(bedrock, region, {each.tenant_id for each in wanted})
    _noted(region, [found["name"] for found in listed], done)
    return done


def _postures() -> Iterator[_Wanted]:
    for posture, definition in postures().items():
        yield _Wanted(f"{resource_prefix()}-{posture}", posture, None, definition)


def _own(region: str) -> Iterator[_Wanted]:
    """Yield the workspaces' own guardrails: those with topics, whose plan has them and a place."""
    plans = list(Tier.objects.filter(own_guardrail=True).values_list("plan", flat=True))
    claimed = Guardrail.objects.filter(region=region, tenant_id__isnull=False)
    tenants = Tenant.objects.exclude(status=Status.DELETED).filter(
        region=region, plan__in=plans, id__in=claimed.values_list("tenant_id", flat=True)
    )
    for tenant in tenants.order_by("slug"):
        rules = SafetyRules.objects.filter(tenant_id=tenant.id).order_by("-version").first()
        if rules is not None and rules.topics:
            definition = own_definition(tenant.posture, rules.topics)
            name = f"{resource_prefix()[:17]}-{tenant.id.hex}"
            yield _Wanted(name, tenant.posture, tenant.id, definition)


def _listed(bedrock: Any, **where: str) -> list[Any]:
    pages = bedrock.get_paginator("list_guardrails").paginate(**where)
    return [found for page in pages for found in page["guardrails"]]


def _ensured(bedrock: Any, region: str, wanted: _Wanted, listed: list[Any]) -> list[str]:
    """Make or mend one guardrail and its row; it is known by the row's id, else by its name."""
    rows = Guardrail.objects.filter(region=region, tenant_id=wanted.tenant_id)
    row = (rows if wanted.tenant_id else rows.filter(posture=wanted.posture)).first()
    standing = _Standing()
    known = row.guardrail_id if row else ""
    there = next((f for f in listed if f["id"] == known), None) or next(
        (f for f in listed if f["name"] == wanted.name), None
    )
    if there is not None:
        standing = _found(bedrock, wanted, there)
    elif row is not None and row.guardrail_id:
        standing.done.append("was deleted in AWS: made again")
    version = _version(bedrock, wanted, standing, row)
    standing.done += _tagged(bedrock, standing.arn, wanted.tags)
    Guardrail.objects.update_or_create(
        **({"tenant_id": wanted.tenant_id} if wanted.tenant_id else {"posture": wanted.posture}),
        region=region,
        **({} if wanted.tenant_id else {"tenant_id": None}),
        defaults={
            "posture": wanted.posture,
            "guardrail_id": standing.id,
            "arn": standing.arn,
            "version": version,
            "definition": wanted.definition,
            "fingerprint": wanted.mark,
            "state": ("; ".join(standing.done) or AS_IT_SHOULD_BE)[:120],
            "checked_at": datetime.now(UTC),
        },
    )
    standing.done += _pruned(bedrock, standing, keep=int(version), most=VERSIONS_KEPT)
    return [f"guardrail {wanted.name}: {line}" for line in standing.done]


def _found(bedrock: Any, wanted: _Wanted, listed: Any) -> _Standing:
    """Read a guardrail and its versions; bring a DRAFT that differs back to the definition.

    The versions' descriptions hold their fingerprints, so that one made by a run that was cut off,
    or known to a lost database, is found again.
    """
    standing = _Standing(listed["id"], listed["arn"])
    for found in _listed(bedrock, guardrailIdentifier=standing.id):
        if found["version"] != "DRAFT":
            standing.numbers[int(found["version"])] = found.get("description", "")
    draft = bedrock.get_guardrail(guardrailIdentifier=standing.id)
    if draft["name"] != wanted.name or differs(wanted.definition, draft):
        until_ready(bedrock, standing.id)
        bedrock.update_guardrail(
            guardrailIdentifier=standing.id, name=wanted.name, **wanted.definition
        )
        if wanted.mark in standing.numbers.values():
            standing.done.append("DRAFT differed: set back")
    return standing


def _version(bedrock: Any, wanted: _Wanted, standing: _Standing, row: Guardrail | None) -> str:
    """Return the newest version that has the definition; make one, or the guardrail itself."""
    if not standing.id:
        made = bedrock.create_guardrail(
            name=wanted.name,
            tags=[{"key": key, "value": value} for key, value in wanted.tags.items()],
            **wanted.definition,
        )
        standing.id, standing.arn = made["guardrailId"], made["guardrailArn"]
    fitting = [number for number, mark in standing.numbers.items() if mark == wanted.mark]
    if fitting:
        return str(max(fitting))
    current = int(row.version) if row and row.version.isdecimal() else 0
    if current and current not in standing.numbers and row and row.guardrail_id == standing.id:
        standing.done.append(f"version {current} was gone")
    if len(standing.numbers) >= VERSIONS_AT_MOST - 1:
        standing.done += _pruned(bedrock, standing, keep=current, most=VERSIONS_KEPT)
    until_ready(bedrock, standing.id)
    numbered = bedrock.create_guardrail_version(
        guardrailIdentifier=standing.id, description=wanted.mark
    )
    version = str(numbered["version"])
    standing.numbers[int(version)] = wanted.mark
    standing.done.append(f"version {version}")
    return version


def _tagged(bedrock: Any, arn: str, tags: Mapping[str, str]) -> list[str]:
    """Put missing and changed tags back; further ones are somebody else's."""
    found = {
        tag["key"]: tag["value"]
        for tag in bedrock.list_tags_for_resource(resourceARN=arn).get("tags", [])
    }
    missing = [{"key": k, "value": v} for k, v in tags.items() if found.get(k) != v]
    if not missing:
        return []
    bedrock.tag_resource(resourceARN=arn, tags=missing)
    return ["tags put back"]


def _pruned(bedrock: Any, standing: _Standing, *, keep: int, most: int) -> list[str]:
    """Delete versions that nothing uses: not the row's, not the newest, none just carried."""
    newest = sorted(standing.numbers, reverse=True)[:most]
    carried = set(
        PolicyDecision.objects.filter(
            guardrail_id=standing.id, created_at__gt=datetime.now(UTC) - CARRIED
        ).values_list("guardrail_version", flat=True)
    )
    done = []
    for number in sorted(standing.numbers):
        if number == keep or number in newest or str(number) in carried:
            continue
        try:
            bedrock.delete_guardrail(guardrailIdentifier=standing.id, guardrailVersion=str(number))
        except ClientError as error:  # it stays, and is tried again at the next check
            log.warning("guardrail.not_pruned", version=number, error=str(error)[:200])
            continue
        del standing.numbers[number]
        done.append(f"version {number} deleted")
    return done


def _retired(bedrock: Any, region: str, wanted: set[Any]) -> list[str]:
    """Delete own guardrails that nobody wants any more; their places are free again.

    The row goes first, so that within seconds no call names it; AWS's own goes when no call of the
    last hour carried it. Until then the row stays, without a version.
    """
    done = []
    rows = Guardrail.objects.filter(region=region, tenant_id__isnull=False)
    for row in rows.exclude(tenant_id__in=[each for each in wanted if each]):
        recent = PolicyDecision.objects.filter(
            guardrail_id=row.guardrail_id, created_at__gt=datetime.now(UTC) - CARRIED
        )
        if row.guardrail_id and recent.exists():
            if row.version:
                row.version, row.state = "", "is deleted when no call needs it any more"
                row.save(update_fields=["version", "state"])
            continue
        if row.guardrail_id:
            try:
                bedrock.delete_guardrail(guardrailIdentifier=row.guardrail_id)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
            done.append(f"guardrail {row.guardrail_id} deleted")
        row.delete()
    return done


def _noted(region: str, listed: list[str], done: list[str]) -> None:
    """Keep what the check found, for staff and for the pool's count."""
    check, _ = GuardrailCheck.objects.get_or_create(region=region)
    ours = len([name for name in listed if name.startswith(f"{resource_prefix()}-")])
    own = Guardrail.objects.filter(region=region, tenant_id__isnull=False).count()
    check.total, check.own, check.foreign = len(listed), own, len(listed) - ours
    free = check.quota - check.reserve - check.foreign - own
    check.warning = "" if free > 5 else f"{max(0, free)} places left for workspaces' own guardrails"
    if done or not check.done:
        check.done = "\n".join(done)
    check.checked_at = datetime.now(UTC)
    check.save()
