"""Read conversations: lists, the thread that a page shows, and what a returning reader missed."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from assistant.access import conversations_visible
from assistant.frames import (
    ENDS,
    STEP,
    Frame,
    first_seq,
    frames_after,
    last_seq,
    turn_of,
)
from assistant.models import Conversation, Message, Turn
from assistant.shapes import final_frame
from tenants.context import Actor

HISTORY_MESSAGES: Final = 60  # that a prompt may draw on
LIST_ROWS: Final = 100
MISSED_TURNS: Final = 20  # finished turns that a returning reader is told of


def conversation_list(actor: Actor) -> list[Conversation]:
    """Return the actor's conversations, the last used first."""
    return list(conversations_visible(actor).order_by("-updated_at", "-id")[:LIST_ROWS])


def history_of(question: Message) -> list[Message]:
    """Return what was said before the question, oldest first, along its own thread; one query."""
    if question.parent_id is None:
        return []
    before = Message.objects.filter(
        conversation_id=question.conversation_id, position__lt=question.position
    )
    nearest = list(before.defer("citations", "usage").order_by("-position")[:HISTORY_MESSAGES])
    return _thread(nearest, question.parent_id)


def thread_of(conversation: Conversation) -> list[Message]:
    """Return the thread that ends in the newest message, oldest first; two queries."""
    messages = list(conversation.messages.prefetch_related("actions").order_by("-position"))
    return _thread(messages, messages[0].id) if messages else []


def _thread(messages: list[Message], last: UUID | None) -> list[Message]:
    by_id = {message.id: message for message in messages}
    thread: list[Message] = []
    while last is not None and last in by_id:
        thread.append(by_id[last])
        last = by_id[last].parent_id
    return thread[::-1]


def running_turn(conversation_id: UUID) -> Turn | None:
    """Return the conversation's turn that is being made, by whichever process."""
    return Turn.objects.filter(conversation_id=conversation_id, running=True).first()


@dataclass(frozen=True, slots=True)
class Missed:
    """What a reader missed: frames to send now, and the number of a turn that still runs."""

    frames: list[Frame]
    running: int | None


def missed_since(conversation_id: UUID, after: int) -> Missed:
    """Return what came after the frame `after`: the frames themselves while they are kept.

    Where Redis has lost them, the ends of the finished turns are told from the database.
    """
    turns = list(
        Turn.objects.filter(conversation_id=conversation_id, number__gte=turn_of(max(after, 0)))
        .select_related("answer", "conversation")
        .order_by("-number")[:MISSED_TURNS]
    )
    known = after - after % STEP  # numbers between two steps are no common frame's
    kept = frames_after(conversation_id, known - 1)
    told = {turn_of(frame["seq"]) for frame in kept if frame["type"] in ENDS}
    if kept and kept[0]["seq"] == known:  # nothing is lost between the reader's last and these
        told.add(turn_of(known))
        kept = kept[1:]
    running = next((turn.number for turn in turns if turn.running), None)
    ends = [
        final_frame(turn)
        for turn in turns
        if not turn.running and turn.number not in told and last_seq(turn.number) > after
    ]
    frames = sorted([*kept, *ends], key=lambda frame: frame["seq"])
    return Missed(frames, running)


def told_until(conversation: Conversation, running: Turn | None) -> int:
    """Return the number after which a page that shows the stored messages lacks frames."""
    if running is not None:
        return first_seq(running.number)
    return last_seq(conversation.turns) if conversation.turns else 0
