"""Frames after a reload, on a second device, from another process, and after a process died."""

import sys
import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from assistant.ending import turn_end
from assistant.errors import MESSAGE_CHARACTERS
from assistant.frames import TurnFrames, first_seq, frames_after
from assistant.models import MessageStatus, Turn
from assistant.runner import (
    RunningTurn,
    _look_for_stops,
    running_in,
    turn_group,
    turns_end,
)
from assistant.services import turn_begin
from assistant.tasks import turns_reap
from tenants.context import entered
from tenants.listening import tell
from tenants.redis import redis_client
from tests.assistant.talking import (
    Server,
    actor_for,
    aside,
    conversation_for,
    eventually,
    kinds,
    said_in,
    talking,
    text_of,
)
from tests.support.cast import BOB
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws

WORDS = [f"word{number} " for number in range(40)]
STREAM = {"operation": "ConverseStream"}


def elsewhere(conversation: UUID) -> tuple[Turn, TurnFrames]:
    """Begin a turn as another process would: nothing in this one knows of it."""
    tenant = tenant_of(BOB)
    with entered(tenant):
        turn = turn_begin(actor=actor_for(BOB), conversation_id=conversation, text="Hello")
    return turn, TurnFrames(tenant, conversation, turn.number)


def test_a_reader_who_comes_back_gets_the_rest(server: Server, localaws: LocalAws) -> None:
    conversation = conversation_for(BOB)
    localaws.script(chunks=WORDS, delay_ms=20, match=STREAM)
    with talking(server, BOB, conversation) as talk:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        seen = talk.heard
    with talking(server, BOB, conversation) as talk:
        talk.say("resume", after=seen[-1]["seq"])
        rest = talk.until("turn.finished")
    assert rest[0]["seq"] > seen[-1]["seq"]
    assert text_of(seen) + text_of(rest) == "".join(WORDS)


def test_a_second_device_sees_the_same_frames(server: Server, localaws: LocalAws) -> None:
    conversation = conversation_for(BOB)
    localaws.script(chunks=WORDS[:8], delay_ms=10, match=STREAM)
    with (
        talking(server, BOB, conversation) as one,
        talking(server, BOB, conversation) as other,
    ):
        asked = one.ask("Tell me everything.")
        assert other.until("turn.finished") == asked


def test_frames_are_replayed_from_any_point(server: Server) -> None:
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation) as talk:
        first = talk.ask("Who are you?")
        second = talk.ask("And who am I?")
        talk.say("resume", after=first[-1]["seq"])
        assert talk.until("turn.finished") == second


def test_without_redis_the_end_is_told_from_the_database(server: Server) -> None:
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation) as talk:
        end = talk.ask("Who are you?")[-1]
        eventually(lambda: running_in(conversation) is None)
        redis_client().flushdb()
        talk.say("resume", after=0)
        told = talk.next()
    assert told["type"] == "turn.finished"
    same = ("message_id", "text", "html", "status", "citations", "usage", "title")
    assert [told[name] for name in same] == [end[name] for name in same]
    assert told["seq"] > end["seq"]


def test_a_turn_of_another_process_is_followed_to_its_end(server: Server) -> None:
    conversation = conversation_for(BOB)
    turn, frames = elsewhere(conversation)
    frames.send("turn.started", message_id=str(turn.answer_id))
    frames.send("delta", text="Good ")
    with talking(server, BOB, conversation) as talk:
        talk.say("resume", after=0)
        talk.until("delta")
        frames.send("delta", text="day.")
        with entered(tenant_of(BOB)):
            turn_end(turn, status=MessageStatus.COMPLETE, text="Good day.")
        frames.send("turn.finished", message_id=str(turn.answer_id), text="Good day.")
        talk.until("turn.finished")
    assert kinds(talk.heard) == ["turn.started", "delta", "turn.finished"]
    assert text_of(talk.heard) == "Good day."


def test_a_socket_is_told_of_a_turn_that_begins_in_another_process(server: Server) -> None:
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation) as talk:
        talk.ask("Who are you?")
        turn, frames = elsewhere(conversation)
        frames.send("turn.started", message_id=str(turn.answer_id))
        group = turn_group(tenant_of(BOB), conversation)
        aside(lambda: tell(group, {"type": "turn.begun", "number": turn.number}))
        assert talk.next()["message_id"] == str(turn.answer_id)
        with entered(tenant_of(BOB)):
            turn_end(turn, status=MessageStatus.COMPLETE, text="Good day.")
        frames.send("turn.finished", message_id=str(turn.answer_id), text="Good day.")
        assert talk.next()["text"] == "Good day."


