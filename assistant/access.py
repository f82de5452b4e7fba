"""Who may touch which conversation: its owner alone."""

from uuid import UUID

from django.db.models import QuerySet

from assistant.models import Conversation, Message, MessageRole
from tenants.context import Actor
from tenants.errors import NotFound


def conversations_visible(actor: Actor) -> QuerySet[Conversation]:
    """Return the actor's own conversations."""
    return Conversation.objects.filter(owner_id=actor.user_id)


def conversation_of(actor: Actor, conversation_id: UUID | str) -> Conversation:
    """Return the conversation. Raises NotFound for a missing one and another user's alike."""
    conversation = conversations_visible(actor).filter(id=conversation_id).first()
    if conversation is None:
        raise NotFound("There is no such conversation.")
    return conversation


def answer_of(conversation: Conversation, message_id: UUID | str) -> Message:
    """Return an answer of the conversation. Raises NotFound."""
    message = conversation.messages.filter(id=message_id, role=MessageRole.ASSISTANT).first()
    if message is None:
        raise NotFound("There is no such answer in this conversation.")
    return message
