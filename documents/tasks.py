"""Background work on documents. Every task may be delivered any number of times."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from celery import shared_task
from django.db.models import F, Q
from django.db.models.functions import Now

from bedrock.batch import job_advance, jobs_due
from bedrock.embedding_rule import collection_wait
from bedrock.gateway import masks
from documents.batching import DocumentSource, collection_close
from documents.ingestion import ingest
from documents.loose import loose_forget, parts_abort
from documents.masking import stale_documents
from documents.models import IN_BATCH, IN_FLIGHT, Document, LooseObject, Status, Way
from documents.reembedding import reembed
from tenants.objects import DERIVED, objects_delete, objects_list
from tenants.tasks import in_each_tenant, tenant_task

log = structlog.get_logger(__name__)

QUEUED_PATIENCE: Final = timedelta(seconds=45)  # a waiting message is given this long to arrive
STALLED_PATIENCE: Final = timedelta(seconds=10)
SWEEP_BATCH: Final = 500
LONGEST_MESSAGE: Final = 60.0  # seconds


@tenant_task(name="documents.ingest")
def document_ingest(document_id: str) -> None:
    """Read, cut, embed and index one document; go on where an earlier delivery ended."""
    again_in = ingest(UUID(document_id))
    if again_in is not None:
        document_ingest.dispatch_in(again_in, document_id)
    elif Document.objects.filter(id=document_id, way=Way.COLLECTING).exists():
        batch_collect.dispatch_in(collection_wait())


@tenant_task(name="documents.batch_collect")
def batch_collect() -> None:
    """Make batch jobs of the documents that wait for one, once no more are joining them."""
    made = collection_close()
    for job_id in made.jobs:
        batch_advance.dispatch(str(job_id))
    for document_id in made.by_calls:
        document_ingest.dispatch(str(document_id))


@tenant_task(name="documents.batch_advance")
def batch_advance(job_id: str) -> None:
    """Take a batch job one step on; documents that have their vectors are ingested on."""
    source = DocumentSource()
    seconds = job_advance(UUID(job_id), source)
    for document_id in source.freed:
        document_ingest.dispatch(str(document_id))
    if source.collected_again:
        batch_collect.dispatch_in(collection_wait())
    # A longer wait is left to the recovery, which looks for what is due: a message that waits
    # longer than the broker's visibility is delivered twice.
    if seconds is not None and seconds <= LONGEST_MESSAGE:
        batch_advance.dispatch_in(seconds, job_id)


@tenant_task(name="documents.remask")
def documents_remask() -> None:
    """Mask again what was masked by other rules than those of today, or by none."""
    remask()


def remask(*, unmasked_only: bool = False) -> int:
    """Send the entered tenant's stale documents through their ingestion again; return how many.

    The old passages serve until the new ones are there. May be called again at any time: a
    document that is on its way is not sent twice, and what is paid for is kept.
    """
    stale = stale_documents()
    if unmasked_only:
        stale = stale.filter(masked_with="")
    sent = 0
    for document_id in list(stale.values_list("id", flat=True)):
        again = Document.objects.filter(id=document_id, status=Status.READY).update(
            status=Status.QUEUED, progress=0, attempts=0, waits=0, dispatched_at=Now()
        )
        if again:
            sent += 1
            document_ingest.dispatch(str(document_id))
    if sent:
        log.info("documents.remask", count=sent)
    return sent


@tenant_task(name="documents.objects_sweep")
def objects_sweep() -> None:
    """Remove stored objects that no document owns and whose time has come.

    With each document's file go the pictures of its pages.
    """
    while keys := list(_due_objects().values_list("key", flat=True)[:SWEEP_BATCH]):
        parts_abort(keys)
        objects_delete(keys)
        for folder in {f"{DERIVED}/{key.rpartition('/')[0]}" for key in keys}:
            objects_delete(objects_list(folder))
        loose_forget(keys)


@tenant_task(name="documents.reembed")
def documents_reembed() -> None:
    """Embed anew what has vectors of a model that no longer serves."""
    if reembed():
        batch_collect.dispatch_in(collection_wait())


@shared_task(name="documents.reembed_all")
def documents_reembed_all() -> None:
    """Look in every active tenant for vectors of a model that no longer serves."""
    in_each_tenant(documents_reembed.dispatch, failed="documents.reembed_failed")


@shared_task(name="documents.recover")
def documents_recover() -> None:
    """Send again what was lost with a broker or a worker, in every active tenant.

    One short indexed query a tenant; messages only where something is stuck.
    """
    in_each_tenant(recover, failed="documents.recover_failed")


def recover() -> int:
    """Dispatch the entered tenant's stuck documents; return how many there were.

    Stuck is in flight, without a living lease, and not sent lately: to a worker for a queued
    document, whose message may still wait its turn, longer than for one whose worker died.
    """
    stuck = Document.objects.filter(
        Q(status=Status.QUEUED, dispatched_at__lt=Now() - QUEUED_PATIENCE)
        | Q(
            status__in=[status for status in IN_FLIGHT if status != Status.QUEUED],
            dispatched_at__lt=Now() - STALLED_PATIENCE,
        )
        | Q(status=Status.READY, way=Way.CALLS, dispatched_at__lt=Now() - STALLED_PATIENCE),
        Q(lease_until=None) | Q(lease_until__lt=Now()),
    ).exclude(way__in=IN_BATCH)
    found = list(stuck.values_list("id", flat=True)[:SWEEP_BATCH])
    if found:
        Document.objects.filter(id__in=found).update(
            dispatched_at=Now(), updated_at=F("updated_at")
        )
        log.info("documents.recovered", count=len(found))
        for document_id in found:
            document_ingest.dispatch(str(document_id))
    if _due_objects().exists():
        objects_sweep.dispatch()
    if masks():  # a workspace that has just begun to mask: its documents wait unseen
        remask(unmasked_only=True)
    for job_id in jobs_due():
        batch_advance.dispatch(str(job_id))
    if Document.objects.filter(
        way=Way.COLLECTING, collected_at__lt=Now() - STALLED_PATIENCE
    ).exists():
        batch_collect.dispatch()
    return len(found)


def _due_objects() -> Any:
    return LooseObject.objects.filter(remove_after__lte=Now()).order_by("key")


BEAT: Final = {
    "documents-recover": {
        "task": "documents.recover",
        "schedule": 30.0,
        "options": {"queue": "default", "expires": 60},
    },
    # A changed route takes effect on old documents by itself; `manage.py reembed` does it at once.
    "documents-reembed": {
        "task": "documents.reembed_all",
        "schedule": 3600.0,
        "options": {"queue": "default", "expires": 3500},
    },
}
