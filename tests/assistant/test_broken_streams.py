"""Whatever breaks a stream, and where: what came is kept and marked, each attempt counted."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bedrock import policy
from bedrock.models import FailedAttempt, Model
from billing.models import LedgerEntry
from tenants.context import entered, public_scope
from tests.assistant.talking import Server, conversation_for, said_in, talking, text_of
from tests.support.cast import MAX
from tests.support.clients import api, browser_of, tenant_of
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = ["One ", "two ", "three ", "four."]
STREAM = {"operation": "ConverseStream"}
SILENCE = 1.5  # seconds, where the service is to be found silent
# What the service does, and whether the call is repeated when nothing had been shown.
KINDS: dict[str, tuple[dict[str, Any], bool]] = {
    "throttled": ({"stream_error": {"code": "ThrottlingException"}}, True),
    "internal": ({"stream_error": {"code": "InternalServerException"}}, True),
    "unavailable": ({"stream_error": {"code": "ServiceUnavailableException"}}, True),
    "model error": ({"stream_error": {"code": "ModelStreamErrorException"}}, False),
    "stall": ({"stall": {"seconds": 5}}, False),
    "cut": ({}, False),
}
POSITIONS = (0, 2)


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of the table."""

    kind: str
    after: int

    @property
    def script(self) -> dict[str, Any]:
        members = json.loads(json.dumps(KINDS[self.kind][0]))
        if self.kind == "cut":
            members["truncate_after"] = self.after
        for broken in members.values():
            if isinstance(broken, dict):
                broken["after"] = self.after
        return {"chunks": WORDS, "match": STREAM, **members}

    @property
    def outcome(self) -> tuple[str, str, int]:
        """Return the answer's state, its text, and how many attempts there were."""
        if self.after:
            return "interrupted", "".join(WORDS[: self.after]), 1
        return ("complete", "".join(WORDS), 2) if KINDS[self.kind][1] else ("failed", "", 1)


CASES = [Case(kind, after) for kind in KINDS for after in POSITIONS]


@pytest.fixture(autouse=True)
def _afresh(server: Server) -> Iterator[None]:
    yield
    policy.forget()


def broken(localaws: LocalAws, case: Case) -> None:
    """Have the next stream break; short patience is for stalls alone, since machines are slow."""
    with public_scope("staff"):
        Model.objects.update(silence_seconds=SILENCE if case.kind == "stall" else 30)
    policy.forget()
    localaws.reset()
    localaws.script(**case.script)
    localaws.script(chunks=WORDS, match=STREAM)


def attempts_counted(localaws: LocalAws, request_id: uuid.UUID | str, case: Case) -> None:
    """Every attempt that was sent stands in the ledger, and each that failed on record too."""
    attempts = case.outcome[2]
    assert len(localaws.requests("ConverseStream")) == attempts, case
    with entered(tenant_of(MAX)):
        failed = list(FailedAttempt.objects.filter(request_id=request_id).order_by("attempt"))
        rows = LedgerEntry.objects.filter(request_id=request_id, unit="output_tokens")
        streamed = rows.exclude(feature__in=("title", "search"))
        assert [(row.attempt, row.billed) for row in failed] == [(1, True)], case
        assert sorted(row.attempt % 100 for row in streamed) == list(range(1, attempts + 1)), case
        assert [row.estimated for row in streamed.order_by("attempt")] == [True, False][:attempts]


def test_on_the_socket_and_after_a_reload(server: Server, localaws: LocalAws) -> None:
    for case in CASES:
        conversation = conversation_for(MAX, title="Broken streams")
        broken(localaws, case)
        status, text, _ = case.outcome
        with talking(server, MAX, conversation) as talk:
            frames = talk.ask("Tell me everything.")
        assert text_of(frames) == text, case
        assert (frames[-1]["type"] == "turn.finished") is (status == "complete"), case
        answer = said_in(MAX, conversation)[1]
        assert (answer.status, answer.text) == (status, text), case
        assert answer.request_id is not None
        attempts_counted(localaws, answer.request_id, case)
        code = {"interrupted": "stream_interrupted", "complete": ""}.get(status)
        if code is not None:
            assert answer.error_code == code, case
        page = browser_of(MAX).get(f"/assistant/{conversation}/").content.decode()
        assert (text.strip() in page) and ("what had arrived is kept" in page) is bool(
            status == "interrupted"
        ), case


