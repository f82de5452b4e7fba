"""Many documents at once, and the steps of the jobs that embed them."""

from collections.abc import Sequence
from typing import Any

from bedrock.models import BatchJob, BatchRule
from billing.models import LedgerEntry, Reservation
from documents.models import Document
from documents.tasks import batch_advance, batch_collect, document_ingest
from tenants.context import entered, public_scope
from tests.documents.helpers import upload
from tests.support.cast import MAX, Person
from tests.support.clients import tenant_of
from tests.support.waiting import eventually


def rule(**values: Any) -> None:
    """Let a collection close at once and a job be looked at whenever asked; or as given."""
    at_once = {"quiet_seconds": 0, "poll_seconds": 0, "poll_at_most": 0}
    with public_scope("staff"):
        BatchRule.objects.update(**{**at_once, **values})


def notes(document: int, passages: int) -> str:
    """Return a Markdown file that is cut into so many passages."""
    line = "The store keeps what was agreed and says who agreed to it, and when. " * 10
    return "\n\n".join(
        f"# Part {document}.{n}\n\nItem {document}-{n}. {line}" for n in range(passages)
    )


def uploaded(count: int, passages: int, person: Person = MAX, **form: Any) -> list[str]:
    """Upload files and read them, as their workers would; return the documents' ids."""
    ids = []
    for number in range(count):
        answer = upload(f"notes-{number}.md", notes(number, passages), person, **form)
        assert answer.status_code == 201, answer.content
        ids.append(answer.json()["id"])
    with entered(tenant_of(person)):
        for document_id in ids:
            document_ingest(document_id)
    return ids


def jobs(person: Person = MAX) -> list[BatchJob]:
    with entered(tenant_of(person)):
        return list(BatchJob.objects.filter(tenant_id=tenant_of(person).id).order_by("created_at"))


def collected(person: Person = MAX) -> list[BatchJob]:
    """Close the collection and return the jobs."""
    with entered(tenant_of(person)):
        batch_collect()
    return jobs(person)


def finished(job: BatchJob, person: Person = MAX) -> BatchJob:
    """Look at the job until its files are gone, then ingest what it freed."""

    def done() -> bool:
        with entered(tenant_of(person)):
            BatchJob.objects.filter(id=job.id).update(next_at=job.created_at, claimed_until=None)
            batch_advance(str(job.id))
            job.refresh_from_db()
            return job.state == "done"

    eventually(done, within=30, saying="the job's end")
    with entered(tenant_of(person)):
        for document in Document.objects.filter(way="calls"):
            document_ingest(str(document.id))
    return job


def states(ids: Sequence[str], person: Person = MAX) -> list[tuple[str, str]]:
    """Return (status, way) of documents in the order of their ids' upload."""
    with entered(tenant_of(person)):
        rows = {str(row.id): (row.status, row.way) for row in Document.objects.filter(id__in=ids)}
    return [rows[document_id] for document_id in ids]


def booked(job: BatchJob, person: Person = MAX) -> list[tuple[str, int, bool]]:
    """Return the ledger's rows of a job: unit, quantity, estimated."""
    with entered(tenant_of(person)):
        rows = LedgerEntry.objects.filter(tenant_id=job.tenant_id, request_id=job.id)
        return [(row.unit, row.quantity, row.estimated) for row in rows]


def reserved(job: BatchJob, person: Person = MAX) -> list[str]:
    with entered(tenant_of(person)):
        rows = Reservation.objects.filter(tenant_id=job.tenant_id, request_id=job.id)
        return list(rows.values_list("state", flat=True))


def spent(person: Person = MAX) -> Any:
    """Return what embeddings have cost the tenant, in dollars."""
    from django.db.models import Sum

    tenant = tenant_of(person)
    with entered(tenant):
        rows = LedgerEntry.objects.filter(tenant_id=tenant.id, unit__endswith="embedding_tokens")
        return rows.aggregate(usd=Sum("usd"))["usd"]
