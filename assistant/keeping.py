"""What its user does with a conversation beside talking: pin it, share it, judge an answer."""

from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from assistant.access import answer_of, conversation_of
from assistant.models import Conversation, Message, Rating
from tenants.accounts.audit import audit_write
from tenants.context import Actor
from tenants.errors import Invalid
from tenants.naming import many_lines
from tenants.wording import grouped

REASON_CHARACTERS: Final = 1_000


def conversation_pin(*, actor: Actor, conversation_id: UUID, pinned: bool) -> Conversation:
    """Keep the conversation above the others in its user's list, or no longer. Raises NotFound."""
    conversation = conversation_of(actor, conversation_id)
    if pinned != (conversation.pinned_at is not None):
        conversation.pinned_at = timezone.now() if pinned else None
        conversation.save(update_fields=["pinned_at"])
    return conversation


@transaction.atomic
def conversation_share(*, actor: Actor, conversation_id: UUID, shared: bool) -> Conversation:
    """Let everybody in the workspace read the conversation, or nobody any more. Raises NotFound.

    They read the branch that is shown, as it goes on; what it cites opens only for who may read it.
    """
    conversation = conversation_of(actor, conversation_id)
    if shared != (conversation.shared_at is not None):
        conversation.shared_at = timezone.now() if shared else None
        conversation.save(update_fields=["shared_at"])
        audit_write(
            actor,
            action="conversation.share" if shared else "conversation.unshare",
            object_type="conversation",
            object_id=conversation.id,
        )
    return conversation


def answer_rate(
    *, actor: Actor, conversation_id: UUID, message_id: UUID | str, rating: str, reason: str = ""
) -> Message:
    """Keep what its user thinks of an answer; an empty rating takes it back.

    Raises NotFound, Invalid.
    """
    if rating and rating not in Rating.values:
        raise Invalid(_("A rating is up, down or empty."))
    said = many_lines(reason)
    if len(said) > REASON_CHARACTERS:
        raise Invalid(
            _("A reason holds at most %(most)s characters; shorten it.")
            % {"most": grouped(REASON_CHARACTERS)}
        )
    message = answer_of(conversation_of(actor, conversation_id), message_id)
    message.rating, message.rating_reason = rating, said if rating else ""
    message.save(update_fields=["rating", "rating_reason"])
    return message


def rating_dict(message: Message) -> dict[str, Any]:
    """Return a rating as REST has it."""
    return {"rating": message.rating or None, "reason": message.rating_reason}