def test_stop_reaches_a_turn_of_another_process(server: Server) -> None:
    conversation = conversation_for(BOB)
    turn, frames = elsewhere(conversation)
    with talking(server, BOB, conversation) as talk:
        talk.say("stop")
        talk.say("confirm", action_id="7", approve=True)
        talk.until("error")
    running = RunningTurn(tenant_of(BOB), actor_for(BOB), turn, frames)
    with entered(tenant_of(BOB)):
        _look_for_stops([running])
    assert running.cancelled.is_set()


def test_a_process_that_ends_stores_what_its_turns_have(server: Server, localaws: LocalAws) -> None:
    conversation = conversation_for(BOB)
    localaws.script(chunks=WORDS, delay_ms=75, match=STREAM)
    with talking(server, BOB, conversation) as talk:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        assert turns_end(within=10)
    answer = said_in(BOB, conversation)[1]
    assert answer.status == "stopped"
    assert answer.text.startswith("word0 ")


def test_a_lost_turn_is_marked_with_what_had_arrived_and_its_readers_are_told(
    server: Server,
) -> None:
    conversation = conversation_for(BOB)
    turn, frames = elsewhere(conversation)
    frames.send("turn.started", message_id=str(turn.answer_id))
    frames.send("delta", text="Good ")
    with entered(tenant_of(BOB)):
        Turn.objects.filter(id=turn.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    with talking(server, BOB, conversation) as talk:
        talk.say("resume", after=first_seq(turn.number))
        talk.until("delta")
        turns_reap()
        turns_reap()
        end = talk.until("turn.finished")[-1]
    assert (end["status"], end["text"], end["error"]["code"]) == (
        "interrupted",
        "Good ",
        "interrupted",
    )
    answer = said_in(BOB, conversation)[1]
    assert (answer.status, answer.text) == ("interrupted", "Good ")


@pytest.mark.django_db
def test_a_turns_end_is_kept_when_it_is_told_and_all_its_words_before_it() -> None:
    conversation = conversation_for(BOB)
    turn, frames = elsewhere(conversation)
    told = [frames.send("delta", text=word) for word in WORDS * 10]
    told.append(frames.send("turn.finished", message_id=str(turn.answer_id)))
    with entered(tenant_of(BOB)):
        assert frames_after(conversation, first_seq(turn.number)) == told


@pytest.mark.django_db
def test_what_is_withdrawn_while_it_is_being_kept_is_kept_nowhere() -> None:
    conversation = conversation_for(BOB)
    _, frames = elsewhere(conversation)
    over = threading.Event()

    def keep() -> None:
        while not over.is_set():
            frames.keep()

    keeper = threading.Thread(target=keep)
    keeper.start()
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that either is met in the middle of what it does
    try:
        for _ in range(40):
            for word in WORDS[:5]:
                frames.send("delta", text=word)
            frames.withdraw(reason="guardrail")
            frames.keep()
            with entered(tenant_of(BOB)):
                kept = frames_after(conversation, 0)
            assert [frame["type"] for frame in kept] == ["withdrawn"]
    finally:
        sys.setswitchinterval(usual)
        over.set()
        keeper.join()


def test_a_living_turn_is_not_reaped(server: Server) -> None:
    conversation = conversation_for(BOB)
    elsewhere(conversation)
    turns_reap()
    assert said_in(BOB, conversation)[1].status == "streaming"


def test_asking_again_ends_a_lost_turn_first(server: Server) -> None:
    conversation = conversation_for(BOB)
    turn, _ = elsewhere(conversation)
    with entered(tenant_of(BOB)):
        Turn.objects.filter(id=turn.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    with talking(server, BOB, conversation) as talk:
        assert talk.ask("Still there?")[-1]["status"] == "complete"
    statuses = [message.status for message in said_in(BOB, conversation)]
    assert statuses == ["complete", "interrupted", "complete", "complete"]


def test_a_message_of_the_whole_length_is_taken(server: Server) -> None:
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation) as talk:
        talk.ask("x" * MESSAGE_CHARACTERS)
    assert len(said_in(BOB, conversation)[0].text) == MESSAGE_CHARACTERS
