"""An ingestion may be delivered any number of times, by any number of workers, and ends once."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from documents.errors import LeaseLost
from documents.ingestion import ingest
from documents.lease import ATTEMPTS, Lease, lease_take
from documents.models import Document, DocumentText, LooseObject, StagedBatch
from documents.tasks import document_ingest, documents_recover, objects_sweep
from tenants.context import entered
from tenants.objects import object_get, objects_delete
from tests.documents.helpers import HANDBOOK, indexed, ingested, ready, upload
from tests.support import files
from tests.support.cast import CHARLIE, MAX
from tests.support.clients import api, code_of, tenant_of
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db


def lapse(document_id: Any) -> None:
    """Let the lease run out, as if its holder had died a while ago."""
    past = timezone.now() - timedelta(minutes=5)
    Document.objects.filter(id=document_id).update(lease_until=past, dispatched_at=past)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was given to the broker: (tenant id, document id)."""
    messages: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        document_ingest.task, "apply_async", lambda args, **_: messages.append(tuple(args))
    )
    return messages


def test_three_deliveries_leave_the_same_state() -> None:
    document = ready("manual.pdf", files.long_pdf(5))
    once = indexed(document.id)
    for _ in range(2):
        again = ingested(document.id)
        assert (again.status, again.updated_at) == ("ready", document.updated_at)
    assert indexed(document.id) == once
    assert once["sources"] == 1
    assert once["vectors"] == len(once["chunks"]) == document.chunks


@pytest.mark.django_db(transaction=True)  # the lease is renewed over another connection
def test_an_interrupted_ingestion_does_what_is_left_and_the_same() -> None:
    data = files.long_pdf(40)
    whole = indexed(ready("a.pdf", data).id)
    document_id = upload("b.pdf", data).json()["id"]
    with entered(tenant_of(MAX)):
        ingest(uuid.UUID(document_id))
        # As a crash just before the last step leaves it.
        Document.objects.filter(id=document_id).update(status="embedding", progress=0.5)
    assert ingested(document_id).status == "ready"
    found = indexed(document_id)
    assert found["chunks"] == whole["chunks"]
    assert found["vectors"] == whole["vectors"]
    assert found["terms"] == whole["terms"]


def test_passages_are_slices_of_the_text_on_their_pages() -> None:
    document = ready("manual.pdf", files.long_pdf(6, {4: "The winch carries 4,200 kilograms."}))
    with entered(tenant_of(MAX)):
        text = DocumentText.objects.get(document_id=document.id).text
    for _, passage, start, end, _page in indexed(document.id)["chunks"]:
        assert text[start:end] == passage
    (page,) = {row[4] for row in indexed(document.id)["chunks"] if "4,200" in row[1]}
    assert page == 4


def test_a_second_delivery_waits_while_the_first_lives() -> None:
    document_id = uuid.UUID(upload("notes.md", HANDBOOK).json()["id"])
    with entered(tenant_of(MAX)):
        first = lease_take(document_id)
        assert isinstance(first, Lease)
        seconds = ingest(document_id)
        assert seconds is not None
        assert 0 < seconds < 60
        assert Document.objects.get(id=document_id).status == "parsing"


def test_a_delivery_that_lost_its_lease_writes_nothing() -> None:
    document_id = uuid.UUID(upload("notes.md", HANDBOOK).json()["id"])
    with entered(tenant_of(MAX)):
        slow = lease_take(document_id)
        assert isinstance(slow, Lease)
        lapse(document_id)
        assert ingest(document_id) is None
        before = Document.objects.get(id=document_id)
        assert before.status == "ready"
        with pytest.raises(LeaseLost):
            slow.write(progress=0.2)
        with pytest.raises(LeaseLost), slow.locked():
            pass
        assert Document.objects.get(id=document_id).progress == 1.0


def test_a_document_that_kills_its_worker_is_set_aside_after_three_attempts() -> None:
    document_id = uuid.UUID(upload("poison.md", HANDBOOK).json()["id"])
    with entered(tenant_of(MAX)):
        for _ in range(ATTEMPTS):
            assert isinstance(lease_take(document_id), Lease)
            lapse(document_id)
        assert lease_take(document_id) is None
        document = Document.objects.get(id=document_id)
        assert (document.status, document.error_code) == ("failed", "quarantined")
        assert ingest(document_id) is None
    assert api(MAX).post(f"/api/v1/documents/{document_id}/retry/").json()["status"] == "queued"
    assert ingested(document_id).status == "ready"


def test_only_a_failed_document_is_tried_again() -> None:
    document = ready("notes.md", HANDBOOK)
    answer = api(MAX).post(f"/api/v1/documents/{document.id}/retry/")
    assert answer.status_code == 409
    assert code_of(answer) == "not_retryable"


def test_a_busy_embedder_sends_the_ingestion_away_and_it_comes_back(localaws: LocalAws) -> None:
    document_id = uuid.UUID(upload("notes.md", HANDBOOK).json()["id"])
    localaws.script(
        match={"operation": "InvokeModel"}, error={"code": "ThrottlingException"}, times=10
    )
    with entered(tenant_of(MAX)):
        seconds = ingest(document_id)
        assert seconds is not None
        assert seconds > 0
        document = Document.objects.get(id=document_id)
        assert (document.status, document.attempts, document.waits) == ("embedding", 0, 1)
        assert document.lease_token is None
    localaws.reset()
    assert ingested(document_id).status == "ready"


