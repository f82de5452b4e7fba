"""Conversations by REST and on pages: one's own alone, the same events, the same refusals."""

import json
from typing import Any
from uuid import uuid4

import pytest

from assistant.errors import MESSAGE_CHARACTERS
from tests.assistant.talking import Server, conversation_for, kinds, said_in, talking
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of
from tests.support.localaws import LocalAws
from tests.support.statements import statements_of_page

HOME = "/api/v1/conversations/"
EVENTS = {"Accept": "text/event-stream"}
WORDS = [f"word{number} " for number in range(40)]
STREAM = {"operation": "ConverseStream"}


def post(person: Person, path: str, body: Any = None, **more: Any) -> Any:
    return api(person).post(path, json.dumps(body or {}), content_type="application/json", **more)


def events(text: str) -> list[dict[str, Any]]:
    """Return the frames in a body of server-sent events."""
    blocks = [block.split("\n") for block in text.split("\n\n") if block.startswith("event")]
    frames = []
    for kind, number, data in blocks:
        frame = json.loads(data.removeprefix("data: "))
        assert (kind, number) == (f"event: {frame['type']}", f"id: {frame['seq']}")
        frames.append(frame)
    return frames


@pytest.mark.django_db
def test_a_conversation_is_made_renamed_listed_and_deleted() -> None:
    made = post(BOB, HOME)
    assert made.status_code == 201
    assert made.json()["messages"] == []
    path = f"{HOME}{made.json()['id']}/"
    renamed = api(BOB).patch(path, '{"title": " Travel  plans "}', content_type="application/json")
    assert renamed.json()["title"] == "Travel plans"
    listed = api(BOB).get(HOME).json()
    assert [each["title"] for each in listed["results"]] == ["Travel plans"]
    assert set(listed) == {"results", "next", "previous"}
    assert api(BOB).delete(path).status_code == 204
    assert code_of(api(BOB).get(path)) == "not_found"


@pytest.mark.django_db
def test_a_title_has_to_be_one_and_short_enough() -> None:
    path = f"{HOME}{conversation_for(BOB)}/"
    for title in ("", " ", "x" * 121):
        body = json.dumps({"title": title})
        answer = api(BOB).patch(path, body, content_type="application/json")
        assert (answer.status_code, code_of(answer)) == (400, "invalid")


@pytest.mark.django_db
def test_nobody_else_sees_a_conversation_not_even_the_owner_of_the_workspace() -> None:
    conversation = conversation_for(BOB)
    for person in (ALICE, ADA, MAX, CHARLIE):
        path = f"{HOME}{conversation}/"
        body = '{"text": "Hello"}'
        for answer in (
            api(person).get(path),
            api(person).patch(path, '{"title": "Mine"}', content_type="application/json"),
            api(person).delete(path),
            api(person).post(f"{path}messages/", body, content_type="application/json"),
            api(person).post(f"{path}messages/{uuid4()}/regenerate/"),
            api(person).post(f"{path}stop/"),
        ):
            assert (answer.status_code, code_of(answer)) == (404, "not_found")
        page = browser_of(person)
        for answer in (
            page.get(f"/assistant/{conversation}/"),
            page.post(f"/assistant/{conversation}/", {"text": "Hello"}),
            page.post(f"/assistant/{conversation}/rename/", {"title": "Mine"}),
            page.post(f"/assistant/{conversation}/delete/"),
        ):
            assert answer.status_code == 404
        assert api(person).get(HOME).json()["results"] == []
    assert said_in(BOB, conversation) == []


@pytest.mark.django_db
def test_messages_have_a_text_of_a_certain_length() -> None:
    path = f"{HOME}{conversation_for(BOB)}/messages/"
    for text, code in (("", "message_empty"), (" \n", "message_empty"),
                       ("x" * (MESSAGE_CHARACTERS + 1), "message_too_long")):  # fmt: skip
        answer = post(BOB, path, {"text": text})
        assert (answer.status_code, code_of(answer)) == (422, code)
    assert code_of(post(BOB, path, {})) == "invalid"


