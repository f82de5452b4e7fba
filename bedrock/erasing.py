"""Erasing a workspace: the profiles and the guardrail that were its alone.

At once, without the hour that a change of plan leaves to calls under way: nothing of an erased
workspace is served any more. The profiles' rows stay, since bills and logs name their ARNs.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from bedrock.deployment import LOG_PREFIX, RAW_LOG_DAYS
from bedrock.models import Guardrail, InferenceProfile, LoggedCall
from bedrock.reconciling import profile_delete
from tenants.aws import BotoCoreError, ClientError, ops_client, translated
from tenants.context import TenantContext
from tenants.lifecycle.steps import Erased
from tenants.objects import bucket

# The log of the last calls may still be on its way, and S3 lets go at the midnight after the days.
LATE_DAYS: Final = 1


def profiles_erase(tenant: TenantContext, *, region: str = "") -> Sequence[Erased]:
    """Delete the workspace's own inference profiles, all or one Region's. Raises AwsError."""
    erased = []
    for row in _profiles(tenant, region):
        try:
            profile_delete(row.region, row.arn)
        except (BotoCoreError, ClientError) as error:
            raise translated(error) from error
        row.deleted_at = datetime.now(UTC)
        row.retired_at, row.state = row.retired_at or row.deleted_at, "deleted"
        row.save(update_fields=["retired_at", "deleted_at", "state"])
        erased.append(Erased("inference profile", row.arn, 1))
    return erased


def profiles_left(tenant: TenantContext, *, region: str = "") -> int:
    """Return how many profiles of the workspace AWS may still have."""
    return _profiles(tenant, region).count()


def _profiles(tenant: TenantContext, region: str) -> QuerySet[InferenceProfile]:
    rows = InferenceProfile.objects.filter(tenant_id=tenant.id, deleted_at=None)
    return rows.filter(region=region) if region else rows


def guardrail_erase(tenant: TenantContext, *, region: str = "") -> Sequence[Erased]:
    """Delete the workspace's own guardrail with all its versions. Raises AwsError."""
    erased = []
    for row in _guardrails(tenant, region):
        if row.guardrail_id:
            try:
                ops_client("bedrock", row.region).delete_guardrail(
                    guardrailIdentifier=row.guardrail_id
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise translated(error) from error
            except BotoCoreError as error:
                raise translated(error) from error
            erased.append(Erased("guardrail", row.arn, 1))
        row.delete()
    return erased


def guardrail_left(tenant: TenantContext, *, region: str = "") -> int:
    """Return how many guardrails of the workspace's own stand."""
    return _guardrails(tenant, region).count()


def _guardrails(tenant: TenantContext, region: str) -> QuerySet[Guardrail]:
    rows = Guardrail.objects.filter(tenant_id=tenant.id)
    return rows.filter(region=region) if region else rows


def logs_expiring(tenant: TenantContext) -> Sequence[Erased]:
    """Say by when the shared raw log, which cannot be erased for one alone, has expired.

    S3 counts whole days and rounds up to midnight UTC
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html).
    """
    last = datetime.now(UTC) + timedelta(days=RAW_LOG_DAYS + LATE_DAYS + 1)
    until = last.replace(hour=0, minute=0, second=0, microsecond=0)
    calls = LoggedCall.objects.filter(tenant_id=tenant.id).count()
    where = f"bucket {bucket(tenant.region)}, {LOG_PREFIX}/"
    return [Erased("calls in the shared raw log", where, calls, until)]


def logs_left(_: TenantContext) -> int:
    """Return 0: the log expires by itself, by the day that the receipt names."""
    return 0
