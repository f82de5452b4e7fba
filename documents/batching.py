"""Documents whose vectors a batch job brings: collected, sent together, and freed with results.

A waiting document holds no lease and no worker: `way` keeps every delivery away from it. It joins
the collection after parsing, where `bedrock.embedding_rule` says that there is bulk; the collection
closes when the reading is over, and becomes one job, or calls where it is too small. Results are
staged as an ingestion stages its own, and the ingestion then goes on to index.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Greatest, Now

from bedrock.batch import Result, job_plan
from bedrock.embedding_rule import MOST_RECORDS, Pending, again_by_batch, by_batch, closes, collects
from bedrock.models import BatchJob
from documents.lease import Lease
from documents.models import IN_FLIGHT, Document, DocumentText, Status, Way
from documents.renditions import rendition
from documents.vectors import EMBEDDED, PARSED, Group, groups_of, missing, stage_found

log = structlog.get_logger(__name__)

FEATURE: Final = "ingest"
ORDINAL_DIGITS: Final = 6


def joined(lease: Lease, groups: Sequence[Group]) -> bool:
    """Let the document join the collection if the rule says so, giving its lease back.

    False: its vectors are made, or wanted, at once.
    """
    document = lease.document
    if document.way != Way.UNDECIDED or not missing(document.id, groups):
        return False
    if document.attached_to is not None:  # somebody waits to ask about it
        return False
    if not collects(_pending(announced=document.bulk)):
        return False
    lease.release(way=Way.COLLECTING, collected_at=Now(), attempts=0, waits=0)
    log.info("documents.collected", document_id=str(document.id))
    return True


def _pending(*, announced: bool) -> Pending:
    waiting = Document.objects.filter(
        status__in=IN_FLIGHT, way__in=[Way.UNDECIDED, Way.COLLECTING]
    ).aggregate(
        documents=Count("id"), passages=Sum("chunks", filter=Q(status=Status.EMBEDDING), default=0)
    )
    return Pending(announced=announced, **waiting)


@dataclass(slots=True)
class Collected:
    """What a closed collection became."""

    jobs: list[UUID] = field(default_factory=list)
    by_calls: list[UUID] = field(default_factory=list)


def collection_close() -> Collected:
    """Make jobs of the entered tenant's collection if it is closed. Harmless at any time."""
    made = Collected()
    waiting = Document.objects.filter(way=Way.COLLECTING)
    ages = waiting.aggregate(
        quiet=ExpressionWrapper(Now() - Max("collected_at"), output_field=DurationField()),
        open_for=ExpressionWrapper(Now() - Min("collected_at"), output_field=DurationField()),
    )
    if ages["quiet"] is None:
        return made
    reading = Document.objects.filter(status__in=[Status.QUEUED, Status.PARSING])
    if not closes(busy=reading.exists(), quiet=ages["quiet"], open_for=ages["open_for"]):
        return made
    while _one_job(made):
        pass
    return made


def _one_job(made: Collected) -> bool:
    """Make one job of as many waiting documents as fit; return whether there may be more."""
    with transaction.atomic():
        waiting = Document.objects.filter(way=Way.COLLECTING).order_by("collected_at", "id")
        chosen: list[Document] = []
        passages = 0
        for document in waiting.select_for_update(of=("self",), skip_locked=True).only(
            "id", "chunks", "created_by_id"
        ):
            if chosen and passages + document.chunks > MOST_RECORDS:
                break
            chosen.append(document)
            passages += document.chunks
        if not chosen:
            return False
        ids = [document.id for document in chosen]
        rows = Document.objects.filter(id__in=ids)
        if passages > MOST_RECORDS or not by_batch(passages):
            rows.update(way=Way.CALLS, dispatched_at=Now())
            made.by_calls += ids
        else:
            people = {document.created_by_id for document in chosen}
            job = job_plan(feature=FEATURE, user_id=people.pop() if len(people) == 1 else None)
            rows.update(way=Way.SENT, batch_job_id=job.id, batch_times=F("batch_times") + 1)
            made.jobs.append(job.id)
            log.info("documents.batch", job=str(job.id), documents=len(ids), passages=passages)
        return True


