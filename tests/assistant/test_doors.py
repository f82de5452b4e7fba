"""Who may open a socket, what may be said on it, and when it is closed."""

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.utils.http import urlsafe_base64_encode
from websockets.exceptions import ConnectionClosed, InvalidStatus

from assistant import watchkeeper
from assistant.errors import FRAME_BYTES, MESSAGE_CHARACTERS
from tenants.accounts.keys import api_key_revoke
from tenants.accounts.models import ApiKey, Role
from tenants.accounts.services import user_disable, user_role_set
from tenants.context import SYSTEM, entered
from tenants.signin.sessions import sessions_end
from tenants.sockets import sockets_close
from tests.assistant.talking import (
    Server,
    Talk,
    aside,
    conversation_for,
    eventually,
    said_in,
    session_of,
    talking,
)
from tests.support.cast import ADA, BOB, CHARLIE, Person
from tests.support.clients import browser_of, staff_client, stranger, tenant_of, user_of
from tests.support.localaws import LocalAws


def refused(server: Server, person: Person, conversation: Any, **how: Any) -> int:
    """Return the status that the handshake is refused with."""
    with (
        pytest.raises(InvalidStatus) as caught,
        talking(server, person, conversation, **how),
    ):
        pass
    return caught.value.response.status_code


def closed_with(talk: Talk) -> int | None:
    """Read until the server closes; return its code."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            talk.next()
    return caught.value.rcvd.code if caught.value.rcvd else None


def in_acme(work: Callable[[], object]) -> None:
    with entered(tenant_of(BOB)):
        work()


ORIGINS: dict[str, Callable[[Server], str | None]] = {
    "a sibling workspace": lambda server: f"http://globex.localhost:{server.port}",
    "the public host": lambda server: f"http://localhost:{server.port}",
    "the same name on another port": lambda server: "http://acme.localhost:1",
    "a longer name": lambda server: f"http://acme.localhost:{server.port}.evil.example",
    "null": lambda server: "null",
    "none": lambda server: None,
    "elsewhere": lambda server: "https://evil.example",
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_another_origin_cannot_open_a_socket(server: Server, origin: str) -> None:
    conversation = conversation_for(BOB)
    assert refused(server, BOB, conversation, origin=ORIGINS[origin](server)) == 403


def test_only_a_session_or_key_of_the_workspace_opens_a_socket(server: Server) -> None:
    conversation = conversation_for(BOB)
    assert refused(server, BOB, conversation, cookie="") == 403
    assert refused(server, BOB, conversation, cookie="made-up") == 403
    assert refused(server, BOB, conversation, cookie=session_of(CHARLIE)) == 403
    assert refused(server, BOB, conversation, key=CHARLIE.key) == 403
    assert refused(server, BOB, conversation, key="tnt_made-up") == 403
    public = f"localhost:{server.port}"
    assert refused(server, BOB, conversation, host=public, key=BOB.key) == 403
    nobody = f"nobody.localhost:{server.port}"
    assert refused(server, BOB, conversation, host=nobody, key=BOB.key) == 403
    with talking(server, BOB, conversation, key=BOB.key) as talk:
        assert talk.ask("Who are you?")[-1]["status"] == "complete"


def test_another_users_conversation_is_as_missing_as_an_unknown_one(server: Server) -> None:
    theirs = conversation_for(ADA)
    elsewhere = conversation_for(CHARLIE)
    for conversation in (theirs, elsewhere, uuid4()):
        assert refused(server, BOB, conversation) == 403


def test_a_socket_at_an_address_that_is_none_is_refused(server: Server) -> None:
    for path in ("ws/", "ws/assistant/", f"ws/assistant/{uuid4()}/more/", "ws/assistant/7/"):
        with pytest.raises(InvalidStatus) as caught, talking(server, BOB, "", path=path):
            pass
        assert caught.value.response.status_code == 403


BAD = {
    "no JSON": "hello",
    "a list": "[]",
    "no type": "{}",
    "an unknown type": '{"type": "delta", "text": "x"}',
    "a type that is no string": '{"type": 1}',
    "a missing member": '{"type": "ask"}',
    "one member more": '{"type": "stop", "now": true}',
    "a text that is none": '{"type": "ask", "text": 7}',
    "half of a character": '{"type": "ask", "text": "an otter \\ud83e"}',
    "a truth for a number": '{"type": "resume", "after": true}',
    "a negative number": '{"type": "resume", "after": -1}',
    "an id that is none": '{"type": "regenerate", "message_id": "7"}',
    "deep nesting": "[" * 30_000,
    "too many bytes": json.dumps({"type": "ask", "text": "é" * FRAME_BYTES}),
}


def test_bad_frames_are_told_and_the_socket_stays_open(server: Server) -> None:
    with talking(server, BOB, conversation_for(BOB)) as talk:
        for name, frame in BAD.items():
            talk.connection.send(frame)
            told = talk.next()
            assert (told["type"], told["code"]) == ("error", "bad_frame"), name
        talk.connection.send(b"\x00\x01")
        assert talk.next()["code"] == "bad_frame"
        assert talk.ask("Who are you?")[-1]["status"] == "complete"
    numbers = [frame["seq"] for frame in talk.heard]
    assert numbers == sorted(set(numbers))


def test_empty_and_overlong_messages_and_unknown_ids_are_refused(server: Server) -> None:
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation) as talk:
        codes = []
        for text in ("", " \n\x00", "x" * (MESSAGE_CHARACTERS + 1)):
            talk.say("ask", text=text)
            codes.append(talk.next()["code"])
        talk.say("regenerate", message_id=str(uuid4()))
        codes.append(talk.next()["code"])
        talk.say("confirm", action_id=str(uuid4()), approve=True)
        codes.append(talk.next()["code"])
        talk.say("stop")
        talk.say("resume", after=0)
        talk.say("ask", text="Who are you?")
        assert talk.next()["type"] == "turn.started", "stop and resume had nothing to tell"
        talk.until("turn.finished")
    assert codes == ["message_empty", "message_empty", "message_too_long", "not_found",
                     "no_such_action"]  # fmt: skip
    assert len(said_in(BOB, conversation)) == 2


def test_a_question_with_an_id_of_its_own_is_taken_once(server: Server) -> None:
    conversation, other = conversation_for(BOB), conversation_for(BOB)
    first, second = str(uuid4()), str(uuid4())
    with talking(server, BOB, conversation) as talk:
        talk.say("ask", text="Who are you?", question_id=first)
        talk.say("ask", text="Who are you?", question_id=first)  # while it is answered
        assert talk.until("turn.finished", "error")[0]["question_id"] == first
        talk.say("ask", text="Who are you?", question_id=first)  # and after
        for _ in range(2):
            talk.say("edit", message_id=first, text="Who made you?", question_id=second)
        assert talk.until("turn.finished", "error")[0]["question_id"] == second
    with talking(server, BOB, other) as talk:
        talk.say("ask", text="Who are you?", question_id=first)
        assert talk.next()["code"] == "question_id_taken"
        talk.say("ask", text="Who are you?", question_id="first")
        assert talk.next()["code"] == "bad_frame"
    assert len(said_in(BOB, conversation)) == 4
    assert said_in(BOB, other) == []


def test_signing_out_closes_the_open_socket_and_the_turn_goes_on(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(BOB)
    localaws.script(chunks=["word "] * 40, delay_ms=60, match={"operation": "ConverseStream"})
    browser = browser_of(BOB)
    cookie = browser.cookies["session"].value
    with talking(server, BOB, conversation, cookie=cookie) as talk:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        aside(lambda: browser.post("/sign-out/"))
        assert closed_with(talk) == 4401
        assert talk.heard[-1]["type"] == "delta"
    eventually(lambda: said_in(BOB, conversation)[1].status == "complete")


def reset_password(person: Person) -> None:
    """Set a new password by the link of a mail, as the person would."""
    user = user_of(person)
    with entered(tenant_of(person)):
        path = f"/password-reset/{urlsafe_base64_encode(str(user.pk).encode())}/"
        path += f"{default_token_generator.make_token(user)}/"
    client = stranger(person.host)
    form = client.get(path, follow=True)
    new = {"new_password1": "another long password", "new_password2": "another long password"}
    assert client.post(form.redirect_chain[-1][0], new).status_code == 302


def revoke_key(person: Person) -> None:
    user = user_of(person)
    in_acme(lambda: api_key_revoke(actor=SYSTEM, key=ApiKey.objects.get(user=user)))


ENDS = {
    "disabled": lambda: in_acme(lambda: user_disable(actor=SYSTEM, user=user_of(BOB))),
    "another role": lambda: in_acme(
        lambda: user_role_set(actor=SYSTEM, user=user_of(BOB), role=Role.MEMBER)
    ),
    "another password": lambda: reset_password(BOB),
    "the key revoked": lambda: revoke_key(BOB),
    "the session ended": lambda: in_acme(lambda: sessions_end(user_id=user_of(BOB).id)),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_right_that_ends_in_the_middle_of_an_answer_ends_its_tokens(
    server: Server, localaws: LocalAws, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once it has ended and the socket is closed not one frame more comes; within 5 s."""
    conversation = conversation_for(BOB)
    localaws.script(chunks=["word "] * 100, delay_ms=35, match={"operation": "ConverseStream"})
    key = BOB.key if end == "the key revoked" else ""
    with talking(server, BOB, conversation, key=key) as talk:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        aside(ENDS[end])
        began = time.monotonic()
        assert closed_with(talk) == 4401
        took = time.monotonic() - began
        words = len([frame for frame in talk.heard if frame["type"] == "delta"])
    with capsys.disabled():
        print(f"\n{end}: closed {took * 1000:.0f} ms after it, {words} of 100 words had come")
    assert took < 5
    assert words < 100 and talk.heard[-1]["type"] == "delta"
    eventually(lambda: said_in(BOB, conversation)[1].status == "complete")


