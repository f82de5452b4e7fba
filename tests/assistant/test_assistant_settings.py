"""Admins have the assistant their way: name, instructions, language, models, features."""

from typing import Any

import pytest

from bedrock import policy
from bedrock.models import AssistantSettings, PolicyDecision
from tenants.accounts.models import AuditEvent
from tenants.context import entered
from tests.assistant.talking import Server, conversation_for, said_in, talking
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of
from tests.support.localaws import LocalAws

SETTINGS = "/api/v1/assistant/settings/"
PAGE = "/settings/assistant/"
STYLE = "Call every room a chamber."


def changed(person: Person, **values: Any) -> Any:
    return api(person).patch(SETTINGS, values, content_type="application/json")


def systems(localaws: LocalAws, operation: str) -> list[str]:
    return [str(call["body"].get("system")) for call in localaws.requests(operation)]


def test_the_next_message_on_an_open_socket_carries_them_and_a_rollback_takes_them_back(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(MAX, "A title")
    with talking(server, MAX, conversation) as talk:
        talk.ask("Hello there")
        assert STYLE not in systems(localaws, "ConverseStream")[-1]
        answer = changed(ADA, name="Minerva", instructions=STYLE, language="de", version=0)
        assert (answer.status_code, answer.json()["version"]) == (200, 1)
        talk.ask("Hello there")
        told = systems(localaws, "ConverseStream")[-1]
        assert STYLE in told and "You are called Minerva." in told and "Answer in German" in told
        assert told.index("Answer first") < told.index(STYLE), "our own rules come first"
        api(ADA).post(f"{SETTINGS}versions/1/restore/")
        changed(ADA, name="", instructions="", language="")
        talk.ask("Hello there")
        assert STYLE not in systems(localaws, "ConverseStream")[-1]
    page = browser_of(MAX).get(f"/assistant/{conversation}/").content.decode()
    assert "Minerva" not in page
    changed(ADA, name="Minerva")
    assert "Minerva" in browser_of(MAX).get(f"/assistant/{conversation}/").content.decode()


def test_a_feature_that_is_off_is_refused_by_page_rest_and_socket(
    server: Server, localaws: LocalAws
) -> None:
    ready("Travel policy.md", HANDBOOK)
    conversation = conversation_for(MAX)
    with talking(server, MAX, conversation) as talk:
        changed(ADA, off=["actions", "ask", "assistant", "write"])
        localaws.reset()
        error = talk.ask("Hello there")[-1]
        assert (error["type"], error["code"]) == ("error", "feature_off")
        for path, body in (
            ("/api/v1/ask/", {"question": "What may a hotel room cost?"}),
            ("/api/v1/write/", {"task": "draft", "instructions": "A poem"}),
            (f"/api/v1/conversations/{conversation}/messages/", {"text": "Hello"}),
        ):
            answer = api(MAX).post(path, body, content_type="application/json")
            assert (answer.status_code, code_of(answer)) == (403, "feature_off"), path
        asked = browser_of(MAX).post("/ask/", {"question": "What may a hotel room cost?"})
        assert "switched off in this workspace" in asked.content.decode()
        assert "is switched off" in browser_of(MAX).get("/assistant/").content.decode()
        assert 'href="/write/"' not in browser_of(MAX).get("/assistant/").content.decode()
        assert localaws.requests() == []
        changed(ADA, off=["actions"])
        frames = talk.ask("Rename the document Travel policy.md to Trips.md")
    assert any("switched off" in str(step.get("line")) for step in frames), frames
    assert said_in(MAX, conversation)[-1].role == "assistant"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "said"),
    [({"off": ["assistant"]}, "switched off"), ({"frontier": False}, "do not allow")],
)
def test_a_first_message_from_a_page_of_before_is_refused_and_leaves_no_conversation(
    values: dict[str, Any], said: str
) -> None:
    changed(ADA, **values)
    form = {"text": "Hello there", "thorough": "on"}
    for path in ("/assistant/", f"/assistant/{conversation_for(MAX)}/"):
        answer = browser_of(MAX).post(path, form, follow=True)
        assert answer.redirect_chain == [(path, 302)]
        assert said in answer.content.decode()
    assert api(MAX).get("/api/v1/conversations/").json()["results"][1:] == []
    policy.forget()


@pytest.mark.django_db
def test_where_admins_allow_the_small_model_alone_it_serves_and_the_record_says_so(
    localaws: LocalAws,
) -> None:
    body = {"task": "draft", "instructions": "A letter", "thorough": True}
    changed(CHARLIE, frontier=False)
    answer = api(CHARLIE).post("/api/v1/write/", body, content_type="application/json")
    assert (answer.status_code, code_of(answer)) == (403, "frontier_off")
    long = {"task": "summarize", "text": "The boiler was examined on Tuesday. " * 500}
    written = api(CHARLIE).post("/api/v1/write/", long, content_type="application/json").json()
    with entered(tenant_of(CHARLIE)):
        rows = PolicyDecision.objects.filter(request_id=written["request_id"])
        roles = set(rows.exclude(role="").values_list("role", flat=True))
    assert "frontier" not in roles and "small" in roles
    policy.forget()


@pytest.mark.django_db
def test_a_masking_workspace_sends_masked_instructions(localaws: LocalAws) -> None:
    mail = "Send complaints to erika.mustermann@example.org."
    changed(CHARLIE, instructions=mail)
    ready("Travel policy.md", HANDBOOK, CHARLIE)
    localaws.reset()
    question = {"question": "How many days may employees work abroad?"}
    api(CHARLIE).post("/api/v1/ask/", question, content_type="application/json")
    [told, *_] = systems(localaws, "Converse")
    assert "Send complaints to {EMAIL}" in told and "erika" not in told


@pytest.mark.django_db
def test_what_cannot_be_is_refused_and_the_second_of_two_admins_is_told() -> None:
    for values in (
        {"name": "x" * 41},
        {"name": "<b>"},
        {"instructions": "x" * 4_001},
        {"language": "tlh"},
        {"off": ["search"]},
    ):
        answer = changed(ADA, **values)
        assert (answer.status_code, code_of(answer)) == (422, "settings_wrong"), values
    assert changed(ADA, name="One", version=0).status_code == 200
    cut = browser_of(ALICE).post(PAGE, {"name": "Two"})
    assert cut.status_code == 422 and "incomplete" in cut.content.decode()
    late = browser_of(ALICE).post(PAGE, {"name": "Two", "version": "0", "on_ask": "on"})
    assert late.status_code == 422
    assert "changed meanwhile, by somebody else or in another tab" in late.content.decode()
    assert 'value="Two"' in late.content.decode(), "what was typed is still there"
    assert code_of(changed(ALICE, name="Two", version=0)) == "rules_changed"
    with entered(tenant_of(ADA)):
        assert AssistantSettings.objects.count() == 1
        row = AuditEvent.objects.get(action="assistant.changed")
        assert row.data["changed"] == ["name"]
    with entered(tenant_of(CHARLIE)):
        assert not AssistantSettings.objects.exists(), "another workspace's"
    assert api(ADA).post(f"{SETTINGS}versions/9/restore/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("person", [BOB, MAX])
def test_below_admin_they_are_not_offered(person: Person) -> None:
    browser = browser_of(person)
    assert PAGE not in browser.get("/settings/safety/").content.decode()
    assert browser.get(PAGE).status_code == 403
    assert browser.post(PAGE, {"name": "Mine"}).status_code == 403
    assert code_of(changed(person, name="Mine")) == "forbidden"
