"""Files that people attach to a message: the conversation's own, read by whoever may see it.

A file is attached to a conversation first, where it is read like any document, and then goes with a
message. What a message has is kept with it: an edited question keeps its files, and those of a
branch are at hand for all that follows on it.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, BinaryIO, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast, JSONArray, JSONObject
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from assistant.access import conversation_of, conversations_visible
from assistant.errors import (
    MOST_ATTACHED,
    AttachmentFailed,
    AttachmentNotReady,
    AttachmentSent,
    NoSuchAttachment,
    TooManyAttached,
)
from assistant.models import Conversation, Message
from assistant.selectors import thread_of
from bedrock.gateway import pictures_require
from bedrock.prompting import feature_require
from documents.attaching import attached_delete, attached_keep, documents_attached
from documents.errors import reason_told
from documents.models import Document, Status
from documents.parsing import detect, safe_name
from documents.parsing.model import PICTURES
from documents.parsing.ocr import ocr_installed
from documents.services import document_upload, file_measured
from tenants.accounts.models import role_reaches
from tenants.context import SYSTEM, Actor, current
from tenants.errors import Forbidden, NotFound

MOST_WAITING: Final = 2 * MOST_ATTACHED  # files of a conversation that no message has yet
UNSENT_KEPT: Final = timedelta(days=1)


def attachment_add(
    *, actor: Actor, conversation_id: UUID, file: BinaryIO, name: str
) -> tuple[Document, bool]:
    """Attach a file to the actor's conversation and have it read; return whether it is new.

    The same file once more is the one that the conversation has already. Raises NotFound,
    FeatureOff, TooManyAttached, and what `document_upload` raises; for a picture that could neither
    be shown to a model nor read, PictureNotMasked or PicturesUnseen.
    """
    feature_require("assistant")
    conversation_of(actor, conversation_id)
    size, digest, head = file_measured(file)
    if detect(safe_name(name), head, size, seen=True) in PICTURES and not ocr_installed():
        pictures_require(current())
    there = documents_attached(conversation_id).filter(sha256=digest, name=safe_name(name))
    if (same := there.first()) is not None:
        return same, False
    if len(attachments_unsent(conversation_id)) >= MOST_WAITING:
        raise TooManyAttached
    try:
        made = document_upload(actor=actor, file=file, name=name, attached_to=conversation_id)
    except IntegrityError:  # of two at once, one has been faster
        return there.get(), False
    return made, True


def attachments_unsent(conversation_id: UUID) -> list[Document]:
    """Return the files of a conversation that no message has, the first first.

    A statement, and one more where it has files.
    """
    files = list(documents_attached(conversation_id))
    sent = _sent(conversation_id) if files else set()
    return [each for each in files if str(each.id) not in sent]


def _sent(conversation_id: UUID) -> set[str]:
    messages = Message.objects.filter(conversation_id=conversation_id).exclude(attached=[])
    return ids_of(messages.values_list("attached", flat=True))


def ids_of(attached: Iterable[list[dict[str, Any]]]) -> set[str]:
    """Return the ids of what messages have attached."""
    return {each["id"] for some in attached for each in some}


def attachment_of(actor: Actor, conversation_id: UUID, attachment_id: UUID) -> Document:
    """Return a file of the actor's conversation. Raises NotFound, NoSuchAttachment."""
    conversation_of(actor, conversation_id)
    found = documents_attached(conversation_id).filter(id=attachment_id).first()
    if found is None:
        raise NoSuchAttachment
    return found


@transaction.atomic
def attachment_remove(*, actor: Actor, conversation_id: UUID, attachment_id: UUID) -> None:
    """Take a file back that no message has; whatever reads it stops.

    Raises NotFound, NoSuchAttachment, AttachmentSent, LegalHold.
    """
    _held(actor, conversation_id)
    attachment_of(actor, conversation_id, attachment_id)
    if str(attachment_id) in _sent(conversation_id):
        raise AttachmentSent
    attached_delete(actor, [conversation_id], only=attachment_id)