def test_disabling_a_user_closes_their_sockets(server: Server) -> None:
    with talking(server, BOB, conversation_for(BOB)) as talk:
        aside(lambda: in_acme(lambda: user_disable(actor=SYSTEM, user=user_of(BOB))))
        assert closed_with(talk) == 4401


def test_a_closing_order_from_another_process_is_obeyed(server: Server) -> None:
    with talking(server, BOB, conversation_for(BOB)) as talk:
        aside(lambda: in_acme(lambda: sockets_close(user_of(BOB).id)))
        assert closed_with(talk) == 4401


def test_suspending_a_workspace_closes_its_sockets_at_once_and_no_others(server: Server) -> None:
    staff, acme = staff_client(), tenant_of(BOB)
    with (
        talking(server, BOB, conversation_for(BOB)) as goes,
        talking(server, CHARLIE, conversation_for(CHARLIE)) as stays,
    ):
        form = {
            "action": "suspend", "_selected_action": str(acme.id), "confirmed": "1",
            "reason": "Its owner asked for it",
        }  # fmt: skip
        address = "/admin/registry/tenant/"
        aside(lambda: staff.post(address, form))
        assert closed_with(goes) == 4401
        assert stays.ask("Who are you?")[-1]["status"] == "complete"
    assert stranger(BOB.host).get("/sign-in/").status_code == 404


