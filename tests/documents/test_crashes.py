"""A worker that is killed at any stage loses nothing and doubles nothing."""

import signal
from datetime import timedelta
from functools import cache

import pytest
from django.utils import timezone

from bedrock.models import BatchJob, PolicyDecision
from documents.models import Document, StagedBatch
from documents.vectors import BATCH
from tenants.context import entered
from tests.documents import bulk
from tests.documents.helpers import indexed, ingested, ready, upload
from tests.support import files
from tests.support.cast import MAX
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws
from tests.support.services import Worker

pytestmark = pytest.mark.django_db(transaction=True)


@cache
def manual() -> bytes:
    """Return a file of more passages than one batch embeds."""
    return files.long_pdf(70)


def killed(worker: Worker, subject_id: str, stage: str) -> None:
    """Run the ingestion, or a job's steps, in a process of its own that dies at the stage."""
    tenant_id = str(tenant_of(MAX).id)
    status, said = worker.run("app", "tests.documents.crash", tenant_id, subject_id, *stage.split())
    assert status == -signal.SIGKILL, said


@pytest.mark.parametrize(
    ("stage", "staged"),
    [
        ("object_parts 1 after", 0),
        ("parse 1 after", 0),
        ("documents.renditions:chunk 1 before", 0),
        ("documents.vectors:embed 2 before", 1),
        ("documents.vectors:embed 2 after", 1),
        ("source_index 1 before", 2),
        ("source_index 1 after", 2),
    ],
)
def test_a_killed_ingestion_is_finished_by_the_next(
    worker: Worker, localaws: LocalAws, stage: str, staged: int
) -> None:
    whole = indexed(ready("whole.pdf", manual()).id)
    assert BATCH < len(whole["chunks"]) <= 2 * BATCH
    document_id = upload("killed.pdf", manual()).json()["id"]
    killed(worker, document_id, stage)
    with entered(tenant_of(MAX)):
        document = Document.objects.get(id=document_id)
        assert document.in_flight
        assert document.lease_token is not None
        assert StagedBatch.objects.filter(document_id=document_id).count() == staged
        assert indexed(document_id)["sources"] == 0
        # As if the dead holder's lease had run out.
        Document.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    localaws.reset()
    document = ingested(document_id)
    assert (document.status, document.progress) == ("ready", 1.0)
    assert indexed(document_id) == whole
    embedded = len(localaws.requests("InvokeModel"))
    assert embedded == len(whole["chunks"]) - min(staged * BATCH, len(whole["chunks"]))
    with entered(tenant_of(MAX)):
        assert not StagedBatch.objects.exists()
        assert Document.objects.count() == 2


def test_a_batch_job_whose_worker_is_killed_at_every_step_is_one_job(
    worker: Worker, localaws: LocalAws
) -> None:
    bulk.rule()
    ids = bulk.uploaded(3, 40, bulk=True)
    (job,) = bulk.collected()
    for stage, state in (
        ("bedrock.batch:object_put 1 after", "planned"),
        ("bedrock.batch_submission:admit 1 after", "written"),
        ("bedrock.batch_submission:decision_record 1 after", "written"),
        ("bedrock.batch_submission:submitted 1 after", "written"),
        ("bedrock.batch_submission:looked_up 1 before", "submitted"),
        ("bedrock.batch:_results_take 1 before", "ended"),
        ("documents.batching:stage_found 2 after", "ended"),
        ("bedrock.metering:settle 1 before", "ended"),
        ("bedrock.metering:settle 1 after", "ended"),
        ("bedrock.batch:objects_delete 1 after", "settled"),
    ):
        with entered(tenant_of(MAX)):  # as if the dead holder's claim had run out
            BatchJob.objects.update(claimed_until=None, next_at=job.created_at)
        killed(worker, str(job.id), f"{stage} job")
        with entered(tenant_of(MAX)):
            job.refresh_from_db()
            assert job.state == state, stage
            held = Document.objects.filter(id__in=ids, lease_token__isnull=False)
            assert not held.exists()
    bulk.finished(job)
    assert bulk.states(ids) == [("ready", "")] * 3
    assert [indexed(document_id)["vectors"] for document_id in ids] == [40] * 3
    (served,) = localaws.requests("ModelInvocationJob")
    assert bulk.booked(job) == [("batch_embedding_tokens", served["usage"]["inputTokens"], False)]
    assert bulk.reserved(job) == ["settled"]
    assert localaws.requests("InvokeModel") == []
    with entered(tenant_of(MAX)):
        assert PolicyDecision.objects.filter(request_id=job.id).count() == 1
        assert not StagedBatch.objects.exists()