@transaction.atomic
def attachment_keep(*, actor: Actor, conversation_id: UUID, attachment_id: UUID) -> Document:
    """Make an attached file a document of the workspace, for everybody in it.

    Raises NotFound, NoSuchAttachment, AttachmentNotReady, AttachmentFailed, Forbidden.
    """
    if not role_reaches(actor.role, "member"):
        raise Forbidden(
            gettext("Members add documents to this workspace; ask one of them to keep the file.")
        )
    _held(actor, conversation_id)
    attachment_of(actor, conversation_id, attachment_id)
    document = documents_attached(conversation_id).select_for_update().get(id=attachment_id)
    _ready_require(document)
    attached_keep(actor, document)
    return document


def _held(actor: Actor, conversation_id: UUID) -> None:
    """Hold the actor's conversation until the transaction ends. Raises NotFound."""
    own = conversations_visible(actor).select_for_update(of=("self",))
    if not own.filter(id=conversation_id).exists():
        raise NotFound(gettext("There is no such conversation."))


def attached_checked(conversation_id: UUID, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Return what a message keeps of its files, in the order given; one statement, none without.

    Raises TooManyAttached, NoSuchAttachment, AttachmentNotReady, AttachmentFailed.
    """
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST_ATTACHED:
        raise TooManyAttached
    if not wanted:
        return []
    found = {each.id: each for each in documents_attached(conversation_id).filter(id__in=wanted)}
    if len(found) < len(wanted):
        raise NoSuchAttachment
    for each in wanted:
        _ready_require(found[each])
    return [attached_dict(found[each]) for each in wanted]


def _ready_require(document: Document) -> None:
    if document.status == Status.FAILED:
        raise AttachmentFailed(
            gettext("“%(name)s” could not be read: %(why)s")
            % {"name": document.name, "why": reason_told(document)}
        )
    if document.status != Status.READY:
        raise AttachmentNotReady


def attached_dict(document: Document) -> dict[str, Any]:
    """Return what a message keeps of a file."""
    return {
        "id": str(document.id),
        "name": document.name,
        "media_type": document.media_type,
        "size": document.size,
    }


def attachment_dict(document: Document) -> dict[str, Any]:
    """Return a file that is attached, and how far its reading is, as REST has it."""
    failed = document.status == Status.FAILED
    return {
        **attached_dict(document),
        "status": document.status,
        "progress": document.progress,
        "error": {"code": document.error_code, "detail": document.error} if failed else None,
        "url": reverse("document_view", args=[document.id]),
    }


def holders_seen(actor: Actor) -> QuerySet[Any]:
    """Return the ids of the conversations that the actor may read, of shared ones a branch."""
    seen = Q(owner_id=actor.user_id) | Q(shared_at__isnull=False)
    return Conversation.objects.filter(seen).values("id")


def attachment_address(actor: Actor, document: Document) -> str:
    """Return where the actor reads the conversation that a file belongs to; "" for nobody's eyes.

    Others than its user see a shared conversation's shown branch, and so the files of that alone.
    """
    if document.attached_to is None:
        return ""
    conversation = Conversation.objects.filter(id=document.attached_to).first()
    if conversation is None:
        return ""
    if conversation.owner_id == actor.user_id:
        return reverse("conversation", args=[conversation.id])
    if conversation.shared_at is None:
        return ""
    shown = ids_of(message.attached for message in thread_of(conversation))
    if str(document.id) not in shown:
        return ""
    return reverse("conversation_shared", args=[conversation.id])


def attachments_tidy() -> int:
    """Delete files that nobody sent within a day, or whose conversation is gone; return how many.

    One statement where there is none, however many were sent. Raises LegalHold.
    """
    sent = Message.objects.filter(
        conversation_id=OuterRef("attached_to"),
        attached__contains=JSONArray(JSONObject(id=Cast(OuterRef("pk"), TextField()))),
    )
    unsent = Document.objects.filter(
        ~Exists(sent), attached_to__isnull=False, created_at__lt=timezone.now() - UNSENT_KEPT
    )
    gone = 0
    for file, holder in list(unsent.values_list("id", "attached_to")):
        assert holder is not None  # the query's condition
        if unsent.filter(id=file).exists():  # not sent just now
            attached_delete(SYSTEM, [holder], only=file)
            gone += 1
    return gone