def test_a_service_that_stays_away_ends_in_a_reason(localaws: LocalAws) -> None:
    document_id = uuid.UUID(upload("notes.md", HANDBOOK).json()["id"])
    localaws.script(
        match={"operation": "InvokeModel"}, error={"code": "ThrottlingException"}, times=50
    )
    with entered(tenant_of(MAX)):
        for _ in range(20):
            if ingest(document_id) is None:
                break
        document = Document.objects.get(id=document_id)
    assert (document.status, document.error_code) == ("failed", "service_busy")


@pytest.mark.django_db(transaction=True)
def test_finished_batches_are_not_embedded_again(localaws: LocalAws) -> None:
    from documents.vectors import BATCH

    data = files.long_pdf(70)
    document_id = uuid.UUID(upload("manual.pdf", data).json()["id"])
    with entered(tenant_of(MAX)):
        document_ingest(str(document_id))
        chunks = Document.objects.get(id=document_id).chunks
        assert chunks > BATCH
    first = len(localaws.requests("InvokeModel"))
    assert first == chunks

    document_id = uuid.UUID(upload("manual.pdf", data).json()["id"])
    localaws.reset()
    localaws.script(
        match={"operation": "InvokeModel", "contains": "Chapter 68"},
        error={"code": "ThrottlingException"},
        times=10,
    )
    with entered(tenant_of(MAX)):
        assert ingest(document_id) is not None
        staged = StagedBatch.objects.filter(document_id=document_id).count()
        assert staged >= 1
    localaws.reset()
    assert ingested(document_id).status == "ready"
    assert len(localaws.requests("InvokeModel")) == chunks - staged * BATCH
    with entered(tenant_of(MAX)):
        assert not StagedBatch.objects.exists()


def test_the_ingestion_of_a_deleted_document_ends_quietly() -> None:
    document_id = upload("notes.md", HANDBOOK).json()["id"]
    with entered(tenant_of(MAX)):
        lease = lease_take(uuid.UUID(document_id))
        assert isinstance(lease, Lease)
    assert api(MAX).delete(f"/api/v1/documents/{document_id}/").status_code == 204
    with entered(tenant_of(MAX)):
        with pytest.raises(LeaseLost):
            lease.write(progress=0.5)
        assert ingest(uuid.UUID(document_id)) is None
    assert indexed(document_id)["sources"] == 0


def test_a_lost_file_is_a_reason() -> None:
    document_id = upload("notes.md", HANDBOOK).json()["id"]
    with entered(tenant_of(MAX)):
        objects_delete([Document.objects.get(id=document_id).object_key])
    document = ingested(document_id)
    assert (document.status, document.error_code) == ("failed", "stored_file_missing")


@pytest.mark.django_db(transaction=True)  # messages go out on commit
def test_recovery_sends_what_was_lost_and_nothing_else(sent: list[tuple[Any, ...]]) -> None:
    waiting, dead, living, fresh, done = (
        upload(f"{name}.md", HANDBOOK).json()["id"]
        for name in ("waiting", "dead", "living", "fresh", "done")
    )
    ingested(done)
    tenant = tenant_of(MAX)
    with entered(tenant):
        past = timezone.now() - timedelta(minutes=2)
        Document.objects.filter(id__in=[waiting, dead, living, done]).update(dispatched_at=past)
        for document_id in (dead, living):
            assert isinstance(lease_take(uuid.UUID(document_id)), Lease)
        lapse(dead)
    sent.clear()
    documents_recover()
    assert sorted(sent) == sorted([(str(tenant.id), waiting), (str(tenant.id), dead)])
    sent.clear()
    documents_recover()
    assert sent == []
    assert fresh


@pytest.mark.django_db(transaction=True)  # messages go out on commit
def test_recovery_looks_into_every_workspace(sent: list[tuple[Any, ...]]) -> None:
    ours = upload("notes.md", HANDBOOK).json()["id"]
    theirs = upload("notes.md", HANDBOOK, CHARLIE).json()["id"]
    past = timezone.now() - timedelta(minutes=2)
    for person in (MAX, CHARLIE):
        with entered(tenant_of(person)):
            Document.objects.update(dispatched_at=past)
    sent.clear()
    documents_recover()
    assert set(sent) == {(str(tenant_of(MAX).id), ours), (str(tenant_of(CHARLIE).id), theirs)}


def test_loose_objects_are_swept_when_their_time_has_come() -> None:
    from tenants.objects import object_put

    with entered(tenant_of(MAX)):
        for key, due in (("documents/old/original", -1), ("documents/new/original", 60)):
            object_put(key, b"bytes", content_type="text/plain")
            LooseObject.objects.create(
                key=key, remove_after=timezone.now() + timedelta(minutes=due)
            )
        objects_sweep()
        objects_sweep()
        assert object_get("documents/old/original") is None
        assert object_get("documents/new/original") == b"bytes"
        assert list(LooseObject.objects.values_list("key", flat=True)) == ["documents/new/original"]
