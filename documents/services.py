"""Take documents in, remove them, try failed ones again."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final, Literal
from uuid import UUID, uuid4

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext
from kombu.exceptions import OperationalError as BrokerError

from bedrock.batch import job_stop
from billing.storage import release_storage
from documents.access import document_locked, document_of, documents_current, documents_visible
from documents.errors import BULK_AT_MOST, Duplicate, NotRetryable, TooManyAtOnce
from documents.loose import loose_adopt, loose_give_back, loose_leave, loose_store
from documents.masking import mask_stale, masked_name_of
from documents.models import Document, Status, Way
from documents.parsing import MAX_FILE_BYTES, detect, safe_name, whole_name
from documents.parsing.sniff import HEAD_BYTES
from documents.quarantine import quarantine_end
from documents.tasks import batch_advance, document_ingest, objects_sweep
from documents.versions import (
    deleted_with,
    same_refuse,
    series_lock,
    series_of,
    version_begin,
)
from search.access import collection_to_add
from search.errors import TagsWrong
from search.filing import file_in, file_new, unfile
from search.services import source_remove, source_rename
from search.tagging import tags_change, tags_checked, tags_set, untag
from tenants.accounts.audit import audit_write
from tenants.context import SYSTEM, Actor
from tenants.errors import Conflict, TenantryError
from tenants.lifecycle.holding import hold_refuse
from tenants.turns import turn_take
from tenants.webhooks.publishing import publish

log = structlog.get_logger(__name__)

ACTIONS: Final = ("delete", "move", "tag", "untag")  # on several documents at once
READ_BYTES: Final = 1 << 20


def document_upload(
    *,
    actor: Actor,
    file: BinaryIO,
    name: str,
    collection_id: UUID | None = None,
    bulk: bool = False,
    keep_both: bool = True,
    replaces: UUID | None = None,
    attached_to: UUID | None = None,
) -> Document:
    """Store the file and queue its ingestion; `bulk`: it is one of many that come together.

    Without `keep_both`, a file that the actor can read here already is refused: Duplicate. Of two
    uploads of it at once, too, one is. With `replaces` it becomes the next version of that
    document, in the same collections, and is searched in its place once it is ready. With
    `attached_to` it belongs to that alone: see `documents/attaching.py`.

    `file` is seekable and read twice, never whole into memory. Storage is reserved first. The
    object is stored before the row, outside any transaction: a crash between the two leaves a
    `LooseObject` that is swept, never a document without a file. Raises a ParsingError for a
    refused file, Duplicate, CollectionNotFound, CollectionReadOnly, QuotaExhausted, AwsError; with
    `replaces` NotFound, DocumentReadOnly, SameVersion; with `attached_to` IntegrityError where the
    same file is attached already.
    """
    shown = safe_name(name)
    size, digest, head = file_measured(file)
    media_type = detect(shown, head, size, seen=attached_to is not None)
    if collection_id is not None:
        collection_to_add(actor, collection_id)
    if replaces is not None:
        same_refuse(actor, replaces, digest)
    elif not keep_both:
        duplicate_refuse(actor, digest)
    document_id = uuid4()
    document = Document(
        id=document_id,
        name=shown,
        media_type=media_type.value,
        size=size,
        sha256=digest,
        object_key=f"documents/{document_id}/original",
        created_by_id=actor.user_id,
        bulk=bulk,
        attached_to=attached_to,
    )
    loose_store(document.object_key, size, file)
    try:
        return document_take(
            actor=actor,
            document=document,
            collection_id=collection_id,
            keep_both=keep_both,
            replaces=replaces,
        )
    except (TenantryError, IntegrityError):
        loose_give_back(document.object_key)
        raise


def document_take(
    *,
    actor: Actor,
    document: Document,
    collection_id: UUID | None = None,
    keep_both: bool = True,
    replaces: UUID | None = None,
) -> Document:
    """Make a document of its stored object, in one transaction, and queue its ingestion.

    Where it is refused, the object is loose as before. Raises what `document_upload` raises, and
    UploadInterrupted where the object was given back meanwhile.
    """
    with transaction.atomic():
        if replaces is not None:
            version_begin(actor=actor, document_id=replaces, made=document)
        elif not keep_both:
            _alone(document.sha256)
            duplicate_refuse(actor, document.sha256)
        loose_adopt(document.object_key)
        document.save(force_insert=True)
        if collection_id is not None:
            file_new(actor=actor, document_id=document.id, collection_id=collection_id)
        audit_write(
            actor,
            action=_uploaded_as(document, replaces),
            object_type="document",
            object_id=document.id,
            version=document.version,
            size=document.size,
            media_type=document.media_type,
        )
    _ingestion_send(document.id)
    return document


def _uploaded_as(document: Document, replaces: UUID | None) -> str:
    if document.attached_to is not None:
        return "attachment.upload"
    return "document.replace" if replaces else "document.upload"


def document_delete(*, actor: Actor, document_id: UUID | str) -> None:
    """Delete the document: not retrievable from commit on; the file follows by a task."""
    documents_delete(actor=actor, document_ids=[document_id])


def documents_delete(*, actor: Actor, document_ids: Iterable[UUID | str]) -> None:
    """Delete these documents with their older versions, or none of them.

    Raises NotFound, DocumentReadOnly, LegalHold.
    """
    wanted = set(document_ids)
    with transaction.atomic():
        series_lock(series_of(documents_visible(actor).filter(id__in=wanted)))
        gone: set[UUID] = set()
        for document_id in sorted(wanted, key=str):  # in one order: no deadlock
            if UUID(str(document_id)) in gone:
                continue
            for version in deleted_with(document_locked(actor, document_id)):
                gone.add(version.id)
                _delete(actor, version)
    objects_sweep_soon()


def documents_expire(document_ids: Iterable[UUID]) -> None:
    """Delete documents whose retention is over, whoever may see them. Raises LegalHold."""
    ids = list(document_ids)
    with transaction.atomic():
        series_lock(series_of(Document.objects.filter(id__in=ids)))
        chosen = Document.objects.filter(id__in=ids).order_by("id").select_for_update()
        documents_drop(SYSTEM, chosen)
    objects_sweep_soon()


def documents_drop(actor: Actor, documents: Iterable[Document]) -> None:
    """Delete these locked documents, in the caller's transaction. Raises LegalHold."""
    for document in documents:
        _delete(actor, document)


