"""A question answered with events: its steps, its words, and what was checked at the end."""

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from documents.models import Document
from tests.assistant.talking import Server, kinds
from tests.assistant.test_browser import sign_in
from tests.assistant.test_rest import EVENTS, events
from tests.documents.helpers import HANDBOOK, ready, text_of
from tests.documents.test_withheld import ORDERS
from tests.support.browser import PHONE, check
from tests.support.cast import BOB, MAX, Person
from tests.support.localaws import LocalAws

PATH = "/api/v1/ask/"
QUESTION = "What may a hotel room cost?"
STREAM = {"operation": "ConverseStream"}
CITED = re.compile(r"^/documents/[^/]+/\?start=\d+&end=\d+#passage$")
WRONG = "Every employee owns a yacht in Monaco and flies it home on Sundays [1]."


def asked(server: Server, person: Person = BOB, **body: Any) -> list[dict[str, Any]]:
    given = {"question": QUESTION, **body}
    with server.http(person) as http, http.stream("POST", PATH, json=given, headers=EVENTS) as said:
        assert said.headers["Content-Type"] == "text/event-stream"
        return events(said.read().decode())


def test_its_steps_and_words_come_before_what_was_checked(server: Server) -> None:
    document = ready("Travel policy.md", HANDBOOK)
    frames = asked(server)
    told = [
        kind for at, kind in enumerate(kinds(frames)) if at == 0 or kinds(frames)[at - 1] != kind
    ]
    assert told == ["tool", "delta", "tool", "finished"]
    steps = [(frame["name"], frame["status"]) for frame in frames if frame["type"] == "tool"]
    assert steps == [
        ("search_documents", "running"),
        ("search_documents", "done"),
        ("check_quotations", "running"),
    ]
    assert frames[1]["documents"] == 1
    end = frames[-1]
    assert "140 euros" in end["answer"]
    assert end["grounded"] == "full"
    (citation,) = end["citations"]
    assert text_of(document)[citation["start"] : citation["end"]] == citation["quote"]
    assert end["usage"]["output_tokens"] > 0


def test_what_is_refused_before_anything_was_found_has_its_status(server: Server) -> None:
    ready("Travel policy.md", HANDBOOK)
    with server.http(BOB) as http:
        empty = http.post(PATH, json={"question": " "}, headers=EVENTS)
        foreign = {"question": QUESTION, "document_ids": [str(Document().id)]}
        missing = http.post(PATH, json=foreign, headers=EVENTS)
    assert (empty.status_code, empty.json()["code"]) == (400, "question_empty")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_what_is_not_borne_out_is_withdrawn_before_another_model_answers(
    server: Server, localaws: LocalAws
) -> None:
    ready("Travel policy.md", HANDBOOK)
    localaws.script(text=WRONG, match=STREAM)
    frames = asked(server)
    (gone,) = (at for at, frame in enumerate(frames) if frame["type"] == "withdrawn")
    assert frames[gone]["reason"] == "grounding"
    before = "".join(f["text"] for f in frames[:gone] if f["type"] == "delta")
    after = "".join(f["text"] for f in frames[gone:] if f["type"] == "delta")
    assert "yacht" in before
    assert "140 euros" in after
    assert "yacht" not in str(frames[-1])


def test_a_stream_that_breaks_ends_with_its_error(server: Server, localaws: LocalAws) -> None:
    ready("Travel policy.md", HANDBOOK)
    broken = {"after": 2, "code": "ModelStreamErrorException"}
    localaws.script(chunks=["one ", "two ", "three "], stream_error=broken, match=STREAM)
    frames = asked(server)
    assert kinds(frames)[-2:] == ["delta", "error"]
    assert frames[-1]["code"] == "stream_interrupted"


def test_a_reader_sees_what_happens_and_goes_on_from_the_answer(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    ready("Travel policy.md", HANDBOOK)
    sign_in(page, server, MAX, "/ask/")
    slow = ["A hotel room may cost up to 140 euros a night [1]. ", *["So it is. "] * 40]
    localaws.script(chunks=slow, delay_ms=300, match=STREAM)
    page.locator("#question").fill(QUESTION)
    page.keyboard.press("Enter")
    steps = page.locator("[data-coming-steps]")
    expect(steps).to_contain_text("in 1 document")
    expect(steps).to_contain_text("Answering")
    expect(page.locator("[data-coming-text]")).to_contain_text("140 euros")
    expect(page.locator("[data-answer] a.cite")).to_have_count(0)  # nothing was checked yet
    check(page)
    page.keyboard.press("Escape")
    announced = page.locator("[data-ask-announce]")
    expect(announced).to_have_text("Stopped. What had arrived is kept.")
    expect(page.locator("[data-coming-text]")).to_contain_text("140 euros")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(announced).to_have_text("Backed by your documents")
    answers = page.locator("[data-answer]")
    expect(answers.first.locator("a.cite").first).to_have_attribute("href", CITED)
    further = answers.first.locator("[data-follow-ups] [data-suggestion]").first
    asked_next = further.text_content() or ""
    further.click()
    expect(answers).to_have_count(3)
    expect(answers.first.locator("h2")).to_have_text(asked_next)
    expect(answers.first.locator("[data-grounded]")).to_be_visible()
    check(page)
    how_it_was_answered_opens(answers.first)
    page.reload()
    expect(page.locator("[data-answer]")).to_have_count(3)
    how_it_was_answered_opens(answers.nth(1))
    page.locator("#question").fill(" ")
    page.keyboard.press("Enter")
    expect(page.locator("[data-answer]").first).to_contain_text("question_empty")


def how_it_was_answered_opens(answer: Locator) -> None:
    answer.locator("[data-why] summary").click()
    expect(answer.locator("[data-why-body] dl")).to_contain_text("us-east-1")


def test_as_events_the_guardrails_message_is_withdrawn_and_the_rest_follows(
    server: Server,
) -> None:
    ready("Travel policy.md", HANDBOOK)
    hostile = ready("Orders.md", ORDERS)
    frames = asked(server)
    [withdrawn] = [at for at, frame in enumerate(frames) if frame["type"] == "withdrawn"]
    before, after = (
        "".join(frame["text"] for frame in some if frame["type"] == "delta")
        for some in (frames[:withdrawn], frames[withdrawn:])
    )
    assert ("140 euros" in before, "140 euros" in after) == (False, True)
    end = frames[-1]
    assert (end["type"], "140 euros" in end["answer"]) == ("finished", True)
    assert [each["document_id"] for each in end["withheld"]] == [str(hostile.id)]