def record_id(document_id: UUID, ordinal: int) -> str:
    """Return a passage's record id: letters and digits alone, as the service wants."""
    return f"{document_id.hex}{ordinal:0{ORDINAL_DIGITS}d}"


def _place(record: str) -> tuple[UUID, int] | None:
    try:
        return UUID(hex=record[:32]), int(record[32:])
    except ValueError:
        return None


class DocumentSource:
    """The documents of a job, as `bedrock.batch` asks for them; `freed` are to be ingested on."""

    def __init__(self) -> None:
        self.freed: list[UUID] = []
        self.collected_again = False

    def records(self, job: BatchJob) -> Iterator[tuple[str, str]]:
        """Return the passages of the job's documents that have no vector yet."""
        for document_id in self._sent(job).order_by("id").values_list("id", flat=True):
            for ordinal, text in missing(document_id, _groups(document_id, job)).items():
                yield record_id(document_id, ordinal), text

    def progress(self, job: BatchJob) -> None:
        """Show on the documents how far the job is."""
        share = job.processed / job.records if job.records else 0
        done = PARSED + (EMBEDDED - PARSED) * min(share, 1)
        self._sent(job).update(progress=Greatest(F("progress"), Value(done)))

    def take(self, job: BatchJob, results: Iterator[Result]) -> None:
        """Stage the vectors, a document at a time, and free it; the rest goes another way.

        Documents that were deleted, or freed by a reading that was cut off, are passed over.
        """
        expected = dict(self._sent(job).values_list("id", "chunks"))
        found: dict[UUID, dict[int, list[float]]] = {}
        for result in results:
            place = _place(result.record_id)
            if place is None or place[0] not in expected:
                continue
            if result.vector is None:
                log.info("documents.record_failed", document_id=str(place[0]), error=result.error)
                continue
            vectors = found.setdefault(place[0], {})
            vectors[place[1]] = result.vector
            if len(vectors) == expected[place[0]]:
                self._keep(job, place[0], found.pop(place[0]))
        lacking = {
            document_id: self._keep(job, document_id, found.pop(document_id, {}))
            for document_id in self._sent(job).values_list("id", flat=True)
        }
        self._rest(job, lacking)

    def _sent(self, job: BatchJob) -> QuerySet[Document]:
        return Document.objects.filter(batch_job_id=job.id, way=Way.SENT)

    def _keep(self, job: BatchJob, document_id: UUID, vectors: dict[int, list[float]]) -> int:
        """Stage a document's vectors and free it if it has all; return how many it lacks."""
        with transaction.atomic():
            if not self._sent(job).filter(id=document_id).select_for_update().exists():
                return 0
            lacking = stage_found(document_id, _groups(document_id, job), vectors)
            if not lacking:
                self._sent(job).filter(id=document_id).update(
                    way=Way.CALLS, batch_job_id=None, progress=EMBEDDED, dispatched_at=Now()
                )
        if not lacking:
            self.freed.append(document_id)
        return lacking

    def _rest(self, job: BatchJob, lacking: dict[UUID, int]) -> None:
        """Send what lacks vectors into a following job, or on by calls."""
        rest = [document_id for document_id, count in lacking.items() if count]
        if not rest:
            return
        rows = self._sent(job).filter(id__in=rest)
        times = rows.aggregate(times=Max("batch_times"))["times"] or 0
        if again_by_batch(sum(lacking.values()), times=times):
            rows.update(way=Way.COLLECTING, batch_job_id=None, collected_at=Now())
            self.collected_again = True
        else:
            rows.update(way=Way.CALLS, batch_job_id=None, dispatched_at=Now())
            self.freed += rest


def _groups(document_id: UUID, job: BatchJob) -> list[Group]:
    content = DocumentText.objects.get(document_id=document_id)
    return list(groups_of(rendition(content).chunks(), job.model_id))
