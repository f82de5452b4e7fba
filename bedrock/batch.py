"""Embedding by batch inference jobs: one job, of one tenant, in steps that each leave a trace.

    planned -> written -> submitted -> ended -> settled -> done

A step that was cut off is done again by whoever comes next, and doing it again changes nothing: the
input has one key, the job one token and one name, the ledger one key. The job runs under the batch
role and is made under the ops role, since a tenant's session that may pass a service role could
read other tenants' prefixes; its input and output lie under the tenant's own prefix.
https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
from django.db.models import F, Q
from django.db.models.functions import Now

from bedrock import batch_submission as submission
from bedrock.batch_submission import Unsent
from bedrock.embedding_formats import Format, format_of
from bedrock.embedding_rule import LEAST_RECORDS
from bedrock.estimates import tokens_of
from bedrock.masking import Masked, masks
from bedrock.metering import MeteredCall
from bedrock.models import BatchJob, BatchRule
from bedrock.policy import policy_of
from bedrock.watching import ModelWatch
from billing.lasting import reservation_of
from billing.units import Unit
from tenants.aws import AwsError
from tenants.context import current
from tenants.errors import TenantryError
from tenants.objects import object_get, object_lines, object_location, object_put, objects_delete

log = structlog.get_logger(__name__)

State = BatchJob.State
ENDED: Final = ("Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired")
CLAIM: Final = timedelta(seconds=120)
TRIES: Final = 12  # of a submission that is throttled or out of quota: about an hour
FIRST_PAUSE: Final = 2.0  # seconds
LONGEST_PAUSE: Final = 600.0
INPUT: Final = "records.jsonl"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record: its vector, or why it has none."""

    record_id: str
    vector: list[float] | None
    error: str = ""


class Source(Protocol):
    """Whose texts a job embeds; every method may be called again after a crash."""

    def records(self, job: BatchJob) -> Iterator[tuple[str, str]]:
        """Return record ids (11 letters or digits at least) and texts, the same each time."""

    def progress(self, job: BatchJob) -> None:
        """Take note that more of the job is processed."""

    def take(self, job: BatchJob, results: Iterator[Result]) -> None:
        """Keep the vectors. Records that are not among the results were not processed."""


def job_plan(*, feature: str, user_id: UUID | None) -> BatchJob:
    """Put a job on record, in the transaction that says which texts are its own."""
    tenant = current()
    policy = policy_of(tenant, "embedding")
    return BatchJob.objects.create(
        tenant_id=tenant.id,
        region=tenant.region,
        feature=feature,
        user_id=user_id,
        model_id=policy.model.model_id,
        price_model=policy.price_model.partition("@")[0],
    )


def job_stop(job_id: UUID) -> None:
    """Ask for a job's end: nobody wants its results any more. The next look stops it in AWS."""
    BatchJob.objects.filter(id=job_id, tenant_id=current().id).exclude(state=State.DONE).update(
        stop_asked=True, next_at=Now()
    )


def jobs_due() -> list[UUID]:
    """Return the entered tenant's jobs that wait for a step and that nobody is at."""
    due = BatchJob.objects.filter(tenant_id=current().id, next_at__lte=Now()).exclude(
        state=State.DONE
    )
    return list(due.filter(_unclaimed()).values_list("id", flat=True))


def job_advance(job_id: UUID, source: Source) -> float | None:
    """Take a job as far as it goes now; return after how many seconds to look again, or None.

    None: it is done, not due yet, or in other hands. Errors of AWS's that pass are waited out.
    """
    job = _claimed(job_id)
    if job is None:
        return None
    seconds: float | None = None
    try:
        while job.state != State.DONE and seconds is None:
            seconds = _step(job, source)
    except TenantryError as error:
        if not error.retryable:
            raise
        seconds = _pause(job)
        log.info("batch.waiting", job=str(job.id), code=error.code, seconds=seconds)
    finally:
        wait = timedelta(seconds=FIRST_PAUSE if seconds is None else seconds)
        _write(job, claimed_until=None, next_at=Now() + wait)
    return seconds


def _unclaimed() -> Q:
    return Q(claimed_until=None) | Q(claimed_until__lt=Now())


