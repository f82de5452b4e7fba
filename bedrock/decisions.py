"""Record what a call may use before it is sent, and the attempts that brought no answer."""

from bedrock.failures import Failure
from bedrock.models import FailedAttempt, PolicyDecision
from bedrock.policy import GuardrailPolicy, Policy
from billing.admission import Reservation
from tenants.context import current


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
    PolicyDecision.objects.create(
        tenant_id=tenant.id,
        request_id=reservation.request_id,
        call=reservation.call,
        reservation_id=reservation.id,
        feature=reservation.feature,
        user_id=reservation.user_id,
        api_key_id=reservation.api_key_id,
        region=tenant.region,
        operation=operation,
        role=policy.role if policy else "",
        model_id=policy.model.model_id if policy else "",
        profile_arn=policy.profile_arn if policy else "",
        guardrail_id=guardrail.id if guardrail else "",
        guardrail_version=guardrail.version if guardrail else "",
        stream_mode=guardrail.stream_mode if guardrail and stream else "",
        max_tokens=max_tokens,
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