def test_as_events_over_http_and_in_one_piece(server: Server, localaws: LocalAws) -> None:
    for case in CASES:
        conversation = conversation_for(MAX, title="Broken streams")
        broken(localaws, case)
        status, text, _ = case.outcome
        address = f"/api/v1/conversations/{conversation}/messages/"
        with server.http(MAX) as client:
            answered = client.post(
                address, json={"text": "Tell me."}, headers={"Accept": "text/event-stream"}
            )
        if status == "failed":
            assert (answered.status_code, answered.json()["code"]) == (503, "model_unavailable")
        else:
            frames = events_of(answered.text)
            assert text_of(frames) == text, case
            assert frames[-1].get("code", "") == (
                "stream_interrupted" if status == "interrupted" else ""
            ), case
        answer = said_in(MAX, conversation)[1]
        assert (answer.status, answer.text) == (status, text), case
        assert answer.request_id is not None
        attempts_counted(localaws, answer.request_id, case)


def test_in_writing(server: Server, localaws: LocalAws) -> None:
    task = {"task": "rewrite", "text": "We write in order to tell you."}
    for number, case in enumerate(CASES):
        broken(localaws, case)
        status, text, _ = case.outcome
        events = bool(number % 2) or case.after == 0
        with server.http(MAX) as client:
            headers = {"Accept": "text/event-stream"} if events else {}
            answered = client.post("/api/v1/write/", json=task, headers=headers)
        sent = localaws.requests("ConverseStream")[0]["requestMetadata"]["request_id"]
        attempts_counted(localaws, sent, case)
        if status == "failed":
            assert (answered.status_code, answered.json()["code"]) == (503, "model_unavailable")
            continue
        told = events_of(answered.text)[-1] if events else answered.json()
        assert told["text"] == text, case
        assert (told["stop_reason"] == "interrupted") is (status == "interrupted"), case
        assert (told["error"] or {}).get("code", "") == (
            "stream_interrupted" if status == "interrupted" else ""
        ), case


@pytest.mark.parametrize(
    ("error", "attempts", "billed", "code"),
    [
        ({"code": "ThrottlingException"}, 6, False, "model_busy"),
        ({"code": "ServiceUnavailableException", "status": 503}, 2, False, "model_unavailable"),
        ({"code": "ModelErrorException", "status": 424}, 1, True, "model_unavailable"),
        ({"code": "ModelTimeoutException", "status": 408}, 1, True, "model_unavailable"),
    ],
)
def test_in_answers_that_come_whole(
    error: dict[str, Any], attempts: int, billed: bool, code: str, server: Server,
    localaws: LocalAws,
) -> None:  # fmt: skip
    from tests.documents.helpers import HANDBOOK, ready

    ready("Travel policy.md", HANDBOOK)
    localaws.reset()
    localaws.script(error=error, times=attempts, match={"operation": "Converse"})
    asked = {"question": "How many days may employees work abroad in a year?"}
    refused = api(MAX).post("/api/v1/ask/", asked, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (503, code)
    sent = localaws.requests("Converse")
    assert len(sent) == attempts
    with entered(tenant_of(MAX)):
        request_id = sent[0]["requestMetadata"]["request_id"]
        failed = list(FailedAttempt.objects.filter(request_id=request_id).order_by("attempt"))
        settled = LedgerEntry.objects.filter(request_id=request_id, unit="output_tokens").count()
    assert [(row.attempt, row.billed) for row in failed] == [
        (number, billed) for number in range(1, attempts + 1)
    ]
    assert settled == int(billed)


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
