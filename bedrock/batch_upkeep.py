"""Batch jobs of workspaces that are closed: stopped at once, and gone before all else is erased."""

import time
from collections.abc import Iterator, Sequence
from typing import Final

import structlog
from django.db.models import QuerySet
from django.db.models.functions import Now

from bedrock import batch_submission as submission
from bedrock.batch import Result, job_advance, job_stop
from bedrock.models import BatchJob
from tenants.aws import AwsError
from tenants.context import TenantContext
from tenants.errors import Unavailable
from tenants.lifecycle.steps import Erased
from tenants.registry.models import Status, Tenant

log = structlog.get_logger(__name__)

State = BatchJob.State
ERASE_SECONDS: Final = 60.0  # AWS is given to stop a job, before the erasing is tried again later


def orphans_stop() -> int:
    """Stop in AWS the jobs of workspaces that are not active, in the scope of `ops`.

    Their own tasks are refused, so nobody else would. Returns how many were asked to stop. When the
    workspace opens again its tasks take what the job had done.
    """
    active = Tenant.objects.filter(status=Status.ACTIVE).values_list("id", flat=True)
    asked = 0
    running = BatchJob.objects.filter(state=State.SUBMITTED, stop_asked=False)
    for job in running.exclude(tenant_id__in=list(active)):
        try:
            submission.stop(job)
        except AwsError as error:
            log.warning("batch.not_stopped", job=str(job.id), aws_code=error.aws_code)
            continue
        BatchJob.objects.filter(id=job.id).update(stop_asked=True)
        asked += 1
    return asked


class _Discard:
    """Nobody's texts: what a job still brings is let go, and paid for."""

    def records(self, job: BatchJob) -> Iterator[tuple[str, str]]:
        return iter(())

    def progress(self, job: BatchJob) -> None:
        pass

    def take(self, job: BatchJob, results: Iterator[Result]) -> None:
        for _ in results:  # reading them counts them
            pass


def jobs_erase(tenant: TenantContext) -> Sequence[Erased]:
    """End the entered workspace's jobs, settle them and remove their files.

    Raises Unavailable while AWS still stops one: its output would outlive what erases it.
    """
    open_jobs = _open(tenant)
    ids = list(open_jobs.values_list("id", flat=True))
    for job_id in ids:
        job_stop(job_id)
    give_up = time.monotonic() + ERASE_SECONDS
    while (left := list(open_jobs.values_list("id", flat=True))) and time.monotonic() < give_up:
        for job_id in left:
            BatchJob.objects.filter(id=job_id).update(next_at=Now(), claimed_until=None)
            job_advance(job_id, _Discard())
        time.sleep(0.2)
    if left:
        raise Unavailable("A batch job is still being stopped; the erasing goes on later.")
    return [Erased("batch jobs", tenant.region, len(ids))] if ids else []


def _open(tenant: TenantContext) -> QuerySet[BatchJob]:
    return BatchJob.objects.filter(tenant_id=tenant.id).exclude(state=State.DONE)


def jobs_left(tenant: TenantContext) -> int:
    """Return how many jobs of the workspace are not over."""
    return _open(tenant).count()
