"""Bulk uploads are embedded by one batch job, at half the price, whatever happens meanwhile."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bedrock import batch
from bedrock.batch_submission import looked_up
from bedrock.batch_upkeep import jobs_erase, jobs_left
from bedrock.models import BatchJob, PolicyDecision
from billing import catalog
from billing.catalog import cost_of
from billing.models import LedgerEntry, PlanLimit, Reservation
from billing.units import Unit
from documents.batching import DocumentSource
from documents.models import Document, StagedBatch
from documents.tasks import batch_advance, batch_collect, document_ingest, documents_recover
from tenants.aws import ClientError, ops_client
from tenants.context import entered, public_scope
from tenants.objects import bucket, object_get
from tenants.redis import redis_client, tenant_key
from tenants.registry.models import Tenant
from tests.documents import bulk
from tests.documents.helpers import indexed, ready, upload
from tests.support.cast import CHARLIE, MAX, Person
from tests.support.clients import api, tenant_of
from tests.support.localaws import LocalAws
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_once() -> None:
    bulk.rule()


def tenant_key_of(person: Person) -> Any:
    """Return the levels of the tenant's token buckets."""
    with entered(tenant_of(person)):
        return redis_client().hgetall(tenant_key("bucket"))


def step(job: BatchJob, state: str, person: Person = MAX) -> BatchJob:
    """Take the job on until it has reached a state."""
    with entered(tenant_of(person)):
        while job.state != state:
            before = job.state
            batch._step(job, DocumentSource())
            job.refresh_from_db()
            assert job.state != before or before == "submitted"
    return job


class Unmarked(DocumentSource):
    """Its passages have lost the mark that says they were masked."""

    def records(self, job: BatchJob) -> Iterator[tuple[str, str]]:
        for name, text in super().records(job):
            yield name, "".join(text)


def test_a_regulated_workspaces_unmarked_texts_are_never_written(localaws: LocalAws) -> None:
    bulk.uploaded(2, 55, CHARLIE, bulk=True)
    (job,) = bulk.collected(CHARLIE)
    with entered(tenant_of(CHARLIE)):
        batch._step(job, Unmarked())
        job.refresh_from_db()
        assert (job.state, job.message) == ("ended", "A text was not masked yet.")
        assert object_get(batch._input_key(job)) is None


def test_many_documents_are_one_job_at_half_the_price(localaws: LocalAws) -> None:
    ids = bulk.uploaded(5, 24, bulk=True)
    assert bulk.states(ids) == [("embedding", "collecting")] * 5
    assert api(MAX).get(f"/api/v1/documents/{ids[0]}/").json()["batch"] is True
    (job,) = bulk.collected()
    assert localaws.requests("InvokeModel") == []
    bulk.finished(job)
    assert (job.aws_status, job.records, job.succeeded, job.failed) == ("Completed", 120, 120, 0)
    assert bulk.states(ids) == [("ready", "")] * 5
    assert localaws.requests("InvokeModel") == []
    (served,) = localaws.requests("ModelInvocationJob")
    assert bulk.booked(job) == [("batch_embedding_tokens", served["usage"]["inputTokens"], False)]
    assert bulk.reserved(job) == ["settled"]
    by_batch = bulk.spent()
    with entered(tenant_of(MAX)):
        decision = PolicyDecision.objects.get(request_id=job.id)
        assert (decision.operation, decision.region) == ("ModelInvocationJob", "us-east-1")
        assert not StagedBatch.objects.exists()
    # The same texts by calls: the same vectors, twice the price.
    alone = ready("again.md", bulk.notes(0, 24))
    assert indexed(alone.id)["vectors"] == indexed(ids[0])["vectors"] == 24
    calls = localaws.requests("InvokeModel")
    used = sum(call["usage"]["inputTokens"] for call in calls)
    price = (bulk.spent() - by_batch) / used
    assert price == 2 * by_batch / served["usage"]["inputTokens"] > Decimal(0)


@pytest.mark.django_db(transaction=True)
def charged_for_batch() -> Decimal:
    """Return what AWS's bill says that batch embedding cost today."""
    today = datetime.now(UTC).date()
    try:
        answer = ops_client("ce", "us-east-1").get_cost_and_usage(
            TimePeriod={"Start": today.isoformat(), "End": (today + timedelta(days=1)).isoformat()},
            Granularity="DAILY",
            Metrics=["UnblendedCost"],
            GroupBy=[{"Type": "DIMENSION", "Key": "USAGE_TYPE"}],
        )
    except ClientError as error:  # nothing was charged yet
        assert error.response["Error"]["Code"] == "DataUnavailableException"
        return Decimal(0)
    return sum(
        (
            Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
            for day in answer["ResultsByTime"]
            for group in day["Groups"]
            if group["Keys"][0].endswith("embedding-tokens-batch")
        ),
        Decimal(0),
    )


