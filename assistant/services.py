"""Make, rename and delete conversations; begin, end and reap turns in the database."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext

from assistant.access import answer_of, conversation_of, message_of, question_of
from assistant.actions import action_decide
from assistant.attaching import attached_checked
from assistant.beginning import COUNT, turn_asked
from assistant.ending import turn_end
from assistant.errors import (
    MESSAGE_CHARACTERS,
    AlreadyAsked,
    DecisionStands,
    Interrupted,
    MessageEmpty,
    MessageTooLong,
    QuestionIdTaken,
    TurnRunning,
)
from assistant.frames import first_seq, frame_keep, frames_after, frames_forget, turn_of
from assistant.models import Conversation, Message, MessageRole, MessageStatus, Turn
from assistant.selectors import newest_under
from assistant.shapes import final_frame
from bedrock.errors import ChoiceNotInPlan, FrontierOff
from bedrock.prompting import assistant_of, feature_require
from bedrock.routing import may_choose
from documents.attaching import attached_delete
from tenants.accounts.audit import audit_write
from tenants.context import Actor, current
from tenants.errors import Invalid, NotAuthenticated, NotFound
from tenants.lifecycle.holding import hold_refuse
from tenants.naming import many_lines, one_line

LEASE: Final = timedelta(seconds=15)
TITLE_CHARACTERS: Final = 120


def conversation_create(*, actor: Actor, title: str = "") -> Conversation:
    """Make an empty conversation of the actor's own."""
    if actor.user_id is None:
        raise NotAuthenticated  # a conversation belongs to a person
    return Conversation.objects.create(owner_id=actor.user_id, title=title_checked(title))


def title_checked(title: str) -> str:
    """Return a title on one line. Raises Invalid beyond TITLE_CHARACTERS."""
    line = one_line(title)
    if len(line) > TITLE_CHARACTERS:
        raise Invalid(
            gettext("A title holds at most %(most)s characters.") % {"most": TITLE_CHARACTERS}
        )
    return line


def title_given(title: str) -> str:
    """Return a title that says something, on one line. Raises Invalid."""
    line = title_checked(title)
    if not line:
        raise Invalid(gettext("Write a title."), errors={"title": [gettext("Write a title.")]})
    return line


def conversation_rename(*, actor: Actor, conversation_id: UUID, title: str) -> Conversation:
    """Give the conversation another title. Raises NotFound, Invalid."""
    conversation = conversation_of(actor, conversation_id)
    conversation.title = title_given(title)
    conversation.save(update_fields=["title"])
    return conversation


@transaction.atomic
def conversation_delete(*, actor: Actor, conversation_id: UUID) -> None:
    """Delete the conversation with its messages, its files, and what is kept of its frames.

    Raises NotFound, LegalHold.
    """
    conversation = conversation_of(actor, conversation_id)
    hold_refuse()
    audit_write(
        actor,
        action="conversation.delete",
        object_type="conversation",
        object_id=conversation.id,
    )
    attached_delete(actor, [conversation_id])
    conversation.delete()
    frames_forget(conversation_id)


def message_checked(text: Any) -> str:
    """Return a message's text. Raises MessageEmpty or MessageTooLong; nothing is ever cut."""
    said = many_lines(text) if isinstance(text, str) else ""
    if not said:
        raise MessageEmpty
    if len(said) > MESSAGE_CHARACTERS:
        raise MessageTooLong(limit=MESSAGE_CHARACTERS)
    return said


def thorough_checked(wanted: bool, feature: str) -> bool:
    """Return whether the frontier model is to answer. Raises ChoiceNotInPlan, FrontierOff."""
    if wanted and not assistant_of(current()).frontier:
        raise FrontierOff
    if wanted and not may_choose(current(), feature):
        raise ChoiceNotInPlan
    return wanted


