"""A turn over a real socket: order, numbers, citations, Stop, dropped readers, other versions."""

import time
from typing import Any
from uuid import UUID

from billing.models import LedgerEntry
from tenants.context import entered
from tests.assistant.talking import (
    Server,
    conversation_for,
    eventually,
    kinds,
    said_in,
    talking,
    text_of,
    title_of,
)
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import BOB, MAX, Person
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws

QUESTION = "How many days may employees work abroad in a calendar year?"
WORDS = [f"word{number} " for number in range(40)]
STREAM = {"operation": "ConverseStream"}


def ledger(person: Person, request_id: UUID | None) -> dict[str, int]:
    """Return what the ledger holds of a request's streamed answer, by unit."""
    with entered(tenant_of(person)):
        rows = LedgerEntry.objects.filter(request_id=request_id, unit="output_tokens")
        return {"output_tokens": int(sum(row.quantity for row in rows)),
                "estimated": sum(row.estimated for row in rows)}  # fmt: skip


def streamed_usage(localaws: LocalAws) -> dict[str, Any]:
    """Return what the provider counted of the last stream."""
    usage: dict[str, Any] = localaws.requests("ConverseStream")[-1]["usage"]
    return usage


def test_an_answer_streams_in_order_with_growing_numbers_and_checked_citations(
    server: Server,
) -> None:
    document = ready("Travel policy.md", HANDBOOK)
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation) as talk:
        frames = talk.ask(QUESTION)
    assert kinds(frames) == ["turn.started", "tool", "delta", "citations", "turn.finished"]
    numbers = [frame["seq"] for frame in frames]
    assert numbers == sorted(set(numbers))
    assert "30 days" in text_of(frames)
    end = frames[-1]
    assert end["status"] == "complete"
    assert end["grounded"] == "full"
    [citation] = [each for each in end["citations"] if "30 days" in each["quote"]]
    assert citation["document_id"] == str(document.id)
    assert 'class="cite"' in end["html"]
    assert end["usage"]["output_tokens"] > 0
    question, answer = said_in(BOB, conversation)
    assert (question.text, answer.text, answer.parent_id) == (QUESTION, end["text"], question.id)
    assert end["title"] == title_of(BOB, conversation) != ""


def test_the_next_question_is_understood_with_the_one_before(server: Server) -> None:
    ready("Travel policy.md", HANDBOOK)
    with talking(server, BOB, conversation_for(BOB)) as talk:
        first = talk.ask("How much may a hotel room cost?")
        second = talk.ask("And trains?")
    assert first[-1]["seq"] < second[0]["seq"]
    assert "class" in second[-1]["text"]


def test_steps_are_told_before_the_model_says_anything(server: Server, localaws: LocalAws) -> None:
    ready("Travel policy.md", HANDBOOK)
    conversation = conversation_for(BOB)
    localaws.script(chunks=["Late."], first_delay_ms=3_000, match=STREAM)
    with talking(server, BOB, conversation) as talk:
        talk.say("ask", text=QUESTION)
        steps = talk.until("tool")
        while steps[-1]["status"] == "running":
            steps.append(talk.next())
        begun = time.monotonic()
        talk.until("turn.finished")
    assert kinds(steps) == ["turn.started", "tool"]
    assert steps[-1]["found"] > 0
    assert time.monotonic() - begun > 1  # the model was still to speak


def test_stop_ends_the_answer_and_the_ledger_is_exact(server: Server, localaws: LocalAws) -> None:
    conversation = conversation_for(BOB)
    localaws.script(chunks=WORDS, delay_ms=75, match=STREAM)
    with talking(server, BOB, conversation) as talk:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        talk.say("stop")
        frames = talk.until("turn.finished")
    end = frames[-1]
    assert end["status"] == end["stop_reason"] == "stopped"
    assert "word39" not in end["text"]
    answer = said_in(BOB, conversation)[1]
    assert (answer.status, answer.text) == ("stopped", end["text"])
    counted = streamed_usage(localaws)["outputTokens"]
    assert ledger(BOB, answer.request_id) == {"output_tokens": counted, "estimated": 0}


