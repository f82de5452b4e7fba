"""Record what a call may use before it is sent, and the attempts that brought no answer."""

from typing import Any, Final
from uuid import UUID

from django.db import connection

from bedrock.failures import Failure
from bedrock.models import FailedAttempt
from bedrock.policy import GuardrailPolicy, Policy
from billing.admission import Along, Reservation
from tenants.context import Actor, current

RECORD: Final = """
    INSERT INTO bedrock_policydecision
           (id, tenant_id, request_id, call, reservation_id, feature, user_id, api_key_id, region,
            operation, role, reason, service_tier, model_id, profile_arn, guardrail_id,
            guardrail_version, stream_mode, max_tokens)
    SELECT gen_random_uuid(), %s, %s, admitted.o_call, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
           %s, %s, %s, %s
      FROM admitted WHERE cardinality(admitted.o_refused) = 0
"""

BEFORE: Final = "WITH admitted AS (SELECT %s::integer AS o_call, '{}'::text[] AS o_refused)"


def decision_along(
    *,
    actor: Actor,
    feature: str,
    request_id: UUID,
    operation: str,
    policy: Policy | None = None,
    guardrail: GuardrailPolicy | None = None,
    stream: bool = False,
    max_tokens: int | None = None,
    reason: str = "",
) -> Along:
    """Return the record of one call's decision, stored together with its reservation.

    A call without a record is not sent.
    """
    tenant = current()

    def row(reservation_id: UUID) -> list[Any]:
        return [
            tenant.id,
            request_id,
            reservation_id,
            feature,
            actor.user_id,
            actor.api_key_id,
            tenant.region,
            operation,
            policy.role if policy else "",
            (policy.reason if policy else reason)[:200],
            policy.service_tier if policy else "",
            policy.model.model_id if policy else "",
            policy.profile_arn if policy else "",
            guardrail.id if guardrail else "",
            guardrail.version if guardrail else "",
            guardrail.stream_mode if guardrail and stream else "",
            max_tokens,
        ]

    return Along(RECORD, row)


def decision_record(
    reservation: Reservation, *, operation: str, policy: Policy | None = None
) -> None:
    """Store the decision of a call that was admitted before: a batch job's."""
    actor = Actor(reservation.user_id, "member", "task", reservation.api_key_id)
    along = decision_along(
        actor=actor,
        feature=reservation.feature,
        request_id=reservation.request_id,
        operation=operation,
        policy=policy,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            BEFORE + RECORD,
            [reservation.call, *along.parameters(reservation.id)],
        )


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
