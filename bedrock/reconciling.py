"""Keep rows and AWS's inference profiles the same: make, mend, retire, delete, count.

Whom a profile is for follows from plans, tiers, tenants and routes as they are now, so one run puts
right a new tenant, a changed plan, a changed route and a workspace that was deleted. What serves no
new call is kept while something may still use it: a decision of the last hour names it. The row
stays for good, since bills and logs of old calls name its ARN.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bedrock import policy
from bedrock.calls import Json
from bedrock.deployment import resource_prefix
from bedrock.errors import ProfileQuotaReached
from bedrock.models import InferenceProfile, PolicyDecision, ProfileCheck
from bedrock.profiles import (
    AS_IT_SHOULD_BE,
    Owner,
    Wanted,
    application_profiles,
    profile_ensure,
    profile_quota,
    regions_noted,
    wanted_profiles,
)
from tenants.aws import ClientError, ops_client

log = structlog.get_logger(__name__)

UNUSED_FOR: Final = timedelta(hours=1)
TAGS_EVERY: Final = timedelta(hours=1)  # one call a profile, so not with every run
WARN_FROM: Final = 0.9  # of the quota


def profiles_reconcile(region: str, owners: Sequence[Owner]) -> list[str]:
    """Put a Region's profiles right and record what was found; return what was done, in words.

    Reaching the quota is recorded as a warning: who has no profile of its own is served by its
    plan's. Runs under the owner's login, alone, outside transactions.
    """
    there = application_profiles(region)
    wanted = wanted_profiles(region, owners)
    done, refused = _made(wanted, there)
    done += _retired(region, wanted)
    done += _tags_mended(region, wanted)
    regions_noted(region, there)
    known = _deleted(region, there, done)
    foreign = _orphans_deleted(region, there, known, done)
    policy.forget()
    _recorded(region, there, foreign, done, refused)
    return done


def _made(wanted: Sequence[Wanted], there: dict[str, Json]) -> tuple[list[str], str]:
    done: list[str] = []
    for each in wanted:
        try:
            done += profile_ensure(each, there)
        except ProfileQuotaReached as error:
            log.error("profiles.quota_reached", region=each.region, profile=each.name)
            return done, error.detail
    return done, ""


def _retired(region: str, wanted: Sequence[Wanted]) -> list[str]:
    """Retire what nobody is served by any more: a plan or tier changed, a tenant is gone."""
    names = {each.name for each in wanted}
    done = []
    for row in InferenceProfile.objects.filter(region=region, retired_at=None):
        if row.name not in names:
            row.retired_at, row.state = datetime.now(UTC), "not wanted any more"
            row.save(update_fields=["retired_at", "state"])
            done.append(f"retired {row.name}")
    return done


def _tags_mended(region: str, wanted: Sequence[Wanted]) -> list[str]:
    """Compare tags with what they should be: the role's policies and the bill rest on them."""
    bedrock = ops_client("bedrock", region)
    tags_of = {each.name: each.tags for each in wanted}
    now = datetime.now(UTC)
    done = []
    for row in InferenceProfile.objects.filter(region=region, retired_at=None):
        if row.state == AS_IT_SHOULD_BE and row.checked_at and now - row.checked_at < TAGS_EVERY:
            continue
        found = tags(region, row.arn)
        right = tags_of[row.name]
        if wrong := sorted(key for key in right if found.get(key) != right[key]):
            bedrock.tag_resource(
                resourceARN=row.arn,
                tags=[{"key": key, "value": right[key]} for key in wrong],
            )
            done.append(f"tags {', '.join(wrong)} of {row.name}")
        if extra := sorted({"TenantId"} & (set(found) - set(right))):
            bedrock.untag_resource(resourceARN=row.arn, tagKeys=extra)
            done.append(f"took tags {', '.join(extra)} off {row.name}")
        mended = f"mended tags: {', '.join([*wrong, *extra])}" if wrong or extra else ""
        row.state, row.checked_at = mended or AS_IT_SHOULD_BE, now
        row.save(update_fields=["state", "checked_at"])
    return done


def _deleted(region: str, there: dict[str, Json], done: list[str]) -> set[str]:
    """Delete retired profiles that nothing uses; return the ARNs of all that rows know."""
    rows = list(InferenceProfile.objects.filter(region=region, deleted_at=None))
    for row in rows:
        if row.retired_at is None or _in_use(row.arn, row.retired_at):
            continue
        profile_delete(region, row.arn)
        there.pop(row.arn, None)
        row.deleted_at, row.state = datetime.now(UTC), "deleted"
        row.save(update_fields=["deleted_at", "state"])
        done.append(f"deleted {row.name}")
    return {row.arn for row in rows}


def _orphans_deleted(region: str, there: dict[str, Json], known: set[str], done: list[str]) -> int:
    """Delete profiles of this deployment that no row knows; return how many others there are."""
    foreign = 0
    for arn, found in list(there.items()):
        if arn in known:
            continue
        if tags(region, arn).get("Deployment") != resource_prefix():
            foreign += 1
        elif not _in_use(arn, found["createdAt"]):
            profile_delete(region, arn)
            del there[arn]
            done.append(f"deleted {found['inferenceProfileName']}, which no row knew")
    return foreign


def _in_use(arn: str, since: datetime) -> bool:
    """Say whether a call of the last hour may still be using a profile."""
    young = datetime.now(UTC) - UNUSED_FOR
    recent = PolicyDecision.objects.filter(created_at__gte=young, profile_arn=arn)
    # A process keeps a policy for seconds, so what retired just now may be named once more.
    return datetime.now(UTC) - since < timedelta(seconds=policy.KEEP_SECONDS) or recent.exists()


def tags(region: str, arn: str) -> dict[str, str]:
    """Return a profile's tags."""
    answer = ops_client("bedrock", region).list_tags_for_resource(resourceARN=arn)
    return {tag["key"]: tag["value"] for tag in answer["tags"]}


def profile_delete(region: str, arn: str) -> None:
    """Delete a profile from AWS; one that is gone is no error."""
    try:
        ops_client("bedrock", region).delete_inference_profile(inferenceProfileIdentifier=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def _recorded(
    region: str, there: dict[str, Json], foreign: int, done: list[str], refused: str
) -> None:
    quota = profile_quota(region)
    warning = refused
    if not warning and len(there) >= WARN_FROM * quota:
        warning = f"{len(there)} of {quota} profiles are used: ask AWS for a higher quota."
    waiting = InferenceProfile.objects.filter(region=region, deleted_at=None)
    ProfileCheck.objects.update_or_create(
        region=region,
        defaults={
            "total": len(there),
            "foreign": foreign,
            "waiting": waiting.exclude(retired_at=None).count(),
            "done": "\n".join(done),
            "warning": warning[:200],
            "checked_at": datetime.now(UTC),
        },
    )
    log.info("profiles.reconciled", region=region, total=len(there), done=done, warning=warning)
