"""Read conversations: lists, the thread that a page shows, and what a returning reader missed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from assistant.access import conversations_shared_with, conversations_visible
from assistant.frames import ENDS, STEP, first_seq, frames_after, last_seq, turn_of
from assistant.models import Conversation, Message, Turn
from assistant.shapes import final_frame
from documents.attaching import documents_attached
from tenants.context import Actor
from tenants.keyset import Page, page_of
from tenants.liveframes import Frame

HISTORY_MESSAGES: Final = 200  # that a prompt may draw on
LIST_ROWS: Final = 100
SHARED_ROWS: Final = 20
QUERY_WORDS: Final = 10
MISSED_TURNS: Final = 20  # finished turns that a returning reader is told of
# Pinned ones, the last pinned first, then all others by their last use: one order of moments.
RECENT: Final = Coalesce(F("pinned_at") + timedelta(days=365_000), F("updated_at"))


def conversation_list(
    actor: Actor, query: str = "", cursor: str = "", chosen: UUID | None = None
) -> Page[Conversation]:
    """Return the actor's conversations that fit a query, pinned ones first, then the last used.

    One that has no title, no message and no file is not among them unless it is the `chosen` one.
    Of a query `found` is the newest message that holds its words, all or else one; None for titles.
    """
    begun = (
        Exists(Message.objects.filter(conversation_id=OuterRef("id")))
        | Exists(documents_attached(OuterRef("id")))
        | Q(title__gt="")
        | Q(id=chosen)
    )
    found = conversations_found(actor, query).filter(begun)
    words = query_words(query)
    if words:
        found = found.annotate(found=Coalesce(_said(words, all_of=True), _said(words)))
    return page_of(found, cursor, by=RECENT, falling=True, rows=LIST_ROWS)


def conversations_found(actor: Actor, query: str) -> QuerySet[Conversation]:
    """Return the actor's conversations that hold every word of the query, in title or messages."""
    found = conversations_visible(actor)
    for word in query_words(query):
        said = Message.objects.filter(conversation_id=OuterRef("id"), text__icontains=word)
        found = found.filter(Q(title__icontains=word) | Exists(said))
    return found


def query_words(query: str) -> list[str]:
    """Return the words that a conversation is searched for by."""
    return query.replace("\x00", "").split()[:QUERY_WORDS]


def _said(words: list[str], *, all_of: bool = False) -> Subquery:
    """Return the id of a conversation's newest message that holds the words, all or any."""
    held = Q()
    for word in words:
        held = held & Q(text__icontains=word) if all_of else held | Q(text__icontains=word)
    messages = Message.objects.filter(held, conversation_id=OuterRef("id")).order_by("-position")
    return Subquery(messages.values("id")[:1])


def shared_list(actor: Actor) -> list[Conversation]:
    """Return what others in the workspace share, the last shared first."""
    shared = conversations_shared_with(actor).select_related("owner")
    return list(shared.order_by("-shared_at", "-id")[:SHARED_ROWS])


@dataclass(frozen=True, slots=True)
class Before:
    """What a turn goes on from, oldest first, and the ids of its question's and answer's versions.

    `history` is what was said before the question, along its own thread.
    """

    history: list[Message]
    question_versions: list[str]
    versions: list[str]


def before_turn(question: Message, turn: Turn) -> Before:
    """Return what there is before a turn; one query, none for a conversation's first."""
    answer = turn.answer
    if turn.number == 1:
        return Before([], [str(question.id)], [str(answer.id)])
    versions = Q(parent_id=question.parent_id) | Q(parent_id=question.id)
    earlier = Q(position__lt=question.position)
    found = list(
        Message.objects.filter(versions | earlier, conversation_id=question.conversation_id)
        .defer("citations", "usage")
        .order_by(Case(When(versions, then=0), default=1), "-position")[:HISTORY_MESSAGES]
    )
    nearest = [message for message in found if message.position < question.position]
    siblings = _versions(found)
    return Before(
        _thread(nearest, question.parent_id) if question.parent_id else [],
        [str(each) for each in siblings[question.id]],
        [str(each) for each in siblings[answer.id]],
    )


def thread_of(conversation: Conversation) -> list[Message]:
    """Return the thread that is shown, oldest first."""
    return branch_of(conversation).thread


@dataclass(frozen=True, slots=True)
class Branch:
    """The messages that are shown, and of each of all messages its versions, oldest first."""

    thread: list[Message]
    versions: dict[UUID, list[UUID]]


def branch_of(conversation: Conversation) -> Branch:
    """Return the branch that is shown: the one chosen, else the newest; two queries."""
    messages = list(conversation.messages.prefetch_related("actions").order_by("-position"))
    known = {message.id for message in messages}
    last = conversation.leaf if conversation.leaf in known else None
    if last is None and messages:
        last = messages[0].id
    return Branch(_thread(messages, last), _versions(messages))


def _versions(messages: Iterable[Message]) -> dict[UUID, list[UUID]]:
    siblings: dict[UUID | None, list[UUID]] = {}
    for message in sorted(messages, key=lambda each: each.position):
        siblings.setdefault(message.parent_id, []).append(message.id)
    return {one: own for own in siblings.values() for one in own}


def newest_under(conversation: Conversation, message: Message) -> UUID:
    """Return the last message that the newest answer under `message` leads to; itself if none."""
    rows = conversation.messages.order_by("position").values_list("id", "parent_id")
    newest = {parent: child for child, parent in rows if parent is not None}
    last = message.id
    while last in newest:
        last = newest[last]
    return last


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
