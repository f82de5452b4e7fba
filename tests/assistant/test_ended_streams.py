"""Event streams end with the right of whoever reads them, as sockets do."""

from collections.abc import Callable
from typing import Final

import pytest

from tenants.accounts.keys import api_key_create, api_key_revoke
from tenants.accounts.models import ApiKey, Role
from tenants.accounts.services import user_disable, user_role_set
from tenants.context import SYSTEM, Actor, entered
from tenants.sockets import workspace_sockets_close
from tests.assistant.talking import Server, aside, conversation_for, eventually, said_in
from tests.support.cast import MAX
from tests.support.clients import tenant_of, user_of
from tests.support.localaws import LocalAws

EVENTS: Final = {"Accept": "text/event-stream"}
WORDS: Final = 60


def in_acme(work: Callable[[], object]) -> Callable[[], None]:
    def done() -> None:
        with entered(tenant_of(MAX)):
            work()

    return done


def key_revoke(key: ApiKey) -> None:
    api_key_revoke(actor=SYSTEM, key=key)


ENDS: Final[dict[str, Callable[[], None]]] = {
    "the key revoked": in_acme(lambda: key_revoke(ApiKey.objects.get(user=user_of(MAX)))),
    "disabled": in_acme(lambda: user_disable(actor=SYSTEM, user=user_of(MAX))),
    "another role": in_acme(
        lambda: user_role_set(actor=SYSTEM, user=user_of(MAX), role=Role.VIEWER)
    ),
    "the workspace closed": lambda: workspace_sockets_close(tenant_of(MAX)),
}


def words_read(server: Server, path: str, body: dict[str, str], then: Callable[[], None]) -> str:
    """Read a stream to its end, doing something after the first word."""
    told = []
    with (
        server.http(MAX) as http,
        http.stream("POST", f"/api/v1/{path}", json=body, headers=EVENTS) as answer,
    ):
        assert answer.status_code == 200
        for line in answer.iter_lines():
            told.append(line)
            if line == "event: delta" and told.count(line) == 1:
                aside(then)
    return "\n".join(told)


@pytest.mark.parametrize("end", ENDS)
def test_a_stream_ends_in_the_middle_of_an_answer(
    server: Server, localaws: LocalAws, end: str
) -> None:
    conversation = conversation_for(MAX)
    localaws.script(chunks=["word "] * WORDS, delay_ms=60, match={"operation": "ConverseStream"})
    path = f"conversations/{conversation}/messages/"
    told = words_read(server, path, {"text": "Tell me everything."}, ENDS[end])
    assert "event: turn.finished" not in told
    assert 0 < told.count("event: delta") < WORDS
    eventually(lambda: said_in(MAX, conversation)[1].status == "complete")


def test_a_stream_goes_on_where_another_right_of_its_reader_ends(
    server: Server, localaws: LocalAws
) -> None:
    def another_revoked() -> None:
        user = user_of(MAX)
        actor = Actor(user.id, user.role, "session")
        another, _ = api_key_create(actor=actor, user=user, name="Another")
        key_revoke(another)

    conversation = conversation_for(MAX)
    localaws.script(chunks=["word "] * 20, delay_ms=60, match={"operation": "ConverseStream"})
    path = f"conversations/{conversation}/messages/"
    told = words_read(server, path, {"text": "Tell me."}, in_acme(another_revoked))
    assert "event: turn.finished" in told
