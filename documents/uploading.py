"""Large files, straight from the browser to S3 in parts: begun, gone on with, completed, given up.

Storage is reserved first and on record with the key (`documents/loose.py`); whatever is not
completed in time is swept with its parts. The id of an upload is that of the document it becomes:
completing it twice gives the same document.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from documents.access import document_of
from documents.errors import (
    Duplicate,
    UploadBusy,
    UploadDamaged,
    UploadGone,
    UploadIncomplete,
    UploadInterrupted,
    UploadsOff,
    UploadsOpen,
)
from documents.loose import loose_give_back, loose_keep, loose_reserve
from documents.models import Document, Upload
from documents.parsing import detect, safe_name
from documents.parsing.errors import ParsingError
from documents.parsing.sniff import HEAD_BYTES, announced
from documents.services import document_take, duplicate_refuse
from search.access import collection_to_add
from tenants.context import Actor
from tenants.errors import NotFound, TenantryError
from tenants.multipart import (
    Part,
    multipart_abort,
    multipart_begin,
    multipart_complete,
    part_address,
    parts_there,
)
from tenants.objects import object_parts, object_there
from tenants.turns import turn_take

DIRECT_BYTES: Final = 200 * 1024 * 1024  # the largest file
PART_BYTES: Final = 8 * 1024 * 1024  # S3 takes 5 MB and more; the last part may have less
LIFETIME: Final = timedelta(hours=24)
UNDECIDED: Final = timedelta(hours=1)  # that a file stays whose content is here already
CLAIM: Final = timedelta(minutes=2)  # that a completion may take before another may try
ADDRESSES: Final = DIRECT_BYTES // PART_BYTES  # of one request: the whole of the largest file
OPEN_AT_MOST: Final = 50  # unfinished uploads of one user


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an upload: how many bytes it has, and S3's ETag once it is there."""

    number: int
    size: int
    etag: str | None


def direct_from() -> int:
    """Return from how many bytes on the page sends files straight to S3; 0: it never does."""
    return int(settings.UPLOADS_DIRECT_FROM)


def upload_begin(
    *,
    actor: Actor,
    name: str,
    size: int,
    sha256: str = "",
    collection_id: UUID | None = None,
    bulk: bool = False,
    keep_both: bool = True,
) -> Upload:
    """Reserve the storage and begin an upload in parts.

    Without `keep_both`, content that is here already is refused: at once where `sha256` says what
    it is, else on completion. Raises UploadsOff, UploadsOpen, BadName, NameTooLong,
    UnsupportedType, EmptyFile, FileTooLarge, CollectionNotFound, CollectionReadOnly, Duplicate,
    QuotaExhausted, AwsError.
    """
    if not direct_from():
        raise UploadsOff
    shown, digest = safe_name(name), sha256.lower()
    announced(shown, size, max_bytes=DIRECT_BYTES)
    if collection_id is not None:
        collection_to_add(actor, collection_id)
    if digest and not keep_both:
        duplicate_refuse(actor, digest)
    upload_id = uuid4()
    key = f"documents/{upload_id}/original"
    with transaction.atomic():
        turn_take(f"uploads {actor.user_id}")
        if _begun(actor).count() >= OPEN_AT_MOST:
            raise UploadsOpen
        loose_reserve(key, size)
        upload = Upload.objects.create(
            id=upload_id,
            loose_id=key,
            name=shown,
            size=size,
            sha256=digest,
            collection_id=collection_id,
            bulk=bulk,
            keep_both=keep_both,
            created_by_id=actor.user_id,
        )
    try:
        upload.s3_id = multipart_begin(key)
    except TenantryError:
        loose_give_back(key)
        raise
    with transaction.atomic():
        if not loose_keep(key, LIFETIME):
            raise UploadGone
        upload.save(update_fields=["s3_id"])
    return upload_of(actor, upload_id)


def upload_of(actor: Actor, upload_id: UUID) -> Upload:
    """Return an upload that the actor began and that can go on. Raises UploadGone."""
    upload = _unfinished(actor).filter(id=upload_id).first()
    if upload is None:
        raise UploadGone
    return upload


def uploads_open(actor: Actor) -> list[Upload]:
    """Return the actor's uploads that can go on, newest first; `OPEN_AT_MOST` at the most."""
    return list(_unfinished(actor).order_by("-created_at"))


def _begun(actor: Actor) -> QuerySet[Upload]:
    return Upload.objects.filter(created_by_id=actor.user_id, loose__remove_after__gt=Now())


def _unfinished(actor: Actor) -> QuerySet[Upload]:
    return _begun(actor).exclude(s3_id="").select_related("loose")


def pieces_of(upload: Upload) -> list[Piece]:
    """Return all parts of the upload, with the ETags of those that S3 has.

    None at all once they are one object, which only waits to be completed. Raises UploadGone where
    S3 has neither, AwsError.
    """
    found = parts_there(upload.loose_id, upload.s3_id)
    if found is None:
        if not object_there(upload.loose_id):
            raise UploadGone
        return []
    there = {part.number: part for part in found}
    pieces = []
    for number, size in _sizes(upload.size).items():
        part = there.get(number)
        pieces.append(Piece(number, size, part.etag if part and part.size == size else None))
    return pieces


def _sizes(size: int) -> dict[int, int]:
    """Return the bytes of each part of a file, by the part's number."""
    whole, rest = divmod(size, PART_BYTES)
    return dict(enumerate([PART_BYTES] * whole + ([rest] if rest else []), start=1))


