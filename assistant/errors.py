"""What can go wrong in a conversation or in writing."""

from typing import Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from tenants.errors import Conflict, Invalid, NotFound, TenantryError
from tenants.wording import grouped_lazy

MESSAGE_CHARACTERS: Final = 8_000
MOST_ATTACHED: Final = 10  # files of one message
FRAME_BYTES: Final = 64 * 1024
INSTRUCTION_CHARACTERS: Final = 4_000
TEXT_CHARACTERS: Final = 40_000
WRITE_DOCUMENTS: Final = 10


class MessageEmpty(Invalid):
    code = "message_empty"
    status = 422
    title = _("Write something first")


class MessageTooLong(Invalid):
    code = "message_too_long"
    status = 422
    title = format_lazy(
        _("A message holds at most {most} characters; shorten it"),
        most=grouped_lazy(MESSAGE_CHARACTERS),
    )


class TurnRunning(Conflict):
    code = "turn_running"
    title = _("The last answer is still being written; stop it or wait for it")


class AlreadyAsked(Conflict):
    """A question that is said once more, because its sender did not hear that it was taken."""

    code = "already_asked"
    title = _("This question has been asked already")


class QuestionIdTaken(Conflict):
    code = "question_id_taken"
    title = _("Another message has this id; give the question a new one")


class NoSuchAttachment(NotFound):
    code = "no_such_attachment"
    title = _("This conversation has no such attached file; attach it again")


class TooManyAttached(Invalid):
    code = "too_many_attachments"
    status = 422
    title = format_lazy(
        _("A message takes {most} files; send some of them with the next one"), most=MOST_ATTACHED
    )


class AttachmentNotReady(Conflict):
    code = "attachment_not_ready"
    title = _("An attached file is still being read; send the message once it is ready")


class AttachmentFailed(Conflict):
    code = "attachment_failed"
    title = _("An attached file could not be read; remove it and send the message again")


class AttachmentSent(Conflict):
    code = "attachment_sent"
    title = _("This file went with a message and stays with it, until the conversation is deleted")


class BadFrame(Invalid):
    """A socket frame that is no JSON object of a known type with the right members."""

    code = "bad_frame"
    title = _("This frame could not be read; its type or members are unknown")


class NoSuchAction(NotFound):
    code = "no_such_action"
    title = _("No action with this id is waiting for your decision")


class ActionDecided(Conflict):
    code = "action_decided"
    title = _("This has been decided already; nothing is done twice")


class ActionExpired(Conflict):
    code = "action_expired"
    title = _("This proposal has expired and nothing was changed; ask again")


class NotExportable(Invalid):
    code = "export_kind_unknown"
    title = _("A conversation is exported as markdown or json")


class TextNotExportable(Invalid):
    code = "export_kind_unknown"
    title = _("A text is exported as markdown or docx")


class VersionUnknown(NotFound):
    code = "version_unknown"
    title = _("This text has no such version")


class DecisionStands(Conflict):
    code = "decision_stands"
    title = _("A decision cannot be edited; ask again instead")


class Interrupted(TenantryError):
    """The process that wrote the answer ended; what had arrived is kept."""

    code = "interrupted"
    status = 503
    retryable = True
    title = _("The answer was interrupted; what had arrived is kept, and you can ask again")


class NothingToWrite(Invalid):
    """The task lacks what it works on."""

    code = "nothing_to_write"
    status = 422
    title = _("Give the task something to work on")


class TextTooLong(Invalid):
    code = "text_too_long"
    status = 422
    title = format_lazy(
        _("A text holds at most {most} characters; upload it as a document instead"),
        most=grouped_lazy(TEXT_CHARACTERS),
    )


class InstructionsTooLong(Invalid):
    code = "instructions_too_long"
    status = 422
    title = format_lazy(
        _("Instructions hold at most {most} characters; shorten them"),
        most=grouped_lazy(INSTRUCTION_CHARACTERS),
    )


class TooManyDocuments(Invalid):
    code = "too_many_documents"
    status = 422
    title = format_lazy(_("Choose at most {most} documents"), most=WRITE_DOCUMENTS)


class DocumentNotReady(Conflict):
    code = "document_not_ready"
    title = _("A chosen document has not been read yet; wait until it is ready")
