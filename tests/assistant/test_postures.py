"""A changed rule or posture is obeyed by the next message on a socket that is open already."""

import time

from bedrock import policy
from bedrock.models import SafetyRules
from bedrock.services import posture_set, safety_restore, safety_set
from tenants.context import entered
from tests.assistant.talking import Server, Talk, actor_for, conversation_for, said_in, talking
from tests.documents.test_masking import CANARIES, held, others
from tests.support.cast import ADA, ALICE, MAX
from tests.support.clients import browser_of, tenant_of
from tests.support.localaws import LocalAws

FIRST = f"Who has the address {CANARIES['EMAIL']}? Answer in one word."
SECOND = f"And who has the number {CANARIES['PHONE']}?"


def test_an_open_socket_obeys_a_new_posture_with_the_next_message(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(MAX)
    with talking(server, MAX, conversation) as talk:
        assert talk.ask(FIRST)[-1]["type"] == "turn.finished"
        assert "EMAIL" in held(others(localaws))
        with entered(tenant_of(ADA)):
            posture_set(actor=actor_for(ADA), posture="regulated")
        localaws.reset()
        assert talk.ask(SECOND)[-1]["type"] == "turn.finished"
    calls = others(localaws)
    assert "ConverseStream" in {call["operation"] for call in calls}
    assert "PHONE" not in held(calls)


def test_a_blocked_word_is_obeyed_within_five_seconds_where_another_process_saved_it(
    server: Server, localaws: LocalAws
) -> None:
    tenant, conversation = tenant_of(ADA), conversation_for(MAX)

    def blocked(talk: Talk) -> bool:
        talk.ask("Tell me about project falcon.")
        return "own rules" in said_in(MAX, conversation)[-1].text

    with talking(server, MAX, conversation) as talk:
        assert not blocked(talk)  # from now on this process holds the rules as they were
        with entered(tenant):  # what another process does: the row, and nothing in this one
            SafetyRules.objects.create(tenant_id=tenant.id, version=1, words=["project falcon"])
        begun = time.monotonic()
        while not blocked(talk):
            assert time.monotonic() - begun < policy.KEEP_SECONDS + 1
        with entered(tenant):
            safety_set(actor=actor_for(ADA), words=[], expected=1)
        assert not blocked(talk)
        with entered(tenant):
            safety_restore(actor=actor_for(ADA), version=1)
        assert blocked(talk)
    answer = said_in(MAX, conversation)[-1]
    record = browser_of(ADA).get(f"/requests/{answer.request_id}/").content.decode()
    assert "Blocked in the question" in record and "Read the answer" not in record
    page = browser_of(MAX).get(f"/requests/{answer.request_id}/").content.decode()
    assert "Read the answer" in page
    assert browser_of(ALICE).get("/settings/safety/interventions/").status_code == 200
