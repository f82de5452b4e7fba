"""A turn over a real socket: order, numbers, citations, Stop, dropped readers, resuming."""

import pytest

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
from tests.support.cast import BOB, MAX
from tests.support.localaws import LocalAws

QUESTION = "How many days may employees work abroad in a calendar year?"


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