def turn_begin(
    *,
    actor: Actor,
    conversation_id: UUID,
    text: Any,
    attachment_ids: Sequence[UUID] = (),
    question_id: UUID | None = None,
) -> Turn:
    """Add the user's message and the place of its answer, and take the lease; one statement.

    Some more with attached files. The message gets `question_id` where its sender has made one:
    said again, it is taken once. Raises NotFound, MessageEmpty, MessageTooLong, TurnRunning,
    AlreadyAsked, QuestionIdTaken, and what `attached_checked` raises.
    """
    feature_require("assistant")
    said = message_checked(text)
    made = question_id or uuid4()

    def ask() -> Turn:
        return turn_asked(actor, conversation_id, said, LEASE, made)

    @transaction.atomic
    def begin() -> Turn:
        conversation, last = _counted(actor, conversation_id)
        _taken_once(conversation_id, question_id)  # otherwise its files went with a message
        attached = attached_checked(conversation_id, attachment_ids)
        return _asked(conversation, last, said, attached, made)

    return _begun(conversation_id, begin if attachment_ids else ask, question_id)


def turn_edit(
    *,
    actor: Actor,
    conversation_id: UUID,
    message_id: UUID | str,
    text: Any,
    question_id: UUID | None = None,
) -> Turn:
    """Ask a question of the conversation in other words: a sibling, which is shown from now on.

    It has the files of the one that it replaces. Raises NotFound, DecisionStands, MessageEmpty,
    MessageTooLong, TurnRunning, AlreadyAsked, QuestionIdTaken.
    """
    feature_require("assistant")
    said = message_checked(text)

    @transaction.atomic
    def begin() -> Turn:
        conversation, _ = _counted(actor, conversation_id)
        question = question_of(conversation, message_id)
        if question.decided_id is not None:
            raise DecisionStands
        made = question_id or uuid4()
        return _asked(conversation, question.parent_id, said, question.attached, made)

    return _begun(conversation_id, begin, question_id)


def _asked(
    conversation: Conversation,
    after: UUID | None,
    said: str,
    attached: list[dict[str, Any]],
    question_id: UUID,
) -> Turn:
    question = Message(
        id=question_id,
        conversation=conversation,
        parent_id=after,
        position=2 * conversation.turns - 1,
        role=MessageRole.USER,
        text=said,
        attached=attached,
    )
    return _turn(conversation, question, [question])


@transaction.atomic
def branch_choose(*, actor: Actor, conversation_id: UUID, message_id: UUID | str) -> Conversation:
    """Show the branch that a message stands on, to its newest end.

    Raises NotFound, TurnRunning while an answer is being written.
    """
    conversation = conversation_of(actor, conversation_id)
    chosen = message_of(conversation, message_id)
    if Turn.objects.filter(conversation_id=conversation_id, running=True).exists():
        raise TurnRunning
    conversation.leaf = newest_under(conversation, chosen)
    conversation.save(update_fields=["leaf"])
    return conversation


def turn_again(*, actor: Actor, conversation_id: UUID, message_id: UUID | str) -> Turn:
    """Make another answer to the question that `message_id` answered.

    Raises NotFound, TurnRunning.
    """
    feature_require("assistant")

    @transaction.atomic
    def begin() -> Turn:
        conversation, _ = _counted(actor, conversation_id)
        question = answer_of(conversation, message_id).parent
        assert question is not None  # an answer always has its question
        return _turn(conversation, question, [])

    return _begun(conversation_id, begin)


def turn_decide(
    *, actor: Actor, conversation_id: UUID, action_id: UUID | str, approve: bool
) -> Turn:
    """Take the user's decision about an action that waits; the turn tells what comes of it.

    Raises NotFound, FeatureOff, NoSuchAction, ActionDecided, ActionExpired, TurnRunning.
    """
    feature_require("assistant")
    if approve:
        feature_require("actions")

    @transaction.atomic
    def begin() -> Turn:
        conversation, last = _counted(actor, conversation_id)
        action = action_decide(conversation, action_id, approve=approve)
        question = Message(
            conversation=conversation,
            parent_id=last,
            position=2 * conversation.turns - 1,
            role=MessageRole.USER,
            text=(
                gettext("Confirmed: %(change)s.") if approve else gettext("Declined: %(change)s.")
            )
            % {"change": action.summary},
            decided=action,
        )
        return _turn(conversation, question, [question])

    return _begun(conversation_id, begin)


