"""Files of a conversation: cited, seen by whoever sees it, found by nobody else, gone with it."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import expect

from assistant.attached import FITTING, WHOLE_CHARACTERS
from assistant.attaching import UNSENT_KEPT, attached_dict, attachments_tidy
from assistant.models import Conversation
from billing.storage import stored_bytes
from documents.models import Document, LooseObject
from documents.tasks import objects_sweep
from search.models import Source
from tenants.context import entered
from tenants.objects import object_get, objects_list
from tests.assistant.talking import Server, aside, conversation_for, eventually, said_in, talking
from tests.assistant.test_browser import sign_in
from tests.documents.helpers import HANDBOOK, ingested, upload
from tests.documents.test_masking import CANARIES, held, others
from tests.support.browser import check
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of, user_of
from tests.support.localaws import LocalAws

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOTES = (
    "# Kiln\n\nThe kiln of the pottery reaches 1280 degrees.\n\nThe door of the kiln is green.\n"
)
QUESTION = "How many degrees does the kiln of the pottery reach?"


def home(conversation: UUID) -> str:
    return f"/api/v1/conversations/{conversation}/"


def attach(person: Person, conversation: UUID, name: str, content: str | bytes) -> Any:
    body = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile(name, body)
    return api(person).post(f"{home(conversation)}attachments/", {"file": file})


def attached(
    person: Person, conversation: UUID, name: str = "Kiln.md", content: str = NOTES
) -> str:
    """Attach a file and have it read; return its id."""
    answer = attach(person, conversation, name, content)
    assert answer.status_code == 201, answer.content
    found: str = answer.json()["id"]
    assert ingested(found, person).status == "ready"
    return found


def say(person: Person, conversation: UUID, text: str, ids: list[str] | None = None) -> Any:
    body = {"text": text} if ids is None else {"text": text, "attachment_ids": ids}
    return api(person).post(
        f"{home(conversation)}messages/", json.dumps(body), content_type="application/json"
    )


def post(person: Person, path: str, body: dict[str, Any] | None = None) -> Any:
    return api(person).post(path, json.dumps(body or {}), content_type="application/json")


@pytest.mark.django_db(transaction=True)
def test_an_answer_cites_an_attached_file_that_nothing_else_finds() -> None:
    conversation = conversation_for(MAX)
    file = attached(MAX, conversation)
    said = say(MAX, conversation, QUESTION, [file])
    assert said.status_code == 201, said.content
    answer = said.json()
    assert "1280" in answer["text"]
    (citation,) = [each for each in answer["citations"] if each["document_id"] == file]
    assert (citation["document_name"], citation["standing"]) == ("Kiln.md", "current")
    text = api(MAX).get(f"/api/v1/documents/{file}/text/").json()["text"]
    assert text[citation["start"] : citation["end"]] == citation["quote"]
    question = api(MAX).get(home(conversation)).json()["messages"][0]
    assert [each["id"] for each in question["attachments"]] == [file]
    further = say(MAX, conversation, "Is the door of the kiln green?").json()
    assert "green" in further["text"]  # what came earlier on the branch is read too
    edit = f"{home(conversation)}messages/{question['id']}/edit/"
    edited = post(MAX, edit, {"text": "Is the door of the kiln green or red?"}).json()
    assert "green" in edited["text"]  # and stays with an edited question
    for person in (MAX, BOB, ALICE):
        assert api(person).get("/api/v1/documents/").json()["results"] == []
        found = post(person, "/api/v1/search/", {"query": "kiln"})
        assert found.json()["results"] == []
        assert (
            code_of(post(person, "/api/v1/search/", {"query": "kiln", "document_ids": [file]}))
            == "not_found"
        )
        answer = post(person, "/api/v1/ask/", {"question": QUESTION}).json()
        assert "1280" not in answer["answer"]
    other = conversation_for(MAX)
    assert "1280" not in say(MAX, other, QUESTION).json()["text"]
    assert code_of(say(MAX, other, QUESTION, [file])) == "no_such_attachment"


@pytest.mark.django_db(transaction=True)
def test_a_file_is_read_by_whoever_sees_the_branch_that_it_is_on() -> None:
    conversation = conversation_for(MAX)
    file = attached(MAX, conversation)
    paths = [f"/documents/{file}/", f"/documents/{file}/segments/0/", f"/documents/{file}/state/"]
    say(MAX, conversation, "What is this?")
    said = say(MAX, conversation, QUESTION, [file]).json()

    def readers(person: Person) -> set[int]:
        page = browser_of(person)
        codes = {page.get(path).status_code for path in paths}
        original = page.get(f"/documents/{file}/original/")
        if original.streaming:
            assert b"".join(original.streaming_content)
        codes.add(original.status_code)
        return codes | {api(person).get(f"/api/v1/documents/{file}/text/").status_code}

    assert readers(MAX) == {200}
    for person in (ALICE, BOB, CHARLIE):
        assert readers(person) == {404}
    api(MAX).patch(home(conversation), '{"shared": true}', content_type="application/json")
    assert readers(BOB) == {200}
    assert readers(CHARLIE) == {404}
    shown = browser_of(BOB).get(f"/assistant/shared/{conversation}/").content.decode()
    assert f"/documents/{file}/" in shown
    first = api(MAX).get(home(conversation)).json()["messages"][0]
    post(MAX, f"{home(conversation)}messages/{first['id']}/edit/", {"text": "Something else"})
    assert readers(BOB) == {404}  # the branch that is shown now has no such file
    assert readers(MAX) == {200}
    change = api(ALICE).patch(
        f"/api/v1/documents/{file}/", '{"name": "Taken.md"}', content_type="application/json"
    )
    assert change.status_code == 404
    assert api(ALICE).delete(f"/api/v1/documents/{file}/").status_code == 404
    assert said["citations"]


@pytest.mark.django_db(transaction=True)
def test_deleting_a_conversation_leaves_nothing_of_its_files() -> None:
    conversation = conversation_for(MAX)
    file = attached(MAX, conversation)
    with entered(tenant_of(MAX)):
        assert stored_bytes() == len(NOTES.encode())
    assert api(MAX).delete(home(conversation)).status_code == 204
    with entered(tenant_of(MAX)):
        objects_sweep()
        assert not Document.objects.exists()
        assert not Source.objects.exists()
        assert not LooseObject.objects.exists()
        assert object_get(f"documents/{file}/original") is None
        assert not [key for key in objects_list("documents") if file in key]
        assert stored_bytes() == 0


@pytest.mark.django_db
def test_a_file_is_attached_once_taken_back_and_kept_as_a_document() -> None:
    conversation = conversation_for(MAX)
    first = attach(MAX, conversation, "Kiln.md", NOTES)
    again = attach(MAX, conversation, "Kiln.md", NOTES)
    assert (first.status_code, again.status_code) == (201, 200)
    file = first.json()["id"]
    assert again.json()["id"] == file
    path = f"{home(conversation)}attachments/"
    assert [each["id"] for each in api(MAX).get(path).json()] == [file]
    assert code_of(say(MAX, conversation, QUESTION, [file])) == "attachment_not_ready"
    assert code_of(post(MAX, f"{path}{file}/keep/")) == "attachment_not_ready"
    assert code_of(api(BOB).get(f"{path}{file}/")) == "not_found"
    assert code_of(say(MAX, conversation, QUESTION, [str(uuid4())] * 1)) == "no_such_attachment"
    assert api(MAX).delete(f"{path}{file}/").status_code == 204
    with entered(tenant_of(MAX)):
        assert (Document.objects.count(), stored_bytes()) == (0, 0)
    ingested(attach(MAX, conversation, "Kiln.md", NOTES).json()["id"])
    (file,) = [each["id"] for each in api(MAX).get(path).json()]
    kept = post(MAX, f"{path}{file}/keep/")
    assert kept.status_code == 200, kept.content
    listed = api(ALICE).get("/api/v1/documents/").json()["results"]
    assert [each["id"] for each in listed] == [file]
    assert post(ALICE, "/api/v1/search/", {"query": "kiln"}).json()["results"]
    api(MAX).delete(home(conversation))
    assert api(ALICE).get(f"/api/v1/documents/{file}/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_file_is_taken_back_before_it_was_sent_by_its_user_and_alone() -> None:
    conversation, other = conversation_for(MAX), conversation_for(ADA)
    sent, unsent = attached(MAX, conversation), attached(MAX, conversation, "Door.md", "# Door")
    theirs = attached(ADA, other)
    assert say(MAX, conversation, QUESTION, [sent, sent]).status_code == 201
    api(MAX).patch(home(conversation), '{"shared": true}', content_type="application/json")
    question = api(MAX).get(home(conversation)).json()["messages"][0]
    assert [each["id"] for each in question["attachments"]] == [sent]  # once, though named twice

    def taken_back(person: Person, holder: UUID, file: str) -> tuple[int, str]:
        answer = api(person).delete(f"{home(holder)}attachments/{file}/")
        return answer.status_code, code_of(answer) if answer.content else ""

    assert taken_back(MAX, conversation, sent) == (409, "attachment_sent")
    for person, holder, file in (
        (ADA, conversation, unsent), (MAX, other, theirs), (CHARLIE, conversation, unsent),
    ):  # fmt: skip
        assert taken_back(person, holder, file) == (404, "not_found"), person
    assert taken_back(MAX, conversation, theirs) == (404, "no_such_attachment")
    assert taken_back(ADA, other, unsent) == (404, "no_such_attachment")

    def there() -> set[str]:
        with entered(tenant_of(MAX)):
            return {str(each) for each in Document.objects.values_list("id", flat=True)}

    assert there() == {sent, unsent, theirs}
    assert taken_back(MAX, conversation, unsent) == (204, "")
    assert there() == {sent, theirs}
    assert api(MAX).delete(home(conversation)).status_code == 204
    assert there() == {theirs}


@pytest.mark.django_db(transaction=True)
def test_a_kept_file_that_was_moved_out_of_sight_answers_nothing_more() -> None:
    conversation, question = conversation_for(MAX), "Which colour has the door of the kiln?"
    file = attached(MAX, conversation)
    assert "1280" in say(MAX, conversation, QUESTION, [file]).json()["text"]
    assert post(MAX, f"{home(conversation)}attachments/{file}/keep/").status_code == 200
    made = post(ALICE, "/api/v1/collections/", {"name": "Board", "open": False}).json()["id"]
    path, moved = f"/api/v1/documents/{file}/", json.dumps({"collections": [made]})
    assert api(ALICE).patch(path, moved, content_type="application/json").status_code == 200
    assert api(MAX).get(path).status_code == 404
    answer = say(MAX, conversation, question).json()
    assert ("green" in answer["text"], answer["citations"]) == (False, [])
    assert api(ALICE).patch(path, '{"collections": []}', content_type="application/json")
    assert "green" in say(MAX, conversation, question).json()["text"]


@pytest.mark.django_db
def test_refused_files_say_why_and_hold_nothing() -> None:
    conversation = conversation_for(MAX)
    assert code_of(attach(MAX, conversation, "a.exe", b"MZ\x90")) == "unsupported_type"
    assert code_of(attach(ALICE, conversation, "a.md", NOTES)) == "not_found"
    too_many = [str(uuid4()) for _ in range(11)]
    assert say(MAX, conversation, QUESTION, too_many).status_code in (400, 422)
    with entered(tenant_of(MAX)):
        assert stored_bytes() == 0
        assert not LooseObject.objects.exists()


@pytest.mark.django_db
def test_viewers_upload_nothing_to_a_conversation_either() -> None:
    conversation = conversation_for(BOB)
    for refused in (
        attach(BOB, conversation, "Kiln.md", NOTES),
        post(BOB, f"{home(conversation)}attachments/{uuid4()}/keep/"),
    ):
        assert (refused.status_code, code_of(refused)) == (403, "forbidden")
    for person, offered in ((BOB, False), (MAX, True)):
        for path in ("/assistant/", f"/assistant/{conversation_for(person)}/"):
            page = browser_of(person).get(path).content.decode()
            assert ("data-attach-input" in page) is offered, (person, path)


@pytest.mark.django_db(transaction=True)
def test_of_a_long_file_what_fits_the_question_is_given(localaws: LocalAws) -> None:
    filler = "\n\n".join(
        f"## Part {number}\n\nShelf {number} of the store holds {number * 7} ordinary plates."
        + " Nothing else is kept there, and nobody looks after it in winter." * 6
        for number in range(120)
    )
    assert len(filler) > 2 * WHOLE_CHARACTERS
    conversation = conversation_for(MAX)
    file = attached(MAX, conversation, "Store.md", f"{filler}\n\n{NOTES}")
    localaws.forget_requests()
    said = say(MAX, conversation, QUESTION, [file]).json()
    assert "1280" in said["text"]
    (asked,) = localaws.requests("ConverseStream")
    given = json.dumps(asked["body"])
    assert given.count("<passage id=") <= FITTING + 10
    assert len(given) < 2 * WHOLE_CHARACTERS


@pytest.mark.django_db(transaction=True)
def test_what_is_attached_in_a_masked_workspace_is_masked(
    server: Server, localaws: LocalAws
) -> None:
    conversation = conversation_for(CHARLIE)
    report = f"# Boilers\n\nThe boiler was examined on Tuesday by Dr. {CANARIES['NAME']}."
    localaws.forget_requests()
    file = attached(CHARLIE, conversation, "Boilers.md", report)
    with talking(server, CHARLIE, conversation) as talk:
        talk.say("ask", text="When was the boiler examined?", attachment_ids=[file])
        frames = talk.until("turn.finished", "error")
    assert frames[0]["attachments"][0]["id"] == file
    assert "Tuesday" in frames[-1]["text"]
    assert held(others(localaws)) == set()
    assert said_in(CHARLIE, conversation)[0].attached[0]["name"] == "Boilers.md"


@pytest.mark.django_db
def test_files_that_nobody_sends_go_after_a_day() -> None:
    conversation = conversation_for(MAX)
    item = f'href="/assistant/{conversation}/"'

    def listed(path: str) -> bool:
        return item in browser_of(MAX).get(path).content.decode()

    assert not listed("/assistant/"), "nothing is in it"
    assert listed(f"/assistant/{conversation}/"), "whoever is in it sees it in the list"
    file = attach(MAX, conversation, "Kiln.md", NOTES).json()["id"]
    assert listed("/assistant/"), "the file waits there for its message"
    upload("Handbook.md", HANDBOOK)
    with entered(tenant_of(MAX)):
        assert attachments_tidy() == 0
        for count in (1, 2, 3):  # one that went with a message stays, in one statement for all
            holder = Conversation.objects.create(owner=user_of(MAX))
            sent = Document.objects.create(
                name=f"{count}.md", size=1, sha256=f"{count}", media_type="text/markdown",
                attached_to=holder.id, object_key=f"documents/{count}",
            )  # fmt: skip
            holder.messages.create(position=1, role="user", attached=[attached_dict(sent)])
        Document.objects.update(created_at=timezone.now() - UNSENT_KEPT - timedelta(minutes=1))
        assert attachments_tidy() == 1
        assert not Document.objects.filter(id=file).exists()
        assert Document.objects.count() == 4
        with CaptureQueriesContext(connection) as asked:
            assert attachments_tidy() == 0
        assert len(asked) == 1
    assert not listed("/assistant/")


def sent_ingested(name: str) -> None:
    """Have what a browser has sent read, once it is there."""
    with entered(tenant_of(MAX)):
        eventually(lambda: Document.objects.filter(name=name).exists())
        file = Document.objects.get(name=name).id
    ingested(file)


def test_a_file_is_attached_waited_for_asked_about_and_kept_in_the_browser(
    server: Server, page: "Page"
) -> None:
    text, waits = page.locator("textarea"), page.locator("[data-pending]")
    sign_in(page, server, MAX)
    files = [{"name": "Kiln.md", "mimeType": "text/markdown", "buffer": NOTES.encode()}]
    page.locator("[data-attach-input]").set_input_files(files)  # type: ignore[arg-type]
    chip = page.locator("[data-attached] .attached__file")
    expect(chip).to_contain_text("Kiln.md")
    page.emulate_media(forced_colors="active")  # every border is drawn: the chip's is enough
    expect(chip.locator("[data-chip-remove]")).to_have_css("border-top-width", "0px")
    page.emulate_media(forced_colors="none")
    text.fill(QUESTION)
    text.press("Enter")
    expect(waits).to_contain_text("Goes by itself once its files are read.")
    check(page)
    text.press("Escape")
    expect(waits).to_be_hidden()
    expect(text).to_have_value(QUESTION)
    text.press("Enter")
    expect(waits).to_be_visible()
    aside(lambda: sent_ingested("Kiln.md"))  # the message goes by itself
    page.wait_for_url("**/assistant/*-*/")
    expect(page.locator("[data-answer]")).to_contain_text("1280")
    expect(page.locator("[data-files] a")).to_have_text("Kiln.md")
    expect(text).to_have_value("")
    broken = [{"name": "Torn.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 torn"}]
    page.locator("[data-attach-input]").set_input_files(broken)  # type: ignore[arg-type]
    text.fill("What does it say?")
    text.press("Enter")
    expect(waits).to_be_visible()
    aside(lambda: sent_ingested("Torn.pdf"))
    expect(page.locator("[data-problem]")).to_contain_text("Remove the file")
    expect(waits).to_be_hidden()
    expect(text).to_have_value("What does it say?")
    page.locator("[data-chip-remove]").click()
    text.fill("")
    second = [{"name": "prices.csv", "mimeType": "text/csv", "buffer": b"item,price\nrope,12\n"}]
    page.locator("[data-attach-input]").set_input_files(second)  # type: ignore[arg-type]
    page.locator("[data-chip-remove]").click()
    expect(page.locator("[data-attached] .attached__file")).to_have_count(0)
    page.locator("[data-keep] button").click()
    expect(page.locator("[data-files]")).to_contain_text("In Documents")
    check(page)
    page.wait_for_load_state("networkidle")
