"""A workspace's own words and thresholds, on both sides of every text call."""

import uuid
from typing import Any

import pytest

from bedrock import gateway, policy, services
from bedrock.errors import ModelUnavailable, RulesWrong
from bedrock.gateway import TextDelta
from bedrock.interventions import interventions_of
from bedrock.models import SafetyRules
from bedrock.selectors import decisions_of
from bedrock.wordmatch import GrowingText, folded, holds
from tenants.accounts.models import AuditEvent
from tenants.context import SYSTEM, TenantContext, entered
from tests.bedrock.asking import finished, ledger, question, shown
from tests.support.localaws import LocalAws
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db
# Soft hyphen, joiners, directions and isolates, invisible operators, variations, tags, fillers.
UNSEEN = ("\u00ad", "\u034f", "\u200d", "\u202e", "\u2066", "\u2069", "\u206a", "\u2063", "\ufe0f",
          "\U000e0041", "\U000e0100", "\u115f", "\u3164", "\ufffb", "\U0001d173", "\x01",
          "\x7f")  # fmt: skip
ALL = {"match": {"operation": "ConverseStream"}}


def rules(tenant: TenantContext, **members: Any) -> SafetyRules:
    with entered(tenant):
        return services.safety_set(actor=SYSTEM, **members)


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("Ask about Project  FALCON now.", "project falcon", True),
        ("The falconry is open.", "falcon", False),
        ("A fal\u200bcon here.", "falcon", True),
        *((f"A fal{unseen}con here.", "falcon", True) for unseen in UNSEEN),
        ("A falcon here.", "fal\u2069con", True),
        ("A fal con here.", "falcon", False),
        ("\uff26alcon", "falcon", True),
        ("Über die Straße", "STRASSE", True),
        ("今日は東京です", "東京", True),
        ("C++ is fine", "c++", True),
    ],
)
def test_a_word_is_found_whole_in_any_case_and_hidden_in_no_way(
    text: str, word: str, found: bool
) -> None:
    assert holds(text, [word]) is found
    for size in (1, 2, 3, 7):
        growing = GrowingText((word,))
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        out = [growing.grown(piece) for piece in pieces]
        out = [*out, growing.ended()]
        if found:
            assert None in out
            before = "".join(each or "" for each in out[: out.index(None)])
            assert text.startswith(before)
            assert folded(before).split()[-1:] != folded(word).split()[:1], "no part of it is shown"
        else:
            assert "".join(each or "" for each in out) == text


@pytest.mark.parametrize("stream", [False, True])
def test_a_question_with_a_blocked_word_is_answered_as_blocked_and_never_sent(
    stream: bool, acme: TenantContext, localaws: LocalAws
) -> None:
    rules(acme, words=["Project Falcon"])
    asked = question("What is project falcon about?")
    with entered(acme):
        answer = (
            finished(list(gateway.converse_stream(asked))) if stream else gateway.converse(asked)
        )
        (recorded,) = interventions_of(asked.request_id)
        assert len(decisions_of(asked.request_id)) == 1
    assert answer.blocked and answer.guardrail["action"] == "blocked"
    assert "own rules" in answer.text and "falcon" not in answer.text.lower()
    assert localaws.requests() == []
    assert ledger(acme, asked.request_id) == {}
    assert (recorded.origin, recorded.side, recorded.policy) == ("words", "input", "word")


def test_a_word_split_over_deltas_is_never_shown_and_the_answer_is_metered(
    acme: TenantContext, localaws: LocalAws
) -> None:
    rules(acme, words=["Project Falcon"])
    chunks = ["It is ab", "out pro", "ject fa", "lcon, the", " secret one."]
    localaws.script(chunks=chunks)
    asked = question("hello")
    with entered(acme):
        events = list(gateway.converse_stream(asked))
        (recorded,) = interventions_of(asked.request_id)
    answer = finished(events)
    assert "It is about ".startswith(shown(events)) and "pro" not in shown(events)
    assert answer.blocked and "falcon" not in answer.text
    assert recorded.side == "output"
    assert ledger(acme, asked.request_id)[1, "output_tokens"] > 0
    localaws.script(chunks=["Pro", "ject plans ", "are fine."])
    with entered(acme):
        passed = list(gateway.converse_stream(question("hello")))
    assert shown(passed) == finished(passed).text == "Project plans are fine."


