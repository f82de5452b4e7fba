"""What can go wrong with documents and questions. Files' own faults are in `parsing/errors.py`."""

from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy, override
from django.utils.translation import gettext as _

from documents.parsing.errors import BY_CODE
from tenants.errors import Conflict, Forbidden, Invalid, NotFound, TenantryError, Unavailable
from tenants.wording import grouped_lazy

QUESTION_CHARACTERS: Final = 4_000
CHOSEN_DOCUMENTS: Final = 200
BULK_AT_MOST: Final = 200  # documents that one action may be about


class UploadInterrupted(Conflict):
    """The stored bytes were swept away before the upload finished (it took over an hour)."""

    code = "upload_interrupted"
    title = gettext_lazy("The upload took too long and was given up; upload the file again")


class UploadsOff(Conflict):
    """The deployment takes every file through the product: browsers do not reach its storage."""

    code = "uploads_off"
    title = gettext_lazy("Files are not sent straight to storage here; use POST documents/")


class UploadsOpen(Conflict):
    code = "uploads_open"
    title = gettext_lazy("Too many of your uploads are unfinished; complete or cancel some first")


class UploadGone(NotFound):
    code = "upload_gone"
    title = gettext_lazy("This upload is over, or its day has passed; upload the file again")


class UploadBusy(Conflict):
    code = "upload_busy"
    title = gettext_lazy("This upload is being completed; look again in a moment")

    def __init__(self) -> None:
        super().__init__(retry_after=2)


class UploadIncomplete(Conflict):
    """Parts are not there, or not as they should be: `missing` has their numbers."""

    code = "upload_incomplete"
    title = gettext_lazy(
        "Parts of this upload are missing or damaged; send them again, then complete it"
    )


class UploadDamaged(TenantryError):
    code = "upload_damaged"
    status = 422
    title = gettext_lazy(
        "What arrived is not the file that was announced; nothing was kept. Upload it again"
    )


class Duplicate(Conflict):
    """The same bytes are here already, where the actor can read them; nothing was stored."""

    code = "duplicate"

    def __init__(self, same: Any) -> None:
        super().__init__(
            _("The same content is here already as “%(name)s”. Keep both, or leave it at that.")
            % {"name": same.name},
            document_id=str(same.id),
            document_name=same.name,
        )


class SameVersion(Conflict):
    """The file equals the newest version, byte for byte; nothing was stored."""

    code = "same_version"
    title = gettext_lazy(
        "This file has the same content as the newest version, so nothing was replaced"
    )


class TooManyAtOnce(Invalid):
    title = format_lazy(
        gettext_lazy("Choose from 1 to {most} documents at once"), most=BULK_AT_MOST
    )


class NotRetryable(Conflict):
    code = "not_retryable"
    title = gettext_lazy(
        "Only a document that failed, or was masked by older rules, can be tried again"
    )


class DocumentReadOnly(Forbidden):
    """The actor may read the document's collection, and not add to it."""

    title = gettext_lazy(
        "You may read this document, not change it; ask the owner of its collection"
    )


class UnmaskForbidden(Forbidden):
    """Personal data in documents is for a few roles: see `documents.access.UNMASK_ROLES`."""

    code = "forbidden"
    title = gettext_lazy(
        "Personal data in this workspace's documents is shown to owners and admins only"
    )


class PageMissing(NotFound):
    title = gettext_lazy("This document has no such page, or the page cannot be drawn")


class PagesHidden(Conflict):
    """Pages as they look are of PDF files that are ready, and that hold nothing masked."""

    code = "pages_not_shown"
    title = gettext_lazy("The pages of this document are not shown as they look; read its text")


class PagesBusy(Unavailable):
    code = "pages_busy"
    title = gettext_lazy("Too many pages are being drawn just now; try again in a moment")


class StoredFileMissing(TenantryError):
    code = "stored_file_missing"
    status = 422
    title = gettext_lazy(
        "The uploaded file is no longer in storage. Delete this entry and upload it again."
    )


class Quarantined(TenantryError):
    """The process that read the document died each time."""

    code = "quarantined"
    status = 422
    title = gettext_lazy(
        "Reading this document stopped the reader several times, so it was set aside. "
        "Save it again in its own program and upload that, or try again."
    )


class ServiceBusy(Unavailable):
    """A needed service kept refusing for longer than the ingestion waits."""

    code = "service_busy"
    title = gettext_lazy(
        "A service that reads documents did not answer for a long time. Try again."
    )


class CopyRefused(TenantryError):
    """The Knowledge Base that searches the workspace's documents did not take a passage of it."""

    code = "copy_refused"
    status = 422
    title = gettext_lazy("The search index did not take a passage of this document. Try again.")


class LeaseLost(Exception):
    """Another delivery took the document over, or it was deleted: this one stops without a word."""


class QuestionEmpty(Invalid):
    code = "question_empty"
    title = gettext_lazy("Write a question")


class QuestionTooLong(Invalid):
    code = "question_too_long"
    title = format_lazy(
        gettext_lazy("A question may have {most} characters; shorten it"),
        most=grouped_lazy(QUESTION_CHARACTERS),
    )


class TooManyChosen(Invalid):
    code = "too_many_documents"
    title = format_lazy(
        gettext_lazy("Choose {most} documents or fewer, or ask them all"), most=CHOSEN_DOCUMENTS
    )


def reason_told(document: Any) -> str:
    """Return why a document failed, in the reader's language; rows keep it in English."""
    named = BY_CODE.get(document.error_code)
    if named is not None:
        with override("en"):
            usual = str(named.title) == document.error
        if usual:
            return str(named.title)
    return gettext(document.error) if document.error else ""
