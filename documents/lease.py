"""The right to ingest one document: held by one delivery at a time, and fenced."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Q, Value
from django.db.models.functions import Greatest, Now

from documents.errors import LeaseLost, Quarantined
from documents.models import IN_BATCH, IN_FLIGHT, Document, Status, Way
from documents.quarantine import quarantine_note
from documents.versions import series_lock, version_settle
from tenants.context import current, entered
from tenants.webhooks.publishing import publish

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=15)
RENEW_SECONDS: Final = 5.0
ATTEMPTS: Final = 3  # starts without lasting progress before a document is set aside


@dataclass(frozen=True, slots=True)
class Lease:
    """A document as it was when claimed, and the token that fences every write to it."""

    document: Document
    token: UUID
    lost: threading.Event

    def write(self, **fields: Any) -> None:
        """Update the document if this delivery still holds it. Raises LeaseLost."""
        fields.setdefault("updated_at", Now())
        held = Document.objects.filter(id=self.document.id, lease_token=self.token)
        if self.lost.is_set() or not held.update(**fields):
            raise LeaseLost

    def progress(self, **fields: Any) -> None:
        """Record lasting progress, never less: the counts of starts and waits begin anew."""
        if "progress" in fields:
            fields["progress"] = Greatest(F("progress"), Value(fields["progress"]))
        self.write(attempts=1, waits=0, **fields)

    def release(self, **fields: Any) -> None:
        """Give the document back, writing `fields` with it. Raises LeaseLost."""
        self.write(lease_token=None, lease_until=None, **fields)

    def ready(self) -> None:
        """End the ingestion well: the document can be read, and found if it is the newest version.

        In the transaction that makes its passages retrievable.
        """
        with transaction.atomic():
            self.release(
                status=Status.READY,
                progress=1.0,
                error="",
                error_code="",
                attempts=0,
                waits=0,
                way=Way.UNDECIDED,
                batch_job_id=None,
                batch_times=0,
            )
            version_settle(self.document.id)
            if self.document.status != Status.READY:  # else it was embedded anew
                self._tell("document.ready")

    def fail(self, code: str, reason: str) -> None:
        """End the ingestion with a reason a person understands.

        A document that was to be embedded anew stays ready as it was; it is asked for again later.
        """
        if self.document.status == Status.READY:
            log.warning("documents.not_reembedded", document_id=str(self.document.id), code=code)
            self.release(way=Way.UNDECIDED, batch_job_id=None, batch_times=0)
            return
        with transaction.atomic():
            self.release(status=Status.FAILED, error_code=code, error=reason)
            quarantine_note(self.document, code)
            self._tell("document.failed", code=code)

    def _tell(self, event: str, **more: str) -> None:
        """Tell the workspace's webhooks; what is attached to something is none of theirs."""
        if self.document.attached_to is None:
            publish(event, {"id": str(self.document.id), **more})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the document's row in one transaction: it can be neither taken over nor deleted."""
        with transaction.atomic():
            series_lock([self.document.series or self.document.id])
            held = Document.objects.select_for_update(of=("self",)).filter(
                id=self.document.id, lease_token=self.token
            )
            if self.lost.is_set() or not held.exists():
                raise LeaseLost
            yield

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease from a thread while the block runs."""
        tenant = current()
        done = threading.Event()

        def renew() -> None:
            with entered(tenant):
                while not done.wait(RENEW_SECONDS):
                    try:
                        self.write(lease_until=Now() + LEASE, updated_at=F("updated_at"))
                    except LeaseLost:
                        self.lost.set()
                        return
                    except DatabaseError:  # restarting: try again while the lease lasts
                        log.warning("documents.lease_not_renewed")
                    finally:
                        connection.close()

        thread = threading.Thread(target=renew, name="document-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(timeout=RENEW_SECONDS)


def lease_take(document_id: UUID) -> Lease | timedelta | None:
    """Claim the document for this delivery.

    Returns None where there is nothing to do (deleted, ready, failed, waiting for a batch job, or
    just set aside), and how long to wait where another delivery holds it: that one may be dead, and
    its lease runs out.
    """
    with transaction.atomic():
        document = (
            Document.objects.select_for_update(of=("self",))
            .filter(Q(status__in=IN_FLIGHT) | Q(status=Status.READY, way=Way.CALLS), id=document_id)
            .exclude(way__in=IN_BATCH)
            .annotate(
                held=ExpressionWrapper(
                    Q(lease_token__isnull=False) & Q(lease_until__gt=Now()),
                    output_field=BooleanField(),
                )
            )
            .first()
        )
        if document is None:
            return None
        if document.held:
            return LEASE + timedelta(seconds=1)
        lease = Lease(document, uuid4(), threading.Event())
        started = document.attempts + 1
        Document.objects.filter(id=document_id).update(
            status=Status.PARSING if document.status == Status.QUEUED else document.status,
            attempts=started,
            lease_token=lease.token,
            lease_until=Now() + LEASE,
            updated_at=Now(),
        )
        if started > ATTEMPTS:
            error = Quarantined()
            lease.fail(error.code, error.detail)
            return None
        return lease
