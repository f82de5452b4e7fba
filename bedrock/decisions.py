"""Record what a call may use before it is sent, and the attempts that brought no answer."""

from typing import Final
from uuid import UUID, uuid4

from django.db import connection

from bedrock.failures import Failure
from bedrock.models import FailedAttempt
from bedrock.policy import GuardrailPolicy, Policy
from billing.admission import Reservation
from tenants.context import current

# Not waiting for the disk saves a millisecond before every call. The settlement of the call waits,
# and flushes this row with its own: a crash can only lose both.
RECORD: Final = """
    WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO bedrock_policydecision
           (id, tenant_id, request_id, call, reservation_id, feature, user_id, api_key_id, region,
            operation, role, reason, service_tier, model_id, profile_arn, guardrail_id,
            guardrail_version, stream_mode, max_tokens)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM unhurried
"""


def decision_record(
    reservation: Reservation,
    *,
    operation: str,
    policy: Policy | None = None,
    guardrail: GuardrailPolicy | None = None,
    stream: bool = False,
    max_tokens: int | None = None,
) -> None:
    """Store the decision for one admitted call; a call without a record is not sent."""
    tenant = current()
    row: list[UUID | str | int | None] = [
        uuid4(),
        tenant.id,
        reservation.request_id,
        reservation.call,
        reservation.id,
        reservation.feature,
        reservation.user_id,
        reservation.api_key_id,
        tenant.region,
        operation,
        policy.role if policy else "",
        policy.reason[:200] if policy else "",
        policy.service_tier if policy else "",
        policy.model.model_id if policy else "",
        policy.profile_arn if policy else "",
        guardrail.id if guardrail else "",
        guardrail.version if guardrail else "",
        guardrail.stream_mode if guardrail and stream else "",
        max_tokens,
    ]
    with connection.cursor() as cursor:
        cursor.execute(RECORD, row)


def failure_record(
    reservation: Reservation, *, attempt: int, failure: Failure, billed: bool
) -> None:
    """Store an attempt that brought no answer."""
    FailedAttempt.objects.create(
        tenant_id=current().id,
        request_id=reservation.request_id,
        reservation_id=reservation.id,
        attempt=attempt,
        kind=failure.kind.value,
        aws_code=failure.aws_code,
        billed=billed,
    )