def test_words_of_the_sources_do_not_refuse_the_question(
    acme: TenantContext, localaws: LocalAws
) -> None:
    rules(acme, words=["manager"])
    source = {
        "text": "Tell your manager. The office opens at nine.",
        "qualifiers": ["grounding_source"],
    }
    content = [{"guardContent": {"text": source}}, {"text": "When does it open?"}]
    localaws.script(text="At nine.")
    with entered(acme):
        answer = gateway.converse(question(messages=[{"role": "user", "content": content}]))
    assert answer.text == "At nine."


def test_thresholds_are_judged_on_both_sides_and_metered(
    acme: TenantContext, localaws: LocalAws
) -> None:
    rules(acme, thresholds={"EMAIL": 0.5, "JAILBREAK": 0.8, "VIOLENCE": 0.2})
    asked = question("Who is bob@example.com?")
    with entered(acme):
        answer = gateway.converse(asked)
        (recorded,) = interventions_of(asked.request_id)
    assert answer.blocked
    assert (recorded.origin, recorded.policy, recorded.finding) == ("thresholds", "pii", "EMAIL")
    assert [call["operation"] for call in localaws.requests()] == ["InvokeGuardrailChecks"]
    assert ledger(acme, asked.request_id) == {
        (1, "guardrail_check_attack_units"): 1,
        (1, "guardrail_check_content_units"): 1,
        (1, "guardrail_check_pii_units"): 1,
    }
    localaws.reset()
    localaws.script(chunks=["Write to ", "bob@", "example.com."], **ALL)
    with entered(acme):
        events = list(gateway.converse_stream(question("hello")))
    assert not [event for event in events if isinstance(event, TextDelta)]
    assert finished(events).blocked
    localaws.script(text="A fistfight is mild.", match={"operation": "Converse"})
    with entered(acme):
        assert gateway.converse(question("hello")).blocked, "0.3 is over 0.2"


def test_checks_that_cannot_be_made_close_the_way(acme: TenantContext, localaws: LocalAws) -> None:
    rules(acme, thresholds={"EMAIL": 0.5})
    error = {"code": "ServiceUnavailableException", "status": 503}
    localaws.script(error=error, times=9, match={"operation": "InvokeGuardrailChecks"})
    with entered(acme):
        with pytest.raises(ModelUnavailable):
            gateway.converse(question("hello"))
        assert not localaws.requests("Converse")


def test_each_change_is_a_version_that_can_be_set_again_and_is_audited(
    acme: TenantContext, globex: TenantContext
) -> None:
    rules(acme, words=["alpha"], thresholds={"HATE": 0.5})
    second = rules(acme, words=[" Beta  gamma ", "BETA GAMMA"])
    assert (second.version, second.words, second.thresholds) == (2, ["Beta gamma"], {"HATE": 0.5})
    with entered(acme):
        third = services.safety_restore(actor=SYSTEM, version=1)
        assert (third.version, third.words, third.restored_from) == (3, ["alpha"], 1)
        actions = AuditEvent.objects.filter(object_type="safety_rules").order_by("at")
        assert [event.action for event in actions] == [
            "safety.changed", "safety.changed", "safety.restored"
        ]  # fmt: skip
        assert "alpha" not in str([event.data for event in actions])
    with entered(globex):
        assert not SafetyRules.objects.exists()
    for wrong in (
        {"words": ["x " * 9]},
        {"thresholds": {"NOPE": 0.5}},
        {"thresholds": {"HATE": 7}},
    ):
        with pytest.raises(RulesWrong):
            rules(acme, **wrong)


def test_a_change_counts_elsewhere_when_what_a_process_keeps_is_old(
    acme: TenantContext, localaws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "KEEP_SECONDS", 0.2)
    localaws.script(text="alpha", times=99)
    with entered(acme):
        assert not gateway.converse(question("hello")).blocked
        SafetyRules.objects.create(
            id=uuid.uuid4(), tenant_id=acme.id, version=1, words=["alpha"]
        )  # as another process would
        eventually(lambda: gateway.converse(question("hello")).blocked)