@pytest.mark.django_db(transaction=True)
def test_a_form_s_message_has_the_length_that_its_field_counts() -> None:
    conversation = conversation_for(BOB)
    lines = "x\r\n" * (MESSAGE_CHARACTERS // 2 - 1) + "xy"  # a browser sends a line's end as two
    browser_of(BOB).post(f"/assistant/{conversation}/", {"text": lines})
    question, answer = said_in(BOB, conversation)
    assert question.text == lines.replace("\r", "")
    rate = f"/assistant/{conversation}/answers/{answer.id}/rate/"
    reason = {"rating": "down", "reason": "x\r\n" * 499 + "xy"}
    assert browser_of(BOB).post(rate, reason).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_message_is_answered_in_one_piece() -> None:
    ready("Travel policy.md", HANDBOOK)
    path = f"{HOME}{conversation_for(BOB)}/"
    answer = post(BOB, f"{path}messages/", {"text": "How much may a hotel room cost?"})
    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert (said["role"], said["status"], said["grounded"]) == ("assistant", "complete", "full")
    assert "140 euros" in said["text"]
    assert "140 euros" in said["citations"][0]["quote"]
    whole = api(BOB).get(path).json()
    assert [each["role"] for each in whole["messages"]] == ["user", "assistant"]
    assert whole["messages"][1] == said
    assert said["parent_id"] == whole["messages"][0]["id"]
    again = api(BOB).post(f"{path}messages/{said['id']}/regenerate/")
    assert again.status_code == 201
    assert again.json()["parent_id"] == said["parent_id"]


@pytest.mark.django_db(transaction=True)
def test_events_come_from_the_test_client_too() -> None:
    path = f"{HOME}{conversation_for(BOB)}/messages/"
    answer = post(BOB, path, {"text": "Who are you?"}, headers=EVENTS)
    assert answer["Content-Type"] == "text/event-stream"
    frames = events(b"".join(answer.streaming_content).decode())
    assert kinds(frames)[-1] == "turn.finished"


def test_events_are_the_sockets_frames(server: Server) -> None:
    ready("Travel policy.md", HANDBOOK)
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation) as talk, server.http(BOB) as http:
        path = f"{HOME}{conversation}/messages/"
        with http.stream(
            "POST", path, json={"text": "How much may a hotel room cost?"}, headers=EVENTS
        ) as answer:
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == "text/event-stream"
            told = events(answer.read().decode())
        assert talk.until("turn.finished") == told
    assert kinds(told) == ["turn.started", "tool", "delta", "citations", "turn.finished"]


def test_a_reader_of_events_who_leaves_does_not_stop_the_answer(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(BOB)
    localaws.script(chunks=WORDS, delay_ms=10, match=STREAM)
    with talking(server, BOB, conversation) as talk:
        with (
            server.http(BOB) as http,
            http.stream(
                "POST",
                f"{HOME}{conversation}/messages/",
                json={"text": "Everything"},
                headers=EVENTS,
            ) as answer,
        ):
            next(answer.iter_lines())
        talk.until("turn.finished")
    assert said_in(BOB, conversation)[1].text == "".join(WORDS)


def test_stop_by_rest_stops_the_socket_s_answer(server: Server, localaws: LocalAws) -> None:
    conversation = conversation_for(BOB)
    localaws.script(chunks=WORDS, delay_ms=75, match=STREAM)
    with talking(server, BOB, conversation) as talk, server.http(BOB) as http:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        assert http.post(f"{HOME}{conversation}/stop/").status_code == 204
        assert talk.until("turn.finished")[-1]["status"] == "stopped"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{}, EVENTS], ids=["json", "events"])
def test_a_refusal_before_the_first_word_is_the_answer_of_the_request(
    headers: dict[str, str], localaws: LocalAws
) -> None:
    localaws.script(error={"code": "ThrottlingException", "status": 429}, times=6, match=STREAM)
    path = f"{HOME}{conversation_for(BOB)}/messages/"
    answer = post(BOB, path, {"text": "Who are you?"}, headers=headers)
    assert (answer.status_code, code_of(answer)) == (503, "model_busy")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.django_db(transaction=True)
def test_why_an_answer_came_about_is_for_its_owner_and_admins() -> None:
    answer = post(BOB, f"{HOME}{conversation_for(BOB)}/messages/", {"text": "Who are you?"})
    path = f"/assistant/answers/{answer.json()['id']}/why/"
    for person, status in ((BOB, 200), (ADA, 200), (MAX, 404), (CHARLIE, 404)):
        page = browser_of(person).get(path)
        assert page.status_code == status
    shown = browser_of(ADA).get(path).content.decode()
    assert "Nova Lite" in shown
    assert "us-east-1" in shown
    assert "Guardrail PII units" in shown
    assert answer.json()["text"] not in shown


@pytest.mark.django_db
def test_pages_cost_the_same_however_much_was_said() -> None:
    browser = browser_of(BOB)
    few = statements_of_page(browser, f"/assistant/{conversation_for(BOB)}/")
    for _ in range(5):
        conversation_for(BOB)
    assert statements_of_page(browser, f"/assistant/{conversation_for(BOB)}/") == few
