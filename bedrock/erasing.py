"""Erasing a workspace: the profiles and the guardrail that were its alone.

At once, without the hour that a change of plan leaves to calls under way: nothing of an erased
workspace is served any more. The profiles' rows stay, since bills and logs name their ARNs.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db.models import QuerySet

from bedrock.models import Guardrail, InferenceProfile
from bedrock.reconciling import profile_delete
from tenants.aws import BotoCoreError, ClientError, ops_client, translated
from tenants.context import TenantContext
from tenants.lifecycle.steps import Erased


def profiles_erase(tenant: TenantContext) -> Sequence[Erased]:
    """Delete the workspace's own inference profiles. Raises AwsError."""
    erased = []
    for row in _profiles(tenant):
        try:
            profile_delete(row.region, row.arn)
        except (BotoCoreError, ClientError) as error:
            raise translated(error) from error
        row.deleted_at = datetime.now(UTC)
        row.retired_at, row.state = row.retired_at or row.deleted_at, "deleted"
        row.save(update_fields=["retired_at", "deleted_at", "state"])
        erased.append(Erased("inference profile", row.arn, 1))
    return erased


def profiles_left(tenant: TenantContext) -> int:
    """Return how many profiles of the workspace AWS may still have."""
    return _profiles(tenant).count()


def _profiles(tenant: TenantContext) -> QuerySet[InferenceProfile]:
    return InferenceProfile.objects.filter(tenant_id=tenant.id, deleted_at=None)


def guardrail_erase(tenant: TenantContext) -> Sequence[Erased]:
    """Delete the workspace's own guardrail with all its versions. Raises AwsError."""
    erased = []
    for row in Guardrail.objects.filter(tenant_id=tenant.id):
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


def guardrail_left(tenant: TenantContext) -> int:
    """Return how many guardrails of the workspace's own stand."""
    return Guardrail.objects.filter(tenant_id=tenant.id).count()