def _claimed(job_id: UUID) -> BatchJob | None:
    mine = BatchJob.objects.filter(id=job_id, tenant_id=current().id).exclude(state=State.DONE)
    # A second's grace: a message may come a little early.
    due = mine.filter(_unclaimed(), next_at__lte=Now() + timedelta(seconds=1))
    if not due.update(claimed_until=Now() + CLAIM):
        return None
    return mine.first()


def _write(job: BatchJob, **fields: Any) -> None:
    BatchJob.objects.filter(id=job.id).update(**fields)
    for name, value in fields.items():
        setattr(job, name, value)


def _pause(job: BatchJob) -> float:
    _write(job, tries=F("tries") + 1)
    job.refresh_from_db(fields=["tries"])
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(job.tries - 1, 20)))


def _step(job: BatchJob, source: Source) -> float | None:
    match job.state:
        case State.PLANNED:
            _input_write(job, source)
        case State.WRITTEN:
            return _submit(job)
        case State.SUBMITTED:
            return _look(job, source)
        case State.ENDED:
            _results_take(job, source)
        case _:
            objects_delete(_keys(job))
            _write(job, state=State.DONE)
            log.info("batch.done", job=str(job.id), status=job.aws_status, records=job.succeeded)
    return None


# Input ----------------------------------------------------------------------------------------


def _folder(job: BatchJob) -> str:
    return f"batch/{job.id}"


def _input_key(job: BatchJob) -> str:
    return f"{_folder(job)}/input/{INPUT}"


def _output_key(job: BatchJob, name: str) -> str:
    return f"{_folder(job)}/output/{job.arn.rpartition('/')[2]}/{name}"


def _keys(job: BatchJob) -> list[str]:
    """Every object of a job: the service's own names are known, so nothing has to be listed."""
    outputs = (f"{INPUT}.out", "manifest.json.out") if job.arn else ()
    return [_input_key(job), *(_output_key(job, name) for name in outputs)]


def _input_write(job: BatchJob, source: Source) -> None:
    """Write the records under the tenant's prefix; they are never together in memory."""
    policy = policy_of(current(), "embedding")
    if policy.model.model_id != job.model_id or job.stop_asked:
        return _given_up(job, "Another model serves by now." if not job.stop_asked else "Stopped.")
    form = format_of(job.model_id)
    masking = masks()
    records = bound = 0
    with tempfile.NamedTemporaryFile(prefix="batch-") as file:
        for record_id, text in source.records(job):
            if masking and not isinstance(text, Masked):
                return _given_up(job, "A text was not masked yet.")
            body = form.body([text], "document", policy.model.dimensions or 0)
            line = json.dumps({"recordId": record_id, "modelInput": body}, ensure_ascii=False)
            file.write(line.encode("utf-8", "surrogatepass") + b"\n")
            records += 1
            bound += tokens_of(text, policy.model)
        if records < LEAST_RECORDS:
            return _given_up(job, f"Only {records} records were left.")
        file.seek(0)
        object_put(_input_key(job), file.file, content_type="application/jsonl")  # type: ignore[arg-type]
    _write(job, state=State.WRITTEN, records=records, bound=bound)
    return None


def _given_up(job: BatchJob, message: str) -> None:
    """End a job that was never submitted; its texts are told by `take` without results."""
    log.info("batch.given_up", job=str(job.id), reason=message)
    _write(job, state=State.ENDED, aws_status="", message=message, ended_at=Now())


# Submission -----------------------------------------------------------------------------------


def _submit(job: BatchJob) -> float | None:
    """Reserve the job's upper bound, then create the job, or find the one that was created."""
    try:
        arn = submission.submitted(
            job,
            source=object_location(_input_key(job)),
            target=object_location(f"{_folder(job)}/output") + "/",
        )
    except Unsent as unsent:
        if unsent.passing and job.tries + 1 < TRIES and not job.stop_asked:
            return _pause(job)
        _given_up(job, unsent.detail)
        return None
    _write(job, state=State.SUBMITTED, arn=arn, submitted_at=Now(), tries=0)
    log.info("batch.submitted", job=str(job.id), arn=arn, records=job.records)
    return None if job.stop_asked else _interval(job)


