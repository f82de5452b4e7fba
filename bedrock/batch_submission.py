"""The calls about a batch job: admission, creation, looks, stop, under the ops role.

A job is never made twice: it carries our row's id as client token and in its name, and where an
answer was lost it is looked up by that name.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html
"""

from datetime import timedelta
from typing import Any, Final

import structlog

from bedrock.decisions import decision_record
from bedrock.deployment import resource_prefix
from bedrock.failures import Kind, failure_of
from bedrock.models import BatchJob, PolicyDecision
from bedrock.policy import policy_of
from billing.admission import Estimate, Reservation, admit
from billing.lasting import reservation_of, reservation_patience
from billing.units import Unit
from tenants.aws import BotoCoreError, ClientError, ops_client, role_arn, translated
from tenants.context import Actor, current
from tenants.errors import TenantryError

log = structlog.get_logger(__name__)

HOURS: Final = 24  # until AWS lets a job expire
PATIENCE: Final = timedelta(hours=2 * HOURS)  # then the sweeper settles it as an estimate
PASSING: Final = (Kind.THROTTLED, Kind.PASSING, Kind.LOST)


class Unsent(Exception):
    """The job was not created; `passing` says whether it may be later."""

    def __init__(self, detail: str, *, passing: bool) -> None:
        super().__init__(detail)
        self.detail = detail
        self.passing = passing


def job_name(job: BatchJob) -> str:
    """Return the job's name in AWS, at most 63 characters; no other job has it."""
    return f"{resource_prefix()}-{job.id.hex}"


def submitted(job: BatchJob, *, source: str, target: str) -> str:
    """Return the ARN of the job in AWS, creating it at most once. Raises Unsent."""
    if (found := _found(job)) is not None:
        return found
    if job.stop_asked:
        raise Unsent("Stopped before it was submitted.", passing=False)
    try:
        _admitted(job)
    except TenantryError as error:
        raise Unsent(error.detail, passing=error.retryable) from error
    tags = {"TenantId": str(job.tenant_id), "Tier": current().plan, "Feature": job.feature}
    try:
        answer = ops_client("bedrock", job.region).create_model_invocation_job(
            jobName=job_name(job),
            clientRequestToken=job.id.hex,
            roleArn=role_arn("batch"),
            # Documented for models and system profiles only, not for application profiles.
            modelId=job.price_model,
            inputDataConfig={"s3InputDataConfig": {"s3Uri": source, "s3InputFormat": "JSONL"}},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": target}},
            timeoutDurationInHours=HOURS,
            tags=[{"key": key, "value": value} for key, value in tags.items()],
        )
    except (BotoCoreError, ClientError) as error:
        return _after_refusal(job, error)
    return str(answer["jobArn"])


def _after_refusal(job: BatchJob, error: Exception) -> str:
    """Return the job that exists in spite of an error, or raise Unsent."""
    failure = failure_of(error)
    if (found := _found(job)) is not None:
        return found
    quota = failure.aws_code == "ServiceQuotaExceededException"
    raise Unsent(failure.message, passing=quota or failure.kind in PASSING) from error


def _found(job: BatchJob) -> str | None:
    """Return the ARN of the job that bears our name. Raises AwsError."""
    bedrock = ops_client("bedrock", job.region)
    try:
        answer = bedrock.list_model_invocation_jobs(nameContains=job_name(job))
    except (BotoCoreError, ClientError) as error:
        raise translated(error) from error
    rows = answer.get("invocationJobSummaries", [])
    return str(rows[0]["jobArn"]) if rows else None


def _admitted(job: BatchJob) -> Reservation:
    """Reserve the job's upper bound in this month's quotas, once; then record its policy."""
    policy = policy_of(current(), "embedding")
    reservation = reservation_of(job.id)
    if reservation is None:
        reservation = admit(
            actor=Actor(user_id=job.user_id, role="member", kind="task"),
            feature=job.feature,
            request_id=job.id,
            estimate=Estimate(job.price_model, {Unit.BATCH_EMBEDDING: job.bound}),
            paced=False,
        )
    reservation_patience(reservation, PATIENCE)
    recorded = PolicyDecision.objects.filter(tenant_id=job.tenant_id, reservation_id=reservation.id)
    if not recorded.exists():
        decision_record(reservation, operation="ModelInvocationJob", policy=policy)
    return reservation


def looked_up(job: BatchJob) -> dict[str, Any]:
    """Return GetModelInvocationJob's answer; a job that is gone has Failed. Raises AwsError."""
    try:
        return dict(ops_client("bedrock", job.region).get_model_invocation_job(
            jobIdentifier=job.arn
        ))  # fmt: skip
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return {"status": "Failed", "message": "The job is no longer there."}
        raise translated(error) from error
    except BotoCoreError as error:
        raise translated(error) from error


def stop(job: BatchJob) -> None:
    """Ask AWS to stop the job; one that has just ended is no error. Raises AwsError."""
    try:
        ops_client("bedrock", job.region).stop_model_invocation_job(jobIdentifier=job.arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ConflictException", "ValidationException"):
            raise translated(error) from error
    except BotoCoreError as error:
        raise translated(error) from error
    log.info("batch.stop_asked", job=str(job.id), arn=job.arn)