def objects_sweep_soon() -> None:
    """Have what is due removed from storage."""
    try:
        objects_sweep.dispatch()
    except BrokerError:  # the recovery task sweeps what is due
        log.warning("broker.unavailable", task="documents.objects_sweep")


def _delete(actor: Actor, document: Document) -> None:
    hold_refuse()
    source_remove(document.id)
    quarantine_end(document.id, "deleted")
    unfile([document.id])
    untag([document.id])
    loose_leave(document.object_key)
    release_storage(document.size)
    audit_write(
        actor,
        action="document.delete" if document.attached_to is None else "attachment.delete",
        object_type="document",
        object_id=document.id,
        size=document.size,
    )
    if document.attached_to is None:  # a conversation's files are no events of the workspace
        publish("document.deleted", {"id": str(document.id)})
    document.delete()
    job_id = document.batch_job_id
    if job_id and not Document.objects.filter(batch_job_id=job_id).exists():
        job_stop(job_id)  # nobody is left who wants its vectors
        batch_advance.dispatch(str(job_id))


@transaction.atomic
def documents_move(
    *, actor: Actor, document_ids: Iterable[UUID], collection_ids: Sequence[UUID]
) -> None:
    """Let these documents be in these collections, or in none: for the whole workspace.

    All of them or none. Raises NotFound, DocumentReadOnly, CollectionNotFound, CollectionReadOnly.
    """
    series_lock(series_of(documents_visible(actor).filter(id__in=document_ids)))
    chosen = [document_locked(actor, each) for each in sorted(set(document_ids), key=str)]
    ids = [each.id for each in chosen]
    series = [each.series for each in chosen if each.series]
    versions = Document.objects.order_by().filter(series__in=series).exclude(id__in=ids)
    ids += list(versions.values_list("id", flat=True))  # all are read by the same people
    file_in(actor=actor, document_ids=ids, collection_ids=collection_ids)
    for document_id in ids:
        audit_write(
            actor,
            action="document.move",
            object_type="document",
            object_id=document_id,
            collections=[str(each) for each in collection_ids],
        )


@transaction.atomic
def documents_tag(
    *,
    actor: Actor,
    document_ids: Iterable[UUID],
    tags: Sequence[str],
    way: Literal["set", "tag", "untag"] = "set",
) -> None:
    """Let these documents have these tags: exactly, beside their own, or not any more.

    All of them or none. Raises NotFound, DocumentReadOnly, TagsWrong.
    """
    ids = [document_locked(actor, each).id for each in sorted(set(document_ids), key=str)]
    if way == "set":
        tags_set(ids, tags)
    else:
        tags_change(ids, tags, on=way == "tag")
    for document_id in ids:
        audit_write(
            actor,
            action="document.tag",
            object_type="document",
            object_id=document_id,
            way=way,
            tags=tags_checked(tags),
        )


