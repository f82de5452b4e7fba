"""The public contract of conversations: REST, server-sent events, and the socket's frames."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.shelf import API, Json, code_of, ready, text_at
from tests.e2e.talking import ENDS, Talk, kinds, talking, text_of
from tests.support.live import DemoPerson, LiveStack

LOGBOOK = "The lighthouse keeper Ansgar Tveit repainted the lantern room in 14 days.\n"
QUESTION = "In how many days did Ansgar Tveit repaint the lantern room?"
WORDS = [f"word{number} " for number in range(60)]
TURN = ["turn.started", "tool", "delta", "citations", "turn.finished"]
STREAM = {"operation": "ConverseStream"}


@pytest.fixture(scope="module")
def person(live_stack: LiveStack) -> DemoPerson:
    return live_stack.person("acme", "member")


@pytest.fixture(scope="module")
def client(live_stack: LiveStack, person: DemoPerson) -> Iterator[httpx.Client]:
    with live_stack.http(person) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def logbook(client: httpx.Client) -> Json:
    return ready(client, "Logbook.txt", LOGBOOK.encode())


@pytest.fixture
def conversation(client: httpx.Client) -> str:
    made = client.post(f"{API}/conversations/", json={})
    assert made.status_code == 201
    return str(made.json()["id"])


@pytest.fixture
def talk(live_stack: LiveStack, person: DemoPerson, conversation: str) -> Iterator[Talk]:
    with talking(live_stack, person, conversation) as talk:
        yield talk


def test_a_conversation_is_made_listed_answered_and_read(
    client: httpx.Client, conversation: str, logbook: Json
) -> None:
    listed = client.get(f"{API}/conversations/").json()
    assert conversation in [each["id"] for each in listed["results"]]
    path = f"{API}/conversations/{conversation}/"
    answer = client.post(f"{path}messages/", json={"text": QUESTION})
    assert answer.status_code == 201
    message = answer.json()
    assert (message["role"], message["status"]) == ("assistant", "complete")
    assert "14 days" in message["text"]
    assert message["grounded"] == "full"
    for citation in message["citations"]:
        exact = text_at(client, citation["document_id"], citation["start"], citation["end"])
        assert exact == citation["quote"]
    assert logbook["id"] in [each["document_id"] for each in message["citations"]]
    read = client.get(path).json()
    assert [each["role"] for each in read["messages"]] == ["user", "assistant"]
    assert read["messages"][0]["text"] == QUESTION
    assert read["messages"][1]["id"] == message["id"]
    assert read["messages"][1]["text"] == message["text"]


def test_a_conversation_is_its_owners_alone(
    live_stack: LiveStack, client: httpx.Client, conversation: str
) -> None:
    with live_stack.http(live_stack.person("acme", "admin")) as colleague:
        path = f"{API}/conversations/{conversation}/"
        assert code_of(colleague.get(path), 404) == "not_found"
        listed = colleague.get(f"{API}/conversations/").json()["results"]
    assert conversation not in [each["id"] for each in listed]


def test_events_over_http_are_the_sockets_frames(client: httpx.Client, conversation: str) -> None:
    path = f"{API}/conversations/{conversation}/messages/"
    accept = {"Accept": "text/event-stream"}
    frames: list[Json] = []
    with client.stream("POST", path, json={"text": QUESTION}, headers=accept) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        block: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name in ("event", "id", "data"):
                block[name] = value
            elif not line and block:
                frames.append(json.loads(block["data"]))
                assert (block["event"], block["id"]) == (
                    frames[-1]["type"],
                    str(frames[-1]["seq"]),
                )
                block = {}
    assert kinds(frames) == TURN
    assert "14 days" in text_of(frames)


def test_a_refusal_before_the_events_is_a_problem_document(
    client: httpx.Client, conversation: str
) -> None:
    path = f"{API}/conversations/{conversation}/messages/"
    accept = {"Accept": "text/event-stream"}
    for text, code in (("", "message_empty"), ("x" * 8_001, "message_too_long")):
        assert code_of(client.post(path, json={"text": text}, headers=accept), 422) == code


def test_a_turn_comes_as_numbered_frames_in_order(
    talk: Talk, client: httpx.Client, logbook: Json
) -> None:
    first, second = talk.ask(QUESTION), talk.ask("And who was it?")
    assert kinds(first) == kinds(second) == TURN
    numbers = [frame["seq"] for frame in first + second]
    assert numbers == sorted(set(numbers))
    assert "14 days" in text_of(first)
    for frame in first:
        if frame["type"] == "tool":
            assert {"name", "status"} <= set(frame)
        if frame["type"] == "delta":
            assert isinstance(frame["text"], str)
    end = first[-1]
    assert {"message_id", "usage", "stop_reason"} <= set(end)
    assert end["usage"]["output_tokens"] > 0
    told = next(frame for frame in first if frame["type"] == "citations")
    assert logbook["id"] in [each["document_id"] for each in told["citations"]]
    for each in told["citations"]:
        exact = text_at(client, each["document_id"], each["start"], each["end"])
        assert exact == each["quote"]


def test_stop_ends_the_answer_with_what_had_arrived(live_stack: LiveStack, talk: Talk) -> None:
    live_stack.aws.script(chunks=WORDS, delay_ms=90, match=STREAM)
    talk.say("ask", text="Tell me everything.")
    talk.until("delta")
    talk.say("stop")
    end = talk.until(*ENDS)[-1]
    assert (end["type"], end["stop_reason"], end["status"]) == (
        "turn.finished",
        "stopped",
        "stopped",
    )
    assert WORDS[-1].strip() not in text_of(talk.heard)


def test_regenerate_answers_the_same_question_once_more(
    talk: Talk, client: httpx.Client, conversation: str
) -> None:
    first = talk.ask(QUESTION)[-1]
    talk.say("regenerate", message_id=first["message_id"])
    second = talk.until(*ENDS)[-1]
    assert second["type"] == "turn.finished"
    assert second["message_id"] != first["message_id"]
    read = client.get(f"{API}/conversations/{conversation}/").json()["messages"]
    question, *answers = read
    assert [each["id"] for each in answers] == [first["message_id"], second["message_id"]]
    assert {each["parent_id"] for each in answers} == {question["id"]}


def test_a_reader_who_comes_back_in_the_middle_gets_every_frame_once(
    live_stack: LiveStack, person: DemoPerson, conversation: str
) -> None:
    live_stack.aws.script(chunks=WORDS, delay_ms=30, match=STREAM)
    with talking(live_stack, person, conversation) as talk:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        before = talk.heard
    with talking(live_stack, person, conversation) as talk:
        talk.say("resume", after=before[-1]["seq"])
        talk.until(*ENDS)
        after = talk.heard
    assert text_of(before + after) == "".join(WORDS)
    numbers = [frame["seq"] for frame in before + after]
    assert numbers == sorted(set(numbers))
    with talking(live_stack, person, conversation) as talk:
        talk.say("resume", after=0)
        assert text_of(talk.until(*ENDS)) == "".join(WORDS)


def test_two_devices_see_one_answer(
    live_stack: LiveStack, person: DemoPerson, conversation: str
) -> None:
    with (
        talking(live_stack, person, conversation) as desk,
        talking(live_stack, person, conversation) as phone,
    ):
        asked = desk.ask(QUESTION)
        assert phone.until(*ENDS) == asked


def test_a_confirmation_nobody_waits_for_is_refused(talk: Talk) -> None:
    action = "00000000-0000-4000-8000-000000000000"
    talk.say("confirm", action_id=action, approve=True)
    refused = talk.next()
    assert (refused["type"], refused["code"]) == ("error", "no_such_action")


BAD: dict[str, Any] = {
    "no JSON": "{",
    "no object": "[]",
    "no type": "{}",
    "an unknown type": '{"type": "drop"}',
    "a missing member": '{"type": "ask"}',
    "a member too many": '{"type": "stop", "now": true}',
    "a wrong type": '{"type": "resume", "after": "1"}',
    "a negative number": '{"type": "resume", "after": -1}',
    "bytes": b"\x00\x01",
}


def test_a_frame_that_cannot_be_read_is_told_and_the_socket_stays(talk: Talk) -> None:
    for name, frame in BAD.items():
        talk.connection.send(frame)
        told = talk.next()
        assert (told["type"], told["code"]) == ("error", "bad_frame"), name
        assert told["detail"]
    talk.say("ask", text="")
    assert talk.next()["code"] == "message_empty"
    talk.say("ask", text="x" * 8_001)
    assert talk.next()["code"] == "message_too_long"
    assert talk.ask(QUESTION)[-1]["type"] == "turn.finished"


def test_a_second_question_waits_for_the_first_answer(live_stack: LiveStack, talk: Talk) -> None:
    live_stack.aws.script(chunks=WORDS, delay_ms=90, match=STREAM)
    talk.say("ask", text="Tell me everything.")
    talk.until("delta")
    talk.say("ask", text="And more.")
    assert talk.until("error")[-1]["code"] == "turn_running"
    talk.say("stop")
    assert talk.until(*ENDS)[-1]["status"] == "stopped"


def test_a_handshake_from_anywhere_else_is_refused(
    live_stack: LiveStack, person: DemoPerson, conversation: str
) -> None:
    cookie = live_stack.session(person)
    sibling = live_stack.tenant_url("globex")
    for origin in (sibling, live_stack.url, "null", None, "http://acme.localhost"):
        with (
            pytest.raises(InvalidStatus) as refused,
            talking(live_stack, person, conversation, session=cookie, origin=origin),
        ):
            pytest.fail(f"{origin} opened the socket")
        assert refused.value.response.status_code == 403, origin
    with talking(live_stack, person, conversation, session=cookie) as talk:
        talk.say("resume", after=0)
