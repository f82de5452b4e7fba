"""What can go wrong with documents and questions. Files' own faults are in `parsing/errors.py`."""

from typing import Any, Final

from tenants.errors import Conflict, Forbidden, Invalid, NotFound, TenantryError, Unavailable

QUESTION_CHARACTERS: Final = 4_000
CHOSEN_DOCUMENTS: Final = 200
BULK_AT_MOST: Final = 200  # documents that one action may be about


class UploadInterrupted(Conflict):
    """The stored bytes were swept away before the upload finished (it took over an hour)."""

    code = "upload_interrupted"
    title = "The upload took too long and was given up; upload the file again"


class Duplicate(Conflict):
    """The same bytes are here already, where the actor can read them; nothing was stored."""

    code = "duplicate"

    def __init__(self, same: Any) -> None:
        super().__init__(
            f"The same content is here already as “{same.name}”. Keep both, or leave it at that.",
            document_id=str(same.id),
            document_name=same.name,
        )


class SameVersion(Conflict):
    """The file equals the newest version, byte for byte; nothing was stored."""

    code = "same_version"
    title = "This file has the same content as the newest version, so nothing was replaced"


class TooManyAtOnce(Invalid):
    title = f"Choose from 1 to {BULK_AT_MOST} documents at once"


class NotRetryable(Conflict):
    code = "not_retryable"
    title = "Only a document that failed, or was masked by older rules, can be tried again"


class DocumentReadOnly(Forbidden):
    """The actor may read the document's collection, and not add to it."""

    title = "You may read this document, not change it; ask the owner of its collection"


class UnmaskForbidden(Forbidden):
    """Personal data in documents is for a few roles: see `documents.access.UNMASK_ROLES`."""

    code = "forbidden"
    title = "Personal data in this workspace's documents is shown to owners and admins only"


class PageMissing(NotFound):
    title = "This document has no such page, or the page cannot be drawn"


class PagesHidden(Conflict):
    """Pages as they look are of PDF files that are ready, and that hold nothing masked."""

    code = "pages_not_shown"
    title = "The pages of this document are not shown as they look; read its text"


class PagesBusy(Unavailable):
    code = "pages_busy"
    title = "Too many pages are being drawn just now; try again in a moment"


class StoredFileMissing(TenantryError):
    code = "stored_file_missing"
    status = 422
    title = "The uploaded file is no longer in storage. Delete this entry and upload it again."


class Quarantined(TenantryError):
    """The process that read the document died each time."""

    code = "quarantined"
    status = 422
    title = (
        "Reading this document stopped the reader several times, so it was set aside. "
        "Save it again in its own program and upload that, or try again."
    )


class ServiceBusy(Unavailable):
    """A needed service kept refusing for longer than the ingestion waits."""

    code = "service_busy"
    title = "A service that reads documents did not answer for a long time. Try again."


class CopyRefused(TenantryError):
    """The Knowledge Base that searches the workspace's documents did not take a passage of it."""

    code = "copy_refused"
    status = 422
    title = "The search index did not take a passage of this document. Try again."


class LeaseLost(Exception):
    """Another delivery took the document over, or it was deleted: this one stops without a word."""


class QuestionEmpty(Invalid):
    code = "question_empty"
    title = "Write a question"


class QuestionTooLong(Invalid):
    code = "question_too_long"
    title = f"A question may have {QUESTION_CHARACTERS:,} characters; shorten it"


class TooManyChosen(Invalid):
    code = "too_many_documents"
    title = f"Choose {CHOSEN_DOCUMENTS} documents or fewer, or ask them all"