def _begun(
    conversation_id: UUID, begin: Callable[[], Turn], question_id: UUID | None = None
) -> Turn:
    """Begin; where a turn stands in the way whose process is gone, end that one first.

    `begin` is one statement, or a transaction of its own.
    """
    try:
        return begin()
    except IntegrityError as error:
        _taken_once(conversation_id, question_id)
        # The one running turn that a conversation may have.
        if not turn_reap(conversation_id):
            raise TurnRunning from error
    return begin()


def _taken_once(conversation_id: UUID, question_id: UUID | None) -> None:
    """Raise AlreadyAsked where the conversation has the question, QuestionIdTaken where another."""
    if question_id is None:
        return
    for message in Message.objects.filter(id=question_id).only("conversation_id"):
        raise AlreadyAsked if message.conversation_id == conversation_id else QuestionIdTaken


def _counted(actor: Actor, conversation_id: UUID) -> tuple[Conversation, UUID | None]:
    """Count a turn, which locks the actor's conversation; return it and its last message's id."""
    answer_id = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [answer_id, conversation_id, actor.user_id])
        found = cursor.fetchone()
    if found is None:
        raise NotFound(gettext("There is no such conversation."))
    turns, title, last = found
    assert actor.user_id is not None  # a row's owner is a person
    conversation = Conversation(
        id=conversation_id, owner_id=actor.user_id, turns=turns, title=title, leaf=answer_id
    )
    conversation._state.adding = False
    return conversation, last


def _turn(conversation: Conversation, question: Message, more: list[Message]) -> Turn:
    assert conversation.leaf is not None  # the answer's id, given when the turn was counted
    answer = Message(
        id=conversation.leaf,
        conversation=conversation,
        parent=question,
        position=2 * conversation.turns,
        role=MessageRole.ASSISTANT,
        status=MessageStatus.STREAMING,
        request_id=uuid4(),
    )
    Message.objects.bulk_create([*more, answer])
    return Turn.objects.create(
        conversation=conversation,
        answer=answer,
        number=conversation.turns,
        lease_until=Now() + LEASE,
    )


def leases_renew(turn_ids: Sequence[UUID]) -> None:
    """Hold the leases of running turns for another while."""
    Turn.objects.filter(id__in=turn_ids, running=True).update(lease_until=Now() + LEASE)


def turn_reap(conversation_id: UUID | None = None) -> int:
    """Mark turns interrupted whose process is gone; return how many.

    What had arrived is read back from the frames, and readers are told the end. The reservation of
    such a call is settled as an estimate by the sweeper of `billing`.
    """
    lost = Turn.objects.filter(running=True, lease_until__lt=Now())
    if conversation_id is not None:
        lost = lost.filter(conversation_id=conversation_id)
    reaped = 0
    for turn in lost.select_related("answer"):
        gone = Interrupted()
        ended = turn_end(
            turn,
            status=MessageStatus.INTERRUPTED,
            text=turn.answer.text or _arrived(turn),
            stop_reason="error",
            error_code=gone.code,
            error=gone.detail,
        )
        if ended is not None:
            reaped += 1
            turn.answer.refresh_from_db()
            frame_keep(turn.conversation_id, final_frame(turn))
    return reaped


def _arrived(turn: Turn) -> str:
    frames = frames_after(turn.conversation_id, first_seq(turn.number))
    return "".join(
        frame["text"]
        for frame in frames
        if frame["type"] == "delta" and turn_of(frame["seq"]) == turn.number
    )
