"""Questions edited and answers made again: siblings, the branch that is shown, on any device."""

import json
from uuid import uuid4

from tests.assistant.talking import Server, conversation_for, said_in, talking
from tests.support.cast import ADA, BOB, MAX
from tests.support.clients import api, browser_of
from tests.support.localaws import LocalAws

STREAM = {"operation": "ConverseStream"}


def test_an_edited_question_begins_a_branch_that_every_device_shows(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(BOB, title="Branches")
    for text in ("One.", "Two.", "Three.", "Four."):
        localaws.script(text=text, match=STREAM)
    with talking(server, BOB, conversation) as talk:
        first = talk.ask("What is first?")
        second = talk.ask("And what comes after it?")
        talk.say("edit", message_id=first[0]["question_id"], text="What is third?")
        edited = talk.until("turn.finished")
        talk.say("edit", message_id=first[0]["message_id"], text="An answer is no question")
        refused = talk.until("error")[-1]
    assert refused["code"] == "not_found"
    assert edited[0]["parent_id"] is None
    assert edited[0]["question_versions"] == [first[0]["question_id"], edited[0]["question_id"]]
    seen = json.dumps(localaws.requests("ConverseStream")[2]["body"]["messages"])
    assert "What is third?" in seen
    assert "What is first?" not in seen  # a branch does not know the other

    page = browser_of(BOB).get(f"/assistant/{conversation}/").content.decode()
    assert "Three." in page
    assert "Two." not in page
    assert "2/2" in page
    path = f"/api/v1/conversations/{conversation}/"
    shown = api(BOB).get(path).json()
    assert shown["leaf_id"] == edited[0]["message_id"]
    assert len(shown["messages"]) == 6

    answer = browser_of(BOB).post(
        f"/assistant/{conversation}/choose/", {"message_id": first[0]["question_id"]}
    )
    assert answer.status_code == 302
    page = browser_of(BOB).get(f"/assistant/{conversation}/").content.decode()
    assert "Two." in page
    assert "Three." not in page
    assert api(BOB).get(path).json()["leaf_id"] == second[0]["message_id"]
    with talking(server, BOB, conversation) as talk:
        fourth = talk.ask("What else is there to know?")  # goes on from the branch that is shown
    assert fourth[0]["parent_id"] == second[0]["message_id"]

    for other, message in ((ADA, first[0]["message_id"]), (BOB, str(uuid4()))):
        tried = api(other).post(
            f"{path}choose/", json.dumps({"message_id": message}), content_type="application/json"
        )
        assert tried.status_code == 404


def test_branches_by_rest(server: Server, localaws: LocalAws) -> None:
    conversation = conversation_for(MAX, title="Branches")
    path = f"/api/v1/conversations/{conversation}/"
    with server.http(MAX) as http:
        first = http.post(f"{path}messages/", json={"text": "What is first?"}).json()
        again = http.post(f"{path}messages/{first['id']}/regenerate/").json()
        question = first["parent_id"]
        edited = http.post(f"{path}messages/{question}/edit/", json={"text": "Another?"}).json()
        empty = http.post(f"{path}messages/{question}/edit/", json={"text": " "})
        chosen = http.post(f"{path}choose/", json={"message_id": first["id"]}).json()
    assert again["parent_id"] == question
    assert edited["parent_id"] != question
    assert empty.status_code == 422
    assert chosen["leaf_id"] == first["id"]
    roots = [message for message in said_in(MAX, conversation) if message.parent_id is None]
    assert [message.text for message in roots] == ["What is first?", "Another?"]


def test_a_message_of_another_conversation_is_as_missing_as_one_that_is_none(
    server: Server,
) -> None:
    mine, other, theirs = conversation_for(MAX), conversation_for(MAX), conversation_for(BOB)
    for person, conversation in ((MAX, mine), (MAX, other), (BOB, theirs)):
        with server.http(person) as http:
            path = f"/api/v1/conversations/{conversation}/messages/"
            assert http.post(path, json={"text": "Who are you?"}).status_code == 201
    rated = {"rating": "up", "reason": ""}
    with server.http(MAX) as http:
        path = f"/api/v1/conversations/{mine}/"
        for conversation, person in ((mine, MAX), (other, MAX), (theirs, BOB)):
            question, answer = (str(each.id) for each in said_in(person, conversation))
            # Of one's own conversation an answer is no question, and a question no answer.
            tried = [
                http.post(f"{path}messages/{answer}/edit/", json={"text": "Who?"}),
                http.post(f"{path}messages/{question}/regenerate/"),
                http.put(f"{path}messages/{question}/rating/", json=rated),
            ]
            if conversation != mine:
                tried += [
                    http.post(f"{path}messages/{question}/edit/", json={"text": "Who?"}),
                    http.post(f"{path}messages/{answer}/regenerate/"),
                    http.put(f"{path}messages/{answer}/rating/", json=rated),
                    http.post(f"{path}choose/", json={"message_id": question}),
                    http.post(f"{path}choose/", json={"message_id": answer}),
                ]
            assert [each.status_code for each in tried] == [404] * len(tried)
    for person, conversation in ((MAX, mine), (MAX, other), (BOB, theirs)):
        said = said_in(person, conversation)
        assert [each.role for each in said] == ["user", "assistant"]
        assert not any(each.rating for each in said)