def test_two_thousand_passages_cost_half_of_what_calls_cost(localaws: LocalAws) -> None:
    bulk.rule()
    charged = charged_for_batch()
    began = time.monotonic()
    ids = bulk.uploaded(8, 250, bulk=True)
    (job,) = bulk.collected()
    bulk.finished(job)
    taken = time.monotonic() - began
    assert (job.records, job.succeeded) == (2000, 2000)
    assert bulk.states(ids) == [("ready", "")] * 8
    (served,) = localaws.requests("ModelInvocationJob")
    cost = bulk.spent()
    assert cost == served["usage"]["inputTokens"] * Decimal("0.01") / 1_000_000
    with entered(tenant_of(MAX)):
        day = datetime.now(UTC).date()
        on_demand = cost_of(job.price_model, {Unit.EMBEDDING: job.tokens}, day)
    assert on_demand == 2 * cost
    assert charged_for_batch() - charged == cost
    print(f"2,000 passages of 8 documents by batch in {taken:.1f} s, USD {cost}")


def test_few_or_single_uploads_are_embedded_at_once(localaws: LocalAws) -> None:
    single = ready("one.md", bulk.notes(1, 130))  # not announced, and not many
    assert single.chunks == 130
    ids = bulk.uploaded(2, 10, bulk=True)  # announced, but too few for a job
    assert bulk.collected() == []
    with entered(tenant_of(MAX)):
        for document_id in ids:
            document_ingest(document_id)
    assert bulk.states(ids) == [("ready", "")] * 2


def test_bulk_is_seen_without_being_announced() -> None:
    bulk.rule(bulk_documents=4)
    ids = bulk.uploaded(5, 30)
    # The last one is read when no more than itself waits undecided; those before it wait already.
    assert [way for _, way in bulk.states(ids)] == ["collecting"] * 5
    (job,) = bulk.collected()
    assert bulk.finished(job).succeeded == 150


def test_a_plan_without_batch_embeds_at_once() -> None:
    bulk.rule(allowed=False)
    assert bulk.states(bulk.uploaded(3, 40, bulk=True)) == [("ready", "")] * 3


def test_tenants_files_and_jobs_are_apart_and_removed(localaws: LocalAws) -> None:
    ours = bulk.uploaded(2, 60, bulk=True)
    theirs = bulk.uploaded(2, 55, CHARLIE, bulk=True)
    (job,), (other,) = bulk.collected(), bulk.collected(CHARLIE)
    assert {job.tenant_id, other.tenant_id} == {tenant_of(MAX).id, tenant_of(CHARLIE).id}
    step(job, "written")
    key = f"batch/{job.id}/input/records.jsonl"
    with entered(tenant_of(MAX)):
        written = (object_get(key) or b"").decode()
        assert BatchJob.objects.filter(id=other.id).count() == 0  # row-level security
    with entered(tenant_of(CHARLIE)):
        assert object_get(key) is None
    assert all(document_id.replace("-", "") in written for document_id in ours)
    assert not any(document_id.replace("-", "") in written for document_id in theirs)
    step(job, "submitted")
    with entered(tenant_of(MAX)):
        made = looked_up(job)
    root = f"s3://{bucket('us-east-1')}/tenants/{job.tenant_id}/batch/{job.id}"
    assert made["inputDataConfig"]["s3InputDataConfig"]["s3Uri"] == f"{root}/input/records.jsonl"
    assert made["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"] == f"{root}/output/"
    assert made["roleArn"].endswith("-batch")
    bulk.finished(job)
    bulk.finished(other, CHARLIE)
    assert other.region == "eu-central-1"
    output = f"batch/{job.id}/output/{job.arn.rpartition('/')[2]}"
    with entered(tenant_of(MAX)):
        for gone in (key, f"{output}/records.jsonl.out", f"{output}/manifest.json.out"):
            assert object_get(gone) is None


