"""Who may touch which conversation: its owner alone."""

from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from assistant.models import Conversation, Message, MessageRole
from tenants.accounts.models import role_reaches
from tenants.context import Actor
from tenants.errors import NotFound


def id_of(given: str) -> UUID | None:
    """Return the id that an address or a form names; None for what is no id."""
    try:
        return UUID(given)
    except ValueError:
        return None


def conversations_visible(actor: Actor) -> QuerySet[Conversation]:
    """Return the actor's own conversations."""
    return Conversation.objects.filter(owner_id=actor.user_id)


def conversation_of(actor: Actor, conversation_id: UUID | str) -> Conversation:
    """Return the conversation. Raises NotFound for a missing one and another user's alike."""
    conversation = conversations_visible(actor).filter(id=conversation_id).first()
    if conversation is None:
        raise NotFound(_("There is no such conversation."))
    return conversation


def conversations_shared_with(actor: Actor) -> QuerySet[Conversation]:
    """Return what others share: everybody in the workspace may read it, nobody outside."""
    shared = Conversation.objects.filter(shared_at__isnull=False)
    return shared.exclude(owner_id=actor.user_id)


def conversation_shared_with(actor: Actor, conversation_id: UUID | str) -> Conversation:
    """Return a conversation that is shared, its own user's too. Raises NotFound."""
    shared = Conversation.objects.filter(shared_at__isnull=False).select_related("owner")
    conversation = shared.filter(id=conversation_id).first()
    if conversation is None:
        raise NotFound(_("There is no such conversation."))
    return conversation


def answer_of(conversation: Conversation, message_id: UUID | str) -> Message:
    """Return an answer of the conversation. Raises NotFound."""
    message = (
        conversation.messages.select_related("parent")
        .filter(id=message_id, role=MessageRole.ASSISTANT)
        .first()
    )
    if message is None:
        raise NotFound(_("There is no such answer in this conversation."))
    return message


def message_of(conversation: Conversation, message_id: UUID | str) -> Message:
    """Return a message of the conversation. Raises NotFound."""
    message = conversation.messages.filter(id=message_id).first()
    if message is None:
        raise NotFound(_("There is no such message in this conversation."))
    return message


def question_of(conversation: Conversation, message_id: UUID | str) -> Message:
    """Return a question of the conversation. Raises NotFound."""
    message = message_of(conversation, message_id)
    if message.role != MessageRole.USER:
        raise NotFound(_("There is no such question in this conversation."))
    return message


def answer_to_explain(actor: Actor, message_id: UUID | str) -> Message:
    """Return an answer whose policy decision the actor may see: its owner, and admins.

    Admins learn how an answer was made and what it cost, never what it says. Raises NotFound.
    """
    answers = Message.objects.filter(id=message_id, role=MessageRole.ASSISTANT)
    if not role_reaches(actor.role, "admin"):
        answers = answers.filter(conversation__owner_id=actor.user_id)
    message = answers.defer("text", "citations").first()
    if message is None:
        raise NotFound(_("There is no such answer."))
    return message


def message_address(actor: Actor, request_id: UUID) -> str:
    """Return where the actor may read the answer of a request; "" where it is not theirs to read.

    Theirs is what they own or what its owner shares.
    """
    answers = Message.objects.filter(request_id=request_id, role=MessageRole.ASSISTANT)
    found = answers.select_related("conversation").only("id", "conversation").first()
    if found is None:
        return ""
    if found.conversation.owner_id == actor.user_id:
        return message_in(found.conversation_id, found.id)
    if found.conversation.shared_at is not None:
        return message_in(found.conversation_id, found.id, page="conversation_shared")
    return ""


def message_in(conversation_id: UUID, message_id: UUID | str, *, page: str = "conversation") -> str:
    """Return where a message is read, by its owner or else as shared: its conversation's page.

    The page holds the newest messages and those about this one, to which the fragment leads.
    """
    return f"{reverse(page, args=[conversation_id])}?message={message_id}#m-{message_id}"
