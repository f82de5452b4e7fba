"""Stored objects that no document owns yet, or any more, and the storage that they hold.

Storage is reserved before a byte is stored, and on record with the object: whoever makes the
document takes both over, and what nobody takes over is given back when the object is swept.
"""

from datetime import timedelta
from typing import BinaryIO, Final

from django.db import transaction
from django.db.models.functions import Now

from billing.storage import release_storage, reserve_storage
from documents.errors import UploadInterrupted
from documents.models import LooseObject, Upload
from tenants.errors import TenantryError
from tenants.multipart import multipart_abort
from tenants.objects import object_put

UPLOAD_LIFETIME: Final = timedelta(hours=1)  # after which an unfinished upload's object is swept


@transaction.atomic
def loose_reserve(key: str, size: int, *, lifetime: timedelta = UPLOAD_LIFETIME) -> None:
    """Reserve storage for an object that is to be stored under this key. Raises QuotaExhausted."""
    reserve_storage(size)
    LooseObject.objects.create(key=key, held=size, remove_after=Now() + lifetime)


def loose_store(key: str, size: int, file: BinaryIO) -> None:
    """Reserve storage, then store the file, on record as loose until a document owns it.

    Raises QuotaExhausted, AwsError; then nothing is held.
    """
    loose_reserve(key, size)
    try:
        object_put(key, file, content_type="application/octet-stream")
    except TenantryError:
        loose_give_back(key)
        raise


def loose_adopt(key: str) -> None:
    """Take the object and its storage over, in the transaction that makes its document.

    Raises UploadInterrupted where it was swept or given back meanwhile: what is due stays due.
    """
    found, _ = LooseObject.objects.filter(key=key, remove_after__gt=Now()).delete()
    if not found:
        raise UploadInterrupted


def loose_leave(key: str) -> None:
    """Let the object of a deleted document be swept, in the deletion's transaction."""
    LooseObject.objects.create(key=key, remove_after=Now())


@transaction.atomic
def loose_give_back(key: str) -> None:
    """Give the storage back at once and let the object be swept; unknown keys are no error."""
    loose = LooseObject.objects.select_for_update().filter(key=key).first()
    if loose is None:
        return
    release_storage(loose.held)
    loose.held, loose.remove_after = 0, Now()
    loose.save(update_fields=["held", "remove_after"])


def loose_keep(key: str, lifetime: timedelta) -> bool:
    """Let a loose object stay for so long from now; False where its time has come already."""
    alive = LooseObject.objects.filter(key=key, remove_after__gt=Now())
    return bool(alive.update(remove_after=Now() + lifetime))


def parts_abort(keys: list[str]) -> None:
    """Have S3 drop what came in parts and was never completed, of uploads of these keys."""
    for key, s3_id in Upload.objects.filter(loose__in=keys).values_list("loose_id", "s3_id"):
        if s3_id:
            multipart_abort(key, s3_id)


@transaction.atomic
def loose_forget(keys: list[str]) -> None:
    """Forget objects that have been removed, and give back what they still hold."""
    gone = LooseObject.objects.select_for_update().filter(key__in=keys)
    release_storage(sum(gone.values_list("held", flat=True)))
    LooseObject.objects.filter(key__in=keys).delete()