def test_a_revoked_key_counts_from_the_next_message_on(server: Server) -> None:
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation, key=BOB.key) as talk:
        with entered(tenant_of(BOB)):
            ApiKey.objects.filter(user=user_of(BOB)).update(revoked_at="2026-01-01T00:00Z")
        talk.say("ask", text="Who are you?")
        assert closed_with(talk) == 4401
    assert said_in(BOB, conversation) == []


def test_the_timer_closes_what_nobody_closed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchkeeper, "LOOK_EVERY", 0.05)
    with (
        talking(server, ADA, conversation_for(ADA)) as stays,
        talking(server, BOB, conversation_for(BOB), key=BOB.key) as goes,
    ):
        with entered(tenant_of(BOB)):
            ApiKey.objects.filter(user=user_of(BOB)).update(revoked_at="2026-01-01T00:00Z")
        assert closed_with(goes) == 4401
        assert stays.ask("Who are you?")[-1]["status"] == "complete"


def test_two_workspaces_on_one_process_read_their_own_alone(server: Server) -> None:
    mine, theirs = conversation_for(BOB), conversation_for(CHARLIE)
    reads = 0
    with (
        talking(server, BOB, mine) as bob,
        talking(server, CHARLIE, theirs) as charlie,
    ):
        bob.ask("Who are you?")
        charlie.ask("What are you?")
        expected = [
            (bob, {str(message.id) for message in said_in(BOB, mine)}),
            (charlie, {str(message.id) for message in said_in(CHARLIE, theirs)}),
        ]
        for _ in range(100):
            for talk, _ in expected:
                talk.say("resume", after=0)
        for _ in range(100):
            for talk, own_messages in expected:
                [end] = [f for f in talk.until("turn.finished") if f["type"] == "turn.finished"]
                assert {end["message_id"], end["question_id"]} == own_messages
                reads += 1
    assert reads == 200