def test_failed_records_are_embedded_by_calls(localaws: LocalAws) -> None:
    localaws.script(
        match={"operation": "ModelInvocationJobRecord", "contains": "Item 1-7."},
        error={"code": "InternalServerException", "message": "Try again", "status": 500},
    )
    ids = bulk.uploaded(2, 60, bulk=True)
    (job,) = bulk.collected()
    bulk.finished(job)
    assert (job.succeeded, job.failed) == (119, 1)
    assert bulk.states(ids) == [("ready", "")] * 2
    (call,) = localaws.requests("InvokeModel")
    assert "Item 1-7." in call["body"]["inputText"]
    assert indexed(ids[1])["vectors"] == 60


def test_what_an_expired_job_left_goes_into_a_following_one(localaws: LocalAws) -> None:
    localaws.script(match={"operation": "ModelInvocationJob"}, truncate_after=70)
    ids = bulk.uploaded(4, 60, bulk=True)
    (job,) = bulk.collected()
    bulk.finished(job)
    assert (job.aws_status, job.succeeded) == ("Expired", 70)
    ways = [way for _, way in bulk.states(ids)]
    assert sorted(ways) == ["", "collecting", "collecting", "collecting"]
    first, second = bulk.collected()
    bulk.finished(second)
    assert (second.records, second.succeeded) == (170, 170)
    assert bulk.states(ids) == [("ready", "")] * 4
    assert localaws.requests("InvokeModel") == []
    tokens = [row[1] for row in bulk.booked(first) + bulk.booked(second)]
    served = [call["usage"]["inputTokens"] for call in localaws.requests("ModelInvocationJob")]
    assert tokens == served


def test_a_job_that_fails_costs_nothing_and_calls_do_the_work(localaws: LocalAws) -> None:
    failing = {"code": "ValidationException", "message": "No such luck"}
    localaws.script(match={"operation": "ModelInvocationJob"}, error=failing, times=2)
    ids = bulk.uploaded(2, 60, bulk=True)
    (job,) = bulk.collected()
    bulk.finished(job)
    assert (job.aws_status, job.message) == ("Failed", "No such luck")
    assert (bulk.booked(job), bulk.reserved(job)) == ([], ["released"])
    second = bulk.collected()[1]  # once more, then by calls
    bulk.finished(second)
    assert bulk.states(ids) == [("ready", "")] * 2
    assert len(localaws.requests("InvokeModel")) == 120


def test_a_throttled_submission_waits_and_makes_one_job(localaws: LocalAws) -> None:
    throttled = {"code": "ThrottlingException"}  # botocore itself tries three times
    localaws.script(match={"operation": "CreateModelInvocationJob"}, error=throttled, times=3)
    localaws.script(
        match={"operation": "CreateModelInvocationJob"},
        error={"code": "ServiceQuotaExceededException", "message": "20 jobs", "status": 400},
    )
    bulk.uploaded(2, 60, bulk=True)
    (job,) = bulk.collected()
    with entered(tenant_of(MAX)):
        batch_advance(str(job.id))
        job.refresh_from_db()
        assert (job.state, job.tries) == ("written", 1)
        assert Document.objects.filter(way="sent", lease_token=None).count() == 2
    bulk.finished(job)
    assert job.aws_status == "Completed"
    assert len(localaws.requests("ModelInvocationJob")) == 1
    assert bulk.reserved(job) == ["settled"]


def test_a_quota_refuses_the_job_before_it_is_sent(localaws: LocalAws) -> None:
    with public_scope("staff"):
        PlanLimit.objects.filter(metric="embedding_tokens").update(included=100)
    catalog.forget()
    ids = bulk.uploaded(2, 60, bulk=True)
    (job,) = bulk.collected()
    bulk.finished(job)
    bulk.finished(bulk.collected()[1])
    assert localaws.requests() == []
    assert [status for status, _ in bulk.states(ids)] == ["failed", "failed"]
    answer = api(MAX).get(f"/api/v1/documents/{ids[0]}/").json()
    assert answer["error_code"] == "quota_exhausted"
    catalog.forget()