def test_a_reader_who_goes_away_leaves_a_whole_settled_answer(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(BOB)
    localaws.script(chunks=WORDS, delay_ms=10, match=STREAM)
    with talking(server, BOB, conversation) as talk:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        talk.connection.socket.close()
    eventually(lambda: said_in(BOB, conversation)[1].status == "complete")
    answer = said_in(BOB, conversation)[1]
    assert answer.text == "".join(WORDS)
    counted = streamed_usage(localaws)["outputTokens"]
    assert ledger(BOB, answer.request_id) == {"output_tokens": counted, "estimated": 0}


def test_another_answer_is_a_sibling_of_the_first(server: Server) -> None:
    ready("Travel policy.md", HANDBOOK)
    conversation = conversation_for(BOB)
    with talking(server, BOB, conversation) as talk:
        first = talk.ask(QUESTION)[-1]["message_id"]
        talk.say("regenerate", message_id=first)
        second = talk.until("turn.finished")[-1]["message_id"]
    question, *answers = said_in(BOB, conversation)
    assert [str(answer.id) for answer in answers] == [first, second]
    assert {answer.parent_id for answer in answers} == {question.id}


def test_one_answer_is_written_at_a_time(server: Server, localaws: LocalAws) -> None:
    localaws.script(chunks=WORDS, delay_ms=75, match=STREAM)
    with talking(server, BOB, conversation_for(BOB)) as talk:
        talk.say("ask", text="Tell me everything.")
        talk.until("delta")
        talk.say("ask", text="And more.")
        refused = talk.until("error")[-1]
        talk.say("stop")
        end = talk.until("turn.finished")[-1]
    assert refused["code"] == "turn_running"
    assert "message_id" not in refused
    numbers = [frame["seq"] for frame in talk.heard]
    assert numbers == sorted(set(numbers))
    assert end["status"] == "stopped"


def test_a_blocked_answer_is_taken_back_and_nothing_of_it_is_kept(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(BOB)
    localaws.script(chunks=WORDS, stop_reason="guardrail_intervened", match=STREAM)
    with talking(server, BOB, conversation) as talk:
        frames = talk.ask("Tell me everything.")
        kept = talk.until
        talk.say("resume", after=0)
        again = kept("turn.finished")
    withdrawn = next(frame for frame in frames if frame["type"] == "withdrawn")
    assert withdrawn["reason"] == "guardrail"
    assert withdrawn["message_id"] == frames[-1]["message_id"]
    assert frames[-1]["status"] == "withdrawn"
    assert "word" not in frames[-1]["text"]
    assert text_of(again) == ""
    assert "word" not in said_in(BOB, conversation)[1].text


def test_a_stream_that_breaks_keeps_what_had_arrived_and_says_so(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(BOB)
    error = {"after": 3, "code": "ModelStreamErrorException"}
    localaws.script(chunks=WORDS, stream_error=error, match=STREAM)
    with talking(server, BOB, conversation) as talk:
        end = talk.ask("Tell me everything.")[-1]
    assert (end["type"], end["code"]) == ("error", "stream_interrupted")
    answer = said_in(BOB, conversation)[1]
    assert str(answer.id) == end["message_id"]
    assert (answer.status, answer.text) == ("interrupted", "".join(WORDS[:3]))
    assert answer.error_code == "stream_interrupted"
    assert ledger(BOB, answer.request_id)["estimated"] == 1
    assert len(localaws.requests("ConverseStream")) == 1


def test_a_refusal_before_the_first_word_fails_the_answer_and_it_can_be_tried_again(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(MAX)
    localaws.script(error={"code": "ThrottlingException", "status": 429}, times=6, match=STREAM)
    with talking(server, MAX, conversation) as talk:
        end = talk.ask("Tell me everything.")[-1]
        talk.say("regenerate", message_id=end["message_id"])
        again = talk.until("turn.finished", "error")[-1]
    assert (end["code"], end["retry_after"] > 0) == ("model_busy", True)
    assert said_in(MAX, conversation)[1].status == "failed"
    assert again["status"] == "complete"
