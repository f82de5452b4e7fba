"""How many SQL statements a message costs, from sending until its answer has ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db.backends.utils import CursorWrapper

from assistant.ending import turn_end
from assistant.models import Message, MessageStatus
from assistant.services import turn_begin
from billing.models import Reservation
from billing.settlement import settle, settlements_ride
from billing.units import Unit
from documents.ask import usage_of
from tenants.context import entered
from tenants.statements import rows_planned
from tests.assistant.talking import Server, actor_for, conversation_for, talking
from tests.billing.calls import MODEL, entries, reserve
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import BOB, MAX
from tests.support.clients import api, tenant_of

MOST = 11
QUESTIONS = (
    "How many days may employees work abroad in a calendar year?",
    "How much may a hotel room cost a night at most?",
)


@contextmanager
def counted(patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note what every thread of the product asks the database."""
    asked: list[str] = []
    execute: Callable[..., Any] = CursorWrapper.execute

    def noted(cursor: CursorWrapper, sql: Any, params: Any = None) -> Any:
        asked.append(str(sql))
        return execute(cursor, sql, params)

    with patch.context() as patched:
        patched.setattr(CursorWrapper, "execute", noted)
        yield asked


def test_a_message_costs_eleven_statements_at_most(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready("Travel policy.md", HANDBOOK)
    with talking(server, MAX, conversation_for(MAX)) as talk:
        talk.ask("Hello, what can you do for me in this workspace?")  # reads what is kept
    with talking(server, BOB, conversation_for(BOB)) as talk:
        for question in QUESTIONS:
            with counted(monkeypatch) as asked:
                end = talk.ask(question)[-1]
            assert end["citations"]
            assert end["follow_ups"]
            assert len(asked) <= MOST, "\n\n".join(asked)
            settled = [each.count("billing_settle(") for each in asked if "billing_settle(" in each]
            assert settled[0] == 2, "the embedding waits for the answer, whose words come first"
            with entered(tenant_of(BOB)):  # the last call was settled by the statement that stored
                assert end["usage"] == usage_of(UUID(end["request_id"]))
                assert not Reservation.objects.filter(state="held").exists()


@pytest.mark.django_db
def test_a_rewrite_costs_four_statements_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    def written() -> Any:
        body = {"task": "rewrite", "text": "We wish to reply."}
        return api(MAX).post("/api/v1/write/", body, content_type="application/json")

    assert written().status_code == 200  # reads what is kept
    with counted(monkeypatch) as asked:
        told = written().json()
    asked = [each for each in asked if "SAVEPOINT" not in each]
    assert len(asked) <= 4, "\n\n".join(asked)
    with entered(tenant_of(MAX)):
        used = usage_of(UUID(told["request_id"]))
        assert used["output_tokens"] > 0
        assert told["usage"] == used
        assert not Reservation.objects.filter(state="held").exists()


@pytest.mark.django_db(transaction=True)
def test_what_is_wrong_with_a_settlement_costs_nobody_their_answer() -> None:
    with entered(tenant_of(BOB)):
        held, other = reserve({Unit.INPUT: 1_000}), reserve({Unit.INPUT: 100})
        with settlements_ride():
            settle(other, model=MODEL, units={Unit.INPUT: 3}, late=True)
            settle(held, model="m" * 121, units={Unit.INPUT: 7})  # more than its column holds
            assert usage_of(held.request_id) == {"cost_usd": "0"}
            assert entries(other.request_id) == {(101, "input_tokens"): 3}
        assert entries(held.request_id) == {}
        with settlements_ride():
            settle(held, model=MODEL, units={Unit.INPUT: 7})
            assert usage_of(held.request_id)["input_tokens"] == 7


@pytest.mark.django_db(transaction=True)
def test_the_last_calls_settlement_is_written_whatever_becomes_of_the_turn() -> None:
    conversation = conversation_for(BOB)
    with entered(tenant_of(BOB)):
        turn = turn_begin(actor=actor_for(BOB), conversation_id=conversation, text="Hello?")
        for wrong in (False, True):
            held = reserve({Unit.INPUT: 1_000})
            before = reserve({Unit.INPUT: 100})
            with settlements_ride():
                settle(before, model=MODEL, units={Unit.INPUT: 3}, late=True)
                settle(held, model="m" * (121 if wrong else 9), units={Unit.INPUT: 7})
                ended = turn_end(
                    turn,
                    status=MessageStatus.COMPLETE,
                    text="Hello.",
                    metered=held.request_id,
                )
                assert entries(before.request_id) == {(101, "input_tokens"): 3}
                if wrong:  # more than its column holds: the answer is stored without it
                    assert ended == {"cost_usd": "0"}
                    assert entries(held.request_id) == {}
                    break
                assert ended is not None
                assert ended["input_tokens"] == 7
            late = reserve({Unit.INPUT: 1_000})
            with settlements_ride():
                settle(late, model=MODEL, units={Unit.INPUT: 8})
                assert turn_end(turn, status=MessageStatus.COMPLETE, text="") is None  # it ended
            assert entries(late.request_id) == {(101, "input_tokens"): 8}
            turn = turn_begin(actor=actor_for(BOB), conversation_id=conversation, text="And now?")
        assert Message.objects.get(id=turn.answer_id).text == "Hello."


@pytest.mark.django_db(transaction=True)
def test_admission_and_settlement_are_planned_once_for_a_connection() -> None:
    kept = "SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements"
    with entered(tenant_of(BOB)):
        for _ in range(2):
            settle(reserve({Unit.INPUT: 1_000}), model=MODEL, units={Unit.INPUT: 7})
        times = dict(rows_planned(kept, []))
    for function in ("billing_admit", "billing_settle"):
        [planned] = [count for text, count in times.items() if f"{function}(" in text]
        assert planned >= 2
