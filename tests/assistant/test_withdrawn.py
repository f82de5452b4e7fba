"""What is blocked in mid-stream leaves nothing behind: on no surface, in no store, in no log."""

from typing import Any

import pytest

from assistant.models import Message
from bedrock import policy, services
from billing.models import LedgerEntry
from tenants.context import SYSTEM, entered
from tenants.redis import redis_client
from tests.assistant.talking import Server, conversation_for, eventually, talking, text_of
from tests.documents.helpers import ready
from tests.support.cast import ALICE, BOB, MAX
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws

STREAM = {"operation": "ConverseStream"}
CANARY = "quokka"
# Longer than what a guardrail checks at once: the beginning has been shown when the block comes.
LONG = f"The {CANARY} is a small animal. " * 60
SECRET = "Its key is AKIAABCDEFGHIJKLMNOP."


def left_over() -> list[str]:
    """Return every key of Redis that still holds the canary."""
    client: Any = redis_client()
    found = []
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        value: Any = b""
        if kind == b"stream":
            value = client.xrange(key)
        elif kind == b"string":
            value = client.get(key)
        elif kind == b"hash":
            value = client.hgetall(key)
        elif kind == b"list":
            value = client.lrange(key, 0, -1)
        elif kind == b"zset":
            value = client.zrange(key, 0, -1)
        if CANARY in str(value):
            found.append(key.decode())
    return found


def own_word() -> None:
    with entered(tenant_of(ALICE)):
        services.safety_set(actor=SYSTEM, words=["forbidden thing"])


@pytest.mark.parametrize("by", ["guardrail", "word"])
@pytest.mark.parametrize("way", ["socket", "sse", "write"])
def test_nothing_is_left_of_an_answer_that_was_blocked_in_mid_stream(
    by: str,
    way: str,
    server: Server,
    localaws: LocalAws,
    caplog: pytest.LogCaptureFixture,
) -> None:
    policy.forget()
    if by == "word":
        own_word()
    end = "The forbid" if by == "word" else SECRET
    chunks = [*(f"{word} " for word in LONG.split()), end]
    chunks += ["den thing", " is here."] if by == "word" else []
    localaws.script(chunks=chunks, match=STREAM)
    conversation = conversation_for(BOB)
    if way == "socket":
        with talking(server, BOB, conversation) as talk:
            frames = talk.ask("Tell me.")
            talk.say("resume", after=0)
            again = talk.until("turn.finished")
        assert CANARY in text_of(frames), "it was shown, and taken back"
        kinds = [frame["type"] for frame in frames]
        assert kinds.index("withdrawn") > kinds.index("delta")
        assert frames[-1]["status"] == "withdrawn"
        assert CANARY not in str(again) and CANARY not in str(frames[-1])
    elif way == "sse":
        with server.http(BOB) as client:
            told = client.post(
                f"/api/v1/conversations/{conversation}/messages/",
                json={"text": "Tell me."},
                headers={"Accept": "text/event-stream"},
            ).text
        shown, _, after = told.partition("event: withdrawn")
        assert CANARY in shown and after and CANARY not in after
    else:
        with server.http(MAX) as client:
            written = client.post(
                "/api/v1/write/", json={"task": "draft", "instructions": "An animal"}
            ).json()
        assert written["guardrail"]["action"] == "blocked"
        assert CANARY not in str(written)

    with entered(tenant_of(BOB)):
        eventually(lambda: LedgerEntry.objects.filter(unit="output_tokens").exists())
        assert CANARY not in str(list(Message.objects.values()))
    assert left_over() == []
    assert CANARY not in caplog.text


def test_a_blocked_answer_from_documents_shows_and_keeps_nothing(
    server: Server, localaws: LocalAws, caplog: pytest.LogCaptureFixture
) -> None:
    ready("animals.md", f"# Animals\n\nThe {CANARY} of the island is a small animal. {SECRET}")
    localaws.script(text=f"The {CANARY} is small. {SECRET}", match={"operation": "Converse"})
    with server.http(BOB) as client:
        answer = client.post(
            "/api/v1/ask/", json={"question": "Which small animal lives on the island?"}
        ).json()
    assert answer["guardrail"]["action"] == "blocked"
    assert (answer["grounded"], answer["citations"]) == ("none", [])
    assert CANARY not in str(answer)
    assert left_over() == []
    assert CANARY not in caplog.text