def part_addresses(
    *, actor: Actor, upload_id: UUID, numbers: Sequence[int]
) -> list[dict[str, Any]]:
    """Return where each of these parts is PUT, of exactly how many bytes.

    Raises UploadGone, CollectionNotFound, CollectionReadOnly, UploadIncomplete for parts that the
    upload does not have, AwsError.
    """
    upload = upload_of(actor, upload_id)
    _collection_check(actor, upload)
    sizes = _sizes(upload.size)
    if unknown := [number for number in numbers if number not in sizes]:
        raise UploadIncomplete(
            _("This upload has the parts 1 to %(most)s.") % {"most": len(sizes)}, missing=unknown
        )
    return [
        {
            "number": number,
            "size": sizes[number],
            "url": part_address(upload.loose_id, upload.s3_id, number, sizes[number]),
        }
        for number in dict.fromkeys(numbers)
    ]


def _collection_check(actor: Actor, upload: Upload) -> None:
    """Refuse what goes into a collection that was closed to the actor meanwhile."""
    if upload.collection_id is not None:
        collection_to_add(actor, upload.collection_id)


def upload_abort(*, actor: Actor, upload_id: UUID) -> None:
    """Give an upload up: its storage is free at once, its parts and what they made go.

    Raises UploadGone; UploadBusy while it is being completed.
    """
    upload = upload_of(actor, upload_id)
    _claim(upload)
    loose_give_back(upload.loose_id)  # from here on it cannot become a document
    multipart_abort(upload.loose_id, upload.s3_id)


def upload_complete(
    *,
    actor: Actor,
    upload_id: UUID,
    etags: Mapping[int, str] | None = None,
    keep_both: bool = False,
) -> Document:
    """Make the parts one file and that a document, which is then ingested like any other.

    What S3 has is looked at, not what the client says: all parts of their sizes, and of these
    ETags where they are given; then the object's size, its SHA-256 if it was said beforehand, and
    its content. After Duplicate the file stays for `UNDECIDED`, to be completed with `keep_both`.
    Raises UploadGone, UploadBusy, UploadIncomplete, UploadDamaged, and what `document_upload`
    raises; a file that is refused for good gives its storage back.
    """
    try:
        upload = upload_of(actor, upload_id)
    except UploadGone:
        return _completed(actor, upload_id)
    _claim(upload)
    try:
        _collection_check(actor, upload)
        _joined(upload, etags or {})
        return document_take(
            actor=actor,
            document=_checked(upload),
            collection_id=upload.collection_id,
            keep_both=keep_both or upload.keep_both,
        )
    except Duplicate:
        loose_keep(upload.loose_id, UNDECIDED)
        _let_go(upload)
        raise
    except UploadInterrupted:  # another completion was quicker, or its day has passed
        return _completed(actor, upload_id)
    except (ParsingError, UploadDamaged, UploadGone, IntegrityError):
        loose_give_back(upload.loose_id)
        raise
    except TenantryError:
        _let_go(upload)
        raise


def _completed(actor: Actor, upload_id: UUID) -> Document:
    """Return what an upload has become already."""
    try:
        document = document_of(actor, upload_id)
    except NotFound as error:
        raise UploadGone from error
    if document.created_by_id != actor.user_id:
        raise UploadGone
    return document


def _claim(upload: Upload) -> None:
    """Let one completion, or one end, at a time go on. Raises UploadBusy."""
    free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
    claimed = Upload.objects.filter(free, id=upload.id)
    if not claimed.update(claimed_until=Now() + CLAIM):
        raise UploadBusy


def _let_go(upload: Upload) -> None:
    Upload.objects.filter(id=upload.id).update(claimed_until=None)


def _joined(upload: Upload, etags: Mapping[int, str]) -> None:
    """Have S3 make one object of the parts; one that is there already is as good."""
    there = parts_there(upload.loose_id, upload.s3_id)
    if there is None:  # joined by a completion that did not come to its end
        return
    by_number = {part.number: part for part in there}
    sizes = _sizes(upload.size)
    wrong = [
        number
        for number, size in sizes.items()
        if not _fits(by_number.get(number), size, etags.get(number))
    ]
    if wrong:
        raise UploadIncomplete(missing=wrong)
    multipart_complete(upload.loose_id, upload.s3_id, [by_number[number] for number in sizes])


def _fits(part: Part | None, size: int, etag: str | None) -> bool:
    if part is None or part.size != size:
        return False
    return etag is None or part.etag == etag.strip('"')


def _checked(upload: Upload) -> Document:
    """Read the object through and return the document that it makes.

    Raises UploadGone, UploadDamaged, AwsError, a ParsingError for a refused file.
    """
    parts = object_parts(upload.loose_id)
    if parts is None:
        raise UploadGone
    digest, size, head = hashlib.sha256(), 0, b""
    for part in parts:
        digest.update(part)
        size += len(part)
        if len(head) < HEAD_BYTES:
            head += part[: HEAD_BYTES - len(head)]
    if size != upload.size or (upload.sha256 and digest.hexdigest() != upload.sha256):
        raise UploadDamaged
    media_type = detect(upload.name, head, size, max_bytes=DIRECT_BYTES)
    return Document(
        id=upload.id,
        name=upload.name,
        media_type=media_type.value,
        size=size,
        sha256=digest.hexdigest(),
        object_key=upload.loose_id,
        created_by_id=upload.created_by_id,
        bulk=upload.bulk,
    )
