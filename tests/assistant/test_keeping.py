"""A conversation's life beside talking: pin, search, share, export, judge, go on."""

import json
from typing import Any

import pytest

from documents.services import document_delete
from tenants.context import entered
from tests.assistant.talking import Server, actor_for, conversation_for, said_in, talking
from tests.documents.helpers import HANDBOOK, ready
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, tenant_of

HOME = "/api/v1/conversations/"
QUESTION = "How many days may employees work abroad in a calendar year?"


def send(person: Person, method: str, path: str, body: Any) -> Any:
    return api(person).generic(method, path, json.dumps(body), content_type="application/json")


def test_a_conversation_is_shared_to_be_read_and_taken_back(server: Server) -> None:
    document = ready("Travel policy.md", HANDBOOK)
    conversation = conversation_for(BOB, "Journeys")
    with talking(server, BOB, conversation) as talk:
        end = talk.ask(QUESTION)[-1]
        assert end["citations"]
        assert any("Hotels" in question for question in end["follow_ups"])
        asked = talk.ask("Share this conversation")
        [action] = [frame for frame in asked if frame["type"] == "confirm"]
        page, rest = f"/assistant/shared/{conversation}/", f"{HOME}shared/{conversation}/"
        assert browser_of(MAX).get(page).status_code == 404
        talk.say("confirm", action_id=action["action_id"], approve=True)
        talk.until("turn.finished")

    read = browser_of(MAX).get(page).content.decode()
    assert "30 days" in read
    assert f"/documents/{document.id}/" in read
    assert "<textarea" not in read
    assert "Journeys" in browser_of(MAX).get("/assistant/").content.decode()
    assert api(MAX).get(f"{HOME}shared/").json()["results"][0]["id"] == str(conversation)
    assert api(MAX).get(rest).json()["messages"][1]["citations"]
    for path in (f"/assistant/{conversation}/", f"/assistant/{conversation}/export/"):
        assert browser_of(MAX).get(path).status_code == 404  # to be read, and no more
    assert browser_of(CHARLIE).get(page).status_code == 404

    with entered(tenant_of(MAX)):
        document_delete(actor=actor_for(MAX), document_id=document.id)
    read = browser_of(MAX).get(page).content.decode()
    assert f"/documents/{document.id}/" not in read
    assert "source that you may not open" in read
    assert api(MAX).get(rest).json()["messages"][1]["citations"] == []

    assert send(BOB, "PATCH", f"{HOME}{conversation}/", {"shared": False}).json()["shared"] is False
    assert browser_of(MAX).get(page).status_code == api(MAX).get(rest).status_code == 404


def test_conversations_are_pinned_found_exported_and_judged(server: Server) -> None:
    ready("Travel policy.md", HANDBOOK)
    old, new = conversation_for(BOB, "Journeys"), conversation_for(BOB, "Newer 100% sure")
    conversation_for(ADA, "Journeys of somebody else")
    with talking(server, BOB, old) as talk:
        answer = talk.ask(QUESTION)[-1]
    browser = browser_of(BOB)
    assert browser.post(f"/assistant/{old}/pin/", {"pinned": "1"}).status_code == 302
    told = {each["id"]: each for each in api(BOB).get(HOME).json()["results"]}
    assert [told[str(each)]["pinned"] for each in (old, new)] == [True, False]
    assert told[str(new)]["shared"] is False
    rows = browser.get("/assistant/list/").content.decode()
    assert rows.index("Pinned") < rows.index("Journeys") < rows.index("Newer")
    assert send(BOB, "PATCH", f"{HOME}{new}/", {"title": "Newer still"}).json()["pinned"] is False

    for query, found in (("30 days ABROAD", [old]), ("journeys", [old]), ("100%", []),
                         ("still", [new]), ("x' OR 1=1 --", []), ("\x00", [old, new])):  # fmt: skip
        rows = browser.get("/assistant/list/", {"q": query}).content.decode()
        assert {each for each in (old, new) if str(each) in rows} == set(found), query
    listed = api(BOB).get(HOME, {"q": "abroad days"}).json()["results"]
    assert [each["id"] for each in listed] == [str(old)]

    markdown = browser.get(f"/assistant/{old}/export/")
    assert "filename*=UTF-8''Journeys.md" in markdown["Content-Disposition"]
    assert markdown.content.decode().startswith("# Journeys")
    whole = api(BOB).get(f"{HOME}{old}/export/", {"as": "json"}).json()
    assert [message["role"] for message in whole["messages"]] == ["user", "assistant"]
    assert api(BOB).get(f"{HOME}{old}/export/", {"as": "docx"}).status_code == 400
    assert api(ADA).get(f"{HOME}{old}/export/").status_code == 404

    path = f"{HOME}{old}/messages/{answer['message_id']}/rating/"
    kept = send(BOB, "PUT", path, {"rating": "down", "reason": "Too short"})
    assert kept.json() == {"rating": "down", "reason": "Too short"}
    assert send(BOB, "PUT", path, {"rating": "sideways"}).status_code == 400
    assert send(BOB, "PUT", path, {"rating": "up", "reason": "x" * 1_001}).status_code == 400
    assert send(ADA, "PUT", path, {"rating": "up"}).status_code == 404
    assert said_in(BOB, old)[1].rating_reason == "Too short"
    rate = f"/assistant/{old}/answers/{answer['message_id']}/rate/"
    assert browser.post(rate, {"rating": ""}).json() == {"rating": None, "reason": ""}


@pytest.mark.django_db
def test_what_is_not_shared_stands_in_nobody_elses_list() -> None:
    conversation_for(BOB, "Of no business of theirs")
    shared = conversation_for(BOB, "For everybody")
    answer = send(BOB, "PATCH", f"{HOME}{shared}/", {"shared": True})
    assert answer.json()["shared"] is True

    def listed(person: Person) -> list[str]:
        page = browser_of(person).get("/assistant/").content.decode()
        titles = [each["title"] for each in api(person).get(f"{HOME}shared/").json()["results"]]
        assert ("For everybody" in page) is (person is BOB or titles == ["For everybody"])
        assert ("Of no business" in page) is (person is BOB)
        return titles

    for person in (ALICE, ADA, MAX):
        assert listed(person) == ["For everybody"]
    for person in (BOB, CHARLIE):  # one's own stand in one's own list
        assert listed(person) == []