@pytest.mark.django_db(transaction=True)
def test_a_long_job_is_not_swept_and_leaves_the_rates_a_minute_alone(
    manage: Callable[..., str],
) -> None:
    bulk.rule()
    bulk.uploaded(2, 60, bulk=True)
    (job,) = bulk.collected()
    rates = tenant_key_of(MAX)
    step(job, "submitted")
    assert tenant_key_of(MAX) == rates
    sweeping = "from billing.sweeper import sweep; from tenants.context import public_scope"
    sweeping += "\nfrom datetime import timedelta"
    sweeping += "\nwith public_scope('ops'): print('swept', sweep(timedelta(0)))"
    assert "swept 0" in manage("ops", "shell", "-c", sweeping)
    assert bulk.reserved(job) == ["held"]
    with entered(tenant_of(MAX)):
        Reservation.objects.filter(request_id=job.id).update(sweep_after=job.created_at)
    assert "swept 1" in manage("ops", "shell", "-c", sweeping)
    bulk.finished(job)  # later than the sweeper: what was counted replaces the estimate
    rows = bulk.booked(job)
    assert sum(quantity for _, quantity, _ in rows) == job.tokens > 0
    assert len(rows) == 3


def test_deleting_all_documents_stops_the_job(localaws: LocalAws) -> None:
    localaws.script(match={"operation": "ModelInvocationJob"}, first_delay_ms=20_000)
    ids = bulk.uploaded(2, 60, bulk=True)
    (job,) = bulk.collected()
    step(job, "submitted")
    for document_id in ids:
        assert api(MAX).delete(f"/api/v1/documents/{document_id}/").status_code == 204
    bulk.finished(job)
    assert (job.aws_status, job.succeeded) == ("Stopped", 0)
    assert (bulk.booked(job), bulk.reserved(job)) == ([], ["released"])
    assert indexed(ids[0])["sources"] == 0


STOP = "from bedrock.tasks import batches_stop; batches_stop()"


@pytest.mark.django_db(transaction=True)
def test_a_suspended_workspace_has_its_jobs_stopped_and_an_erased_one_has_none(
    localaws: LocalAws, manage: Callable[..., str]
) -> None:
    bulk.rule()
    localaws.script(match={"operation": "ModelInvocationJob"}, delay_ms=20_000)
    ids = bulk.uploaded(2, 150, bulk=True)
    (job,) = bulk.collected()
    step(job, "submitted")
    tenant = tenant_of(MAX)

    def processed() -> int:
        with entered(tenant):
            return int(looked_up(job)["processedRecordCount"])

    assert eventually(processed, saying="progress") < 300
    with public_scope("staff"):
        Tenant.objects.filter(id=tenant.id).update(status="suspended")
    manage("ops", "shell", "-c", STOP)

    def stopped() -> bool:
        with entered(tenant):
            return bool(looked_up(job)["status"] == "Stopped")

    eventually(stopped, saying="the stop")
    with entered(tenant):
        (line,) = jobs_erase(tenant)
        assert (line.what, line.count, jobs_left(tenant)) == ("batch jobs", 1, 0)
        job.refresh_from_db()
        assert 0 < job.succeeded < 300
        assert object_get(f"batch/{job.id}/input/records.jsonl") is None
        rows = LedgerEntry.objects.filter(request_id=job.id)
        (served,) = localaws.requests("ModelInvocationJob")
        assert [row.quantity for row in rows] == [served["usage"]["inputTokens"]]
    assert len(ids) == 2


def test_one_deleted_document_does_not_hold_up_the_others(localaws: LocalAws) -> None:
    ids = bulk.uploaded(3, 60, bulk=True)
    (job,) = bulk.collected()
    step(job, "submitted")
    assert api(MAX).delete(f"/api/v1/documents/{ids[0]}/").status_code == 204
    bulk.finished(job)
    assert bulk.states(ids[1:]) == [("ready", "")] * 2
    assert (
        bulk.booked(job)[0][1] == localaws.requests("ModelInvocationJob")[0]["usage"]["inputTokens"]
    )


@pytest.mark.django_db(transaction=True)  # messages go out on commit
def test_recovery_finds_collections_and_jobs_whose_messages_were_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bulk.rule()
    sent: list[str] = []
    for task in (batch_advance, batch_collect):
        name = task.task.name
        monkeypatch.setattr(task.task, "apply_async", lambda *_, n=name, **__: sent.append(n))
    assert upload("one.md", bulk.notes(1, 3)).status_code == 201
    bulk.uploaded(2, 60, bulk=True)
    with entered(tenant_of(MAX)):
        Document.objects.filter(way="collecting").update(collected_at="2020-01-01T00:00:00Z")
        Document.objects.filter(status="queued").delete()
    sent.clear()
    documents_recover()
    assert sent == ["documents.batch_collect"]
    bulk.collected()
    sent.clear()
    documents_recover()
    assert sent == ["documents.batch_advance"]
