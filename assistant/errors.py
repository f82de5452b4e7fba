"""What can go wrong in a conversation."""

from typing import Final

from tenants.errors import Conflict, Invalid, NotFound, TenantryError

MESSAGE_CHARACTERS: Final = 8_000
FRAME_BYTES: Final = 64 * 1024


class MessageEmpty(Invalid):
    code = "message_empty"
    status = 422
    title = "Write something first"


class MessageTooLong(Invalid):
    code = "message_too_long"
    status = 422
    title = f"A message holds at most {MESSAGE_CHARACTERS:,} characters; shorten it"


class TurnRunning(Conflict):
    code = "turn_running"
    title = "The last answer is still being written; stop it or wait for it"


class BadFrame(Invalid):
    """A socket frame that is no JSON object of a known type with the right members."""

    code = "bad_frame"
    title = "This frame could not be read; its type or members are unknown"


class NoSuchAction(NotFound):
    code = "no_such_action"
    title = "No action with this id is waiting for your decision"


class Interrupted(TenantryError):
    """The process that wrote the answer ended; what had arrived is kept."""

    code = "interrupted"
    status = 503
    retryable = True
    title = "The answer was interrupted; what had arrived is kept, and you can ask again"