def _interval(job: BatchJob) -> float:
    """Return the wait before the next look: half as long again each time, within the rule."""
    rule = BatchRule.objects.filter(plan=current().plan).first() or BatchRule()
    return float(min(rule.poll_at_most, rule.poll_seconds * 1.5 ** min(job.tries, 40)))


def _look(job: BatchJob, source: Source) -> float | None:
    found = submission.looked_up(job)
    status = found["status"]
    _write(
        job,
        aws_status=status,
        message=found.get("message", ""),
        processed=found.get("processedRecordCount", 0),
        tries=job.tries + 1,
    )
    if status in ENDED:
        _write(job, state=State.ENDED, ended_at=Now(), tries=0)
        return None
    if job.stop_asked and status != "Stopping":
        submission.stop(job)
    source.progress(job)
    return _interval(job)


# Results --------------------------------------------------------------------------------------


class _Reading:
    """Reads a job's output once, counting each record once however often it stands there."""

    def __init__(self, lines: Iterator[bytes], form: Format) -> None:
        self._lines = lines
        self._form = form
        self.seen: set[str] = set()
        self.succeeded = 0
        self.tokens: int | None = 0

    def __iter__(self) -> Iterator[Result]:
        for line in self._lines:
            result = self._result(line)
            if result is not None and result.record_id not in self.seen:
                self.seen.add(result.record_id)
                self.succeeded += result.vector is not None
                yield result

    def _result(self, line: bytes) -> Result | None:
        try:
            found = json.loads(line)
            record_id = str(found["recordId"])
        except (ValueError, KeyError, TypeError):
            log.warning("batch.line_unreadable", bytes=len(line))
            return None
        answer = found.get("modelOutput")
        if not isinstance(answer, dict):
            error = found.get("error") or {}
            return Result(record_id, None, str(error.get("errorMessage", "")))
        if record_id not in self.seen:
            counted = self._form.tokens(answer, {})
            self.tokens = None if counted is None or self.tokens is None else self.tokens + counted
        return Result(record_id, self._form.vectors(answer)[0])


def _results_take(job: BatchJob, source: Source) -> None:
    """Hand the results on, settle what the job used, in this order; either may be repeated."""
    lines = object_lines(_output_key(job, f"{INPUT}.out")) if job.arn else None
    reading = _Reading(lines or iter(()), format_of(job.model_id))
    source.take(job, iter(reading))
    tokens, estimated = _used(job, reading, whole=lines is not None)
    call = _call(job)
    if call is not None and tokens:
        call.finish({Unit.BATCH_EMBEDDING: tokens}, estimated=estimated)
    elif call is not None:
        call.cancel()
    _write(
        job,
        state=State.SETTLED,
        tokens=tokens,
        succeeded=reading.succeeded,
        failed=len(reading.seen) - reading.succeeded,
    )


def _used(job: BatchJob, reading: _Reading, *, whole: bool) -> tuple[int, bool]:
    """Return the tokens that the service counted, and whether they are only reckoned."""
    if whole and reading.tokens is not None:
        return reading.tokens, False
    manifest = _manifest(job) if job.arn else None
    if manifest is not None:
        return int(manifest["inputTokenCount"]), False
    # Processed, and so billed, without a trace of how much: the reserved share.
    share = job.bound * job.processed // max(job.records, 1)
    return share, True


def _manifest(job: BatchJob) -> dict[str, Any] | None:
    body = object_get(_output_key(job, "manifest.json.out"))
    try:
        found = json.loads(body) if body else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and "inputTokenCount" in found else None


def _call(job: BatchJob) -> MeteredCall | None:
    """Return the job's admitted call, as whoever submitted it left it."""
    reservation = reservation_of(job.id)
    if reservation is None:
        return None
    watch = ModelWatch("ModelInvocationJob", job.price_model, reservation.feature)
    return MeteredCall(reservation, job.price_model, watch=watch)


def jobs_of(ids: Sequence[UUID]) -> dict[UUID, BatchJob]:
    """Return jobs of the entered tenant by id, for pages."""
    found = BatchJob.objects.filter(tenant_id=current().id, id__in=ids)
    return {job.id: job for job in found}


__all__ = [
    "AwsError",
    "Result",
    "Source",
    "job_advance",
    "job_plan",
    "job_stop",
    "jobs_due",
    "jobs_of",
]