def documents_act(
    *,
    actor: Actor,
    action: str,
    document_ids: Sequence[UUID],
    collection_ids: Sequence[UUID] = (),
    tags: Sequence[str] = (),
) -> None:
    """Do one of `ACTIONS` to all of these documents. Raises TooManyAtOnce, as each does.

    `tag` and `untag` need tags: without any, TagsWrong.
    """
    if not 1 <= len(document_ids) <= BULK_AT_MOST:
        raise TooManyAtOnce
    if action == "delete":
        documents_delete(actor=actor, document_ids=document_ids)
    elif action in ("tag", "untag"):
        if not tags:
            raise TagsWrong
        way: Literal["tag", "untag"] = "tag" if action == "tag" else "untag"
        documents_tag(actor=actor, document_ids=document_ids, tags=tags, way=way)
    else:
        documents_move(actor=actor, document_ids=document_ids, collection_ids=collection_ids)


def document_rename(*, actor: Actor, document_id: UUID | str, name: str) -> Document:
    """Give the document another name; its extension stays, since it says what the file is.

    Where the workspace masks, the name is masked first: one metered call. Raises NotFound, BadName,
    NameTooLong.
    """
    wanted = whole_name(name)
    document = document_of(actor, document_id)
    extension = _extension(document.name)
    if extension and not wanted.casefold().endswith(extension.casefold()):
        wanted += extension
    wanted = safe_name(wanted)
    masked = masked_name_of(actor, wanted)
    with transaction.atomic():
        document = document_locked(actor, document_id)
        if document.in_flight:
            raise Conflict(gettext("This document is being read; rename it once it is ready."))
        document.name, document.masked_name = wanted, masked if document.masked_with else ""
        document.save(update_fields=["name", "masked_name", "updated_at"])
        source_rename(document.id, name=wanted, masked_name=masked)
        audit_write(actor, action="document.rename", object_type="document", object_id=document.id)
    return document


def _extension(name: str) -> str:
    """Return `.csv` of `Prices.csv`; nothing where what follows the last dot is no extension."""
    stem, dot, extension = name.rpartition(".")
    return f".{extension}" if stem and dot and extension.isalnum() and len(extension) <= 10 else ""


def document_retry(*, actor: Actor, document_id: UUID | str) -> Document:
    """Queue a failed document again, or one that older rules masked; finished work is kept.

    Raises NotRetryable.
    """
    with transaction.atomic():
        document = document_locked(actor, document_id)
        if document.status != Status.FAILED and not mask_stale(document):
            raise NotRetryable
        document_requeue(document)
        audit_write(actor, action="document.retry", object_type="document", object_id=document.id)
    return document


def document_requeue(document: Document) -> None:
    """Have a locked document's ingestion begun anew, once the transaction has committed."""
    document.status = Status.QUEUED
    document.error = document.error_code = ""
    document.attempts = document.waits = document.batch_times = 0
    document.way, document.batch_job_id = Way.UNDECIDED, None
    document.progress = 0
    document.dispatched_at = timezone.now()
    document.save()
    quarantine_end(document.id, "released")
    _ingestion_send(document.id)


def duplicate_refuse(actor: Actor, digest: str) -> None:
    """Refuse content that the actor can read here already. Raises Duplicate."""
    same = documents_current(actor).filter(sha256=digest).order_by("created_at").first()
    if same is not None:
        raise Duplicate(same)


def _alone(digest: str) -> None:
    """Let uploads of one content in one workspace take turns until the transaction ends."""
    turn_take(digest)


def file_measured(file: BinaryIO) -> tuple[int, str, bytes]:
    """Return size, SHA-256 and beginning of the file, reading no further than the size limit."""
    digest = hashlib.sha256()
    size = 0
    file.seek(0)
    head = file.read(HEAD_BYTES)
    part = head
    while part:
        size += len(part)
        digest.update(part)
        if size > MAX_FILE_BYTES:
            break
        part = file.read(READ_BYTES)
    file.seek(0)
    return size, digest.hexdigest(), head


def _ingestion_send(document_id: UUID) -> None:
    """Send the ingestion; without a broker the recovery task sends it later."""
    try:
        document_ingest.dispatch(str(document_id))
    except BrokerError:
        log.warning("broker.unavailable", task="documents.ingest")
