"""Make, rename and delete conversations; begin, end and reap turns in the database."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from assistant.access import answer_of, conversation_of, conversations_visible
from assistant.errors import MESSAGE_CHARACTERS, MessageEmpty, MessageTooLong, TurnRunning
from assistant.frames import frames_after
from assistant.models import Conversation, Message, MessageRole, MessageStatus, Turn
from documents.citations import Citation
from tenants.accounts.audit import audit_write
from tenants.context import Actor
from tenants.errors import Invalid

LEASE: Final = timedelta(seconds=15)
TITLE_CHARACTERS: Final = 120


def conversation_create(*, actor: Actor, title: str = "") -> Conversation:
    """Make an empty conversation of the actor's own."""
    return Conversation.objects.create(owner_id=actor.user_id, title=title_checked(title))


def title_checked(title: str) -> str:
    """Return a title on one line. Raises Invalid beyond TITLE_CHARACTERS."""
    line = " ".join(title.replace("\x00", "").split())
    if len(line) > TITLE_CHARACTERS:
        raise Invalid(f"A title holds at most {TITLE_CHARACTERS} characters.")
    return line


def conversation_rename(*, actor: Actor, conversation_id: UUID, title: str) -> Conversation:
    """Give the conversation another title."""
    conversation = conversation_of(actor, conversation_id)
    conversation.title = title_checked(title)
    conversation.save(update_fields=["title", "updated_at"])
    return conversation


@transaction.atomic
def conversation_delete(*, actor: Actor, conversation_id: UUID) -> None:
    """Delete the conversation with all its messages."""
    conversation = conversation_of(actor, conversation_id)
    audit_write(
        actor,
        action="conversation.delete",
        object_type="conversation",
        object_id=conversation.id,
    )
    conversation.delete()


def message_checked(text: Any) -> str:
    """Return a message's text. Raises MessageEmpty or MessageTooLong; nothing is ever cut."""
    said = text.replace("\x00", "").strip() if isinstance(text, str) else ""
    if not said:
        raise MessageEmpty
    if len(said) > MESSAGE_CHARACTERS:
        raise MessageTooLong(limit=MESSAGE_CHARACTERS)
    return said


def turn_begin(*, actor: Actor, conversation_id: UUID, text: str) -> Turn:
    """Add the user's message and the place of its answer, and take the lease.

    Raises NotFound, MessageEmpty, MessageTooLong, TurnRunning.
    """
    said = message_checked(text)
    with transaction.atomic():
        conversation = _locked(actor, conversation_id)
        last = conversation.messages.order_by("-created_at", "-id").first()
        question = Message.objects.create(
            conversation=conversation, parent=last, role=MessageRole.USER, text=said
        )
        return _turn(conversation, question)


def turn_again(*, actor: Actor, conversation_id: UUID, message_id: UUID | str) -> Turn:
    """Make another answer to the question that `message_id` answered.

    Raises NotFound, TurnRunning.
    """
    with transaction.atomic():
        conversation = _locked(actor, conversation_id)
        question = answer_of(conversation, message_id).parent
        assert question is not None  # an answer always has its question
        return _turn(conversation, question)


def _locked(actor: Actor, conversation_id: UUID) -> Conversation:
    conversation = conversation_of(actor, conversation_id)
    turn_reap(conversation.id)
    return conversations_visible(actor).select_for_update().get(id=conversation.id)


def _turn(conversation: Conversation, question: Message) -> Turn:
    Conversation.objects.filter(id=conversation.id).update(
        turns=F("turns") + 1, updated_at=timezone.now()
    )
    conversation.refresh_from_db(fields=["turns"])
    answer = Message.objects.create(
        conversation=conversation,
        parent=question,
        role=MessageRole.ASSISTANT,
        status=MessageStatus.STREAMING,
        request_id=uuid4(),
    )
    try:
        with transaction.atomic():
            return Turn.objects.create(
                conversation=conversation,
                answer=answer,
                number=conversation.turns,
                lease_until=timezone.now() + LEASE,
            )
    except IntegrityError as error:  # the one running turn that a conversation may have
        raise TurnRunning from error


def turn_end(
    turn: Turn,
    *,
    status: MessageStatus,
    text: str,
    citations: Sequence[Citation] = (),
    grounded: str = "",
    stop_reason: str = "",
    error_code: str = "",
    error: str = "",
    usage: dict[str, Any] | None = None,
) -> bool:
    """Store the finished answer and give the lease back; return False if the lease was lost."""
    with transaction.atomic():
        held = Turn.objects.filter(id=turn.id, running=True).update(
            running=False, finished_at=timezone.now()
        )
        if not held:
            return False
        Message.objects.filter(id=turn.answer_id).update(
            status=status,
            text=text,
            citations=[citation_dict(citation) for citation in citations],
            grounded=grounded,
            stop_reason=stop_reason,
            error_code=error_code,
            error=error,
            usage=usage or {},
        )
        Conversation.objects.filter(id=turn.conversation_id).update(updated_at=timezone.now())
    return True


def citation_dict(citation: Citation) -> dict[str, Any]:
    """Return a citation in the shape of the REST contract, with its number and chunk."""
    found = asdict(citation)
    return {
        "number": found["number"],
        "document_id": str(found["document_id"]),
        "document_name": found["document_name"],
        "page": found["page"],
        "quote": found["quote"],
        "start": found["start"],
        "end": found["end"],
        "chunk_id": str(found["chunk_id"]),
    }


def leases_renew(turn_ids: Sequence[UUID]) -> None:
    """Hold the leases of running turns for another while."""
    Turn.objects.filter(id__in=turn_ids, running=True).update(lease_until=timezone.now() + LEASE)


def turn_reap(conversation_id: UUID | None = None) -> int:
    """Mark turns interrupted whose process is gone; return how many.

    What had arrived is read back from the frames. The reservation of such a call is settled as an
    estimate by the sweeper of `billing`.
    """
    lost = Turn.objects.filter(running=True, lease_until__lt=timezone.now())
    if conversation_id is not None:
        lost = lost.filter(conversation_id=conversation_id)
    reaped = 0
    for turn in lost.select_related("answer"):
        reaped += turn_end(
            turn,
            status=MessageStatus.INTERRUPTED,
            text=turn.answer.text or _arrived(turn),
            error_code="interrupted",
            error="The answer was interrupted; what had arrived is kept.",
        )
    return reaped


def _arrived(turn: Turn) -> str:
    from redis import RedisError

    from assistant.frames import SPAN, first_seq

    try:
        frames = frames_after(turn.conversation_id, first_seq(turn.number))
    except RedisError:
        return ""
    last = first_seq(turn.number) + SPAN
    return "".join(
        frame["text"] for frame in frames if frame["type"] == "delta" and frame["seq"] < last
    )
