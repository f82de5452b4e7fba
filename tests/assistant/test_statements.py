"""How many SQL statements a message costs, from sending until its answer has ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db.backends.utils import CursorWrapper

from billing.models import Reservation
from documents.ask import usage_of
from tenants.context import entered
from tests.assistant.talking import Server, conversation_for, talking
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import BOB, MAX
from tests.support.clients import tenant_of

MOST = 12
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


def test_a_message_costs_twelve_statements_at_most(
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
            with entered(tenant_of(BOB)):  # the last call was settled by the statement that stored
                assert end["usage"] == usage_of(UUID(end["request_id"]))
                assert not Reservation.objects.filter(state="held").exists()
