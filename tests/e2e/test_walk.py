"""The product as its first user meets it: one walk through everything, in a real browser.

Then the same things as somebody of another workspace, who must find none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.exceptions import InvalidStatus

from tests.e2e.people import answered, ask, last_answer, metered, sidebar_meter, sign_in
from tests.e2e.shelf import uploaded
from tests.e2e.talking import talking
from tests.support.browser import PHONE, opened, settled
from tests.support.files import long_pdf
from tests.support.live import LiveStack
from tests.support.waiting import eventually

OpenPage = Callable[..., AbstractContextManager[Page]]

MANUAL = "Kestrel depot manual.pdf"
FACTS = {
    17: "The emergency beacon of the Kestrel depot is serviced every 42 days by Torvald Rescue.",
    43: "Night deliveries at the Kestrel depot enter through the gate named Wolfram.",
}
FITS = """(where) => {
  const element = document.querySelector(where);
  return element.scrollWidth <= element.clientWidth;
}"""
QUESTION = "How often is the emergency beacon of the Kestrel depot serviced?"
READY_WITHIN = 60_000  # milliseconds


@dataclass(frozen=True, slots=True)
class Left:
    """What the walk leaves behind, for a stranger to look for."""

    document_id: str
    conversation_id: str


@pytest.fixture(scope="module")
def walked(live_stack: LiveStack, browser: Browser) -> Left:
    """The member's walk, done once, before whichever test of it runs first."""
    with opened(browser) as page:
        return _walk(live_stack, page)


def _walk(stack: LiveStack, page: Page) -> Left:
    member = stack.person("acme", "member")
    sign_in(page, member, "/documents/")
    before = metered(sidebar_meter(page))
    document_id = _uploads_and_watches(page)
    conversation_id = _asks_and_sees_words_arrive(stack, page)
    _opens_the_citation(page)
    _finds_it_by_search(page)
    _summarizes_it(page)
    expect(sidebar_meter(page)).to_be_visible()
    eventually(lambda: metered(sidebar_meter(page)) > before)
    return Left(document_id, conversation_id)


def _uploads_and_watches(page: Page) -> str:
    """Upload the manual and see it become ready on the page that was open."""
    page.evaluate("window.neverReloaded = true")
    file = {"name": MANUAL, "mimeType": "application/pdf", "buffer": long_pdf(60, FACTS)}
    page.locator("#files").set_input_files(file)
    page.locator("[data-queue-start]").click()
    row = page.locator(f'tr[data-name="{MANUAL}"]')
    expect(row).to_have_attribute("data-status", "ready", timeout=READY_WITHIN)
    expect(row.locator("td[data-label=Pages]")).to_have_text("60")
    assert page.evaluate("window.neverReloaded") is True
    document_id = row.get_attribute("data-document")
    assert document_id
    return document_id


def _asks_and_sees_words_arrive(stack: LiveStack, page: Page) -> str:
    """Ask, and watch the answer grow, with a Stop button for as long as it does."""
    page.get_by_role("link", name="Assistant", exact=True).click()
    stack.aws.script(match={"operation": "ConverseStream"}, delay_ms=250)
    ask(page, QUESTION)
    page.wait_for_url(re.compile(r"/assistant/[0-9a-f-]{36}/$"))
    words = last_answer(page).locator("[data-answer]")
    stop = page.get_by_role("button", name="Stop the answer")
    expect(words).not_to_be_empty()
    expect(stop).to_be_visible()
    some = words.inner_text()
    more = eventually(lambda: len(words.inner_text()) > len(some) and words.inner_text())
    assert more.startswith(some)
    expect(last_answer(page)).to_have_attribute("data-status", "streaming")
    answer = answered(page)
    expect(stop).to_be_hidden()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(answer.locator("[data-answer]")).to_contain_text("42 days")
    expect(answer).to_contain_text("Backed by your documents")
    return urlsplit(page.url).path.split("/")[2]


def _opens_the_citation(page: Page) -> None:
    """Open the source of the answer: the right page, with the quoted passage marked."""
    answered(page).locator("a.cite").first.click()
    source = page.locator("[data-drawer] [data-source][aria-current]")
    expect(source).to_contain_text("Page 17")
    quote = source.locator("blockquote").text_content() or ""
    assert FACTS[17] in quote
    source.get_by_role("link", name=MANUAL).click()
    page.wait_for_url("**/documents/**")
    expect(page.locator("#page-17 [data-mark]").first).to_be_in_viewport()
    assert page.locator("#page-17 #passage").text_content() == f"Cited passage: {quote}"


def _finds_it_by_search(page: Page) -> None:
    """Find the other fact while typing, and open the document there."""
    page.get_by_role("link", name="Search", exact=True).click()
    settled(page)
    page.get_by_label("Search your documents").press_sequentially("gate named Wolfram", delay=15)
    found = page.locator(".result").first
    expect(found).to_contain_text(MANUAL)
    expect(found).to_contain_text("Page 43")
    found.get_by_role("link").click()
    page.wait_for_url("**/documents/**")
    expect(page.locator("#page-43 [data-mark]").first).to_be_in_viewport()
    expect(page.locator("#page-43 #passage")).to_contain_text("gate named Wolfram")


def _summarizes_it(page: Page) -> None:
    """Summarize the manual in Write."""
    page.get_by_role("link", name="Write", exact=True).click()
    page.get_by_role("link", name="Summarize").click()
    settled(page)
    page.get_by_role("checkbox", name=MANUAL).check()
    page.locator("[data-write-go]").click()
    expect(page.locator("[data-write-tools]")).to_be_visible(timeout=READY_WITHIN)
    expect(page.locator("[data-write-problem]")).to_be_hidden()
    assert len(page.locator("[data-write-text]").inner_text()) > 100


def test_a_member_uploads_asks_reads_finds_summarizes_and_sees_the_meter_move(
    walked: Left,
) -> None:
    assert walked.document_id
    assert walked.conversation_id


def test_the_usage_page_moves_with_a_question(
    live_stack: LiveStack, walked: Left, page: Page
) -> None:
    member = live_stack.person("acme", "member")
    sign_in(page, member, "/usage/")
    meter = page.locator("#meters .meter", has=page.get_by_text("Model tokens", exact=True))
    tokens = meter.locator(".meter__value")
    before = metered(tokens)
    with live_stack.http(member) as client:
        answer = client.post("/api/v1/ask/", json={"question": QUESTION})
    assert answer.status_code == 200
    page.reload()
    assert metered(tokens) > before


def test_nobody_of_another_workspace_finds_any_of_it_on_a_page(
    live_stack: LiveStack, walked: Left, page: Page
) -> None:
    stranger = live_stack.person("globex", "member")
    sign_in(page, stranger, "/documents/")
    expect(page.locator("#rows tr").first).to_be_visible()
    expect(page.locator("body")).not_to_contain_text(MANUAL)
    page.goto(f"{stranger.url}/search/?q=gate+named+Wolfram")
    expect(page.locator("[data-found]")).to_be_visible()
    expect(page.locator("[data-found]")).not_to_contain_text("Kestrel")
    document, conversation = walked.document_id, walked.conversation_id
    for path in (
        f"/documents/{document}/",
        f"/documents/{document}/original/",
        f"/assistant/{conversation}/",
    ):
        answer = page.goto(f"{stranger.url}{path}")
        assert answer is not None
        assert answer.status == 404, path
        expect(page.get_by_role("heading", name="Nothing is here")).to_be_visible()
    page.goto(f"{stranger.url}/assistant/")
    ask(page, QUESTION)
    expect(answered(page).locator("[data-answer]")).not_to_contain_text("42 days")


def test_nobody_of_another_workspace_reaches_any_of_it_by_rest(
    live_stack: LiveStack, walked: Left
) -> None:
    document, conversation = walked.document_id, walked.conversation_id
    with live_stack.http(live_stack.person("globex", "owner")) as client:
        refused = [
            client.get(f"/api/v1/documents/{document}/"),
            client.get(f"/api/v1/documents/{document}/text/"),
            client.delete(f"/api/v1/documents/{document}/"),
            client.post(f"/api/v1/documents/{document}/retry/"),
            client.post("/api/v1/search/", json={"query": "beacon", "document_ids": [document]}),
            client.post("/api/v1/ask/", json={"question": QUESTION, "document_ids": [document]}),
            client.post("/api/v1/write/", json={"task": "summarize", "document_ids": [document]}),
            client.get(f"/api/v1/conversations/{conversation}/"),
            client.delete(f"/api/v1/conversations/{conversation}/"),
            client.post(f"/api/v1/conversations/{conversation}/messages/", json={"text": "Hello"}),
            client.post(f"/api/v1/conversations/{conversation}/stop/"),
        ]
        found = client.post("/api/v1/search/", json={"query": "Kestrel depot beacon", "limit": 50})
        answer = client.post("/api/v1/ask/", json={"question": QUESTION}).json()
        listed = client.get("/api/v1/documents/").text
    statuses = {str(each.request.url.path): each.status_code for each in refused}
    assert set(statuses.values()) <= {404}, statuses
    assert "Kestrel" not in found.text
    assert "42 days" not in answer["answer"]
    assert document not in listed


def test_nobody_of_another_workspace_opens_the_conversations_socket(
    live_stack: LiveStack, walked: Left
) -> None:
    stack, conversation = live_stack, walked.conversation_id
    owner, stranger = stack.person("acme", "member"), stack.person("globex", "member")
    cookie = stack.session(owner)
    with talking(stack, owner, conversation, session=cookie) as talk:
        talk.say("resume", after=0)
        talk.until("turn.finished")
    attempts = {
        "a stranger's own session": {"person": stranger, "session": stack.session(stranger)},
        "the owner's session elsewhere": {"person": stranger, "session": cookie},
        "a colleague's session": {
            "person": stack.person("acme", "admin"),
            "session": stack.session(stack.person("acme", "admin")),
        },
        "no session": {"person": owner, "session": ""},
    }
    for name, how in attempts.items():
        with (
            pytest.raises(InvalidStatus) as refused,
            talking(stack, how["person"], conversation, session=how["session"]),  # type: ignore[arg-type]
        ):
            pytest.fail(f"{name} opened the socket")
        assert refused.value.response.status_code == 403, name


def test_a_phone_signs_in_asks_and_reads(
    live_stack: LiveStack, walked: Left, open_page: OpenPage
) -> None:
    with open_page(PHONE) as page:
        sign_in(page, live_stack.person("acme", "viewer"))
        ask(page, QUESTION)
        answer = answered(page)
        expect(answer.locator("[data-answer]")).to_contain_text("42 days")
        expect(answer.locator("[data-answer]")).to_be_in_viewport()
        expect(page.get_by_label("Your message")).to_be_in_viewport()
        assert page.evaluate(FITS, "html")
        with live_stack.http(live_stack.person("acme", "member")) as member:
            uploaded(member, f"{'a-name-without-a-blank-' * 6}.md", b"# Note\n\nShort.")
        page.goto(f"{live_stack.tenant_url('acme')}/documents/")
        expect(page.get_by_text("a-name-without-a-blank").first).to_be_visible()
        assert page.evaluate(FITS, ".table-wrap")


def test_the_keyboard_alone_signs_in_asks_and_opens_the_source(
    live_stack: LiveStack, walked: Left, page: Page
) -> None:
    viewer = live_stack.person("acme", "viewer")
    page.goto(f"{viewer.url}/assistant/")
    expect(page.get_by_label("Email")).to_be_focused()
    keys = page.keyboard
    keys.type(viewer.email)
    keys.press("Tab")
    keys.press("Tab")  # past the link for a forgotten password
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    keys.type(viewer.password)
    keys.press("Enter")
    page.wait_for_url(f"{viewer.url}/assistant/")
    expect(page.get_by_label("Your message")).to_be_focused()
    keys.type(QUESTION)
    keys.press("Enter")
    answer = answered(page)
    expect(page.get_by_label("Your message")).to_be_focused()
    chip = answer.locator("a.cite").first
    for _ in range(40):  # back from the composer, past the answer's own buttons
        keys.press("Shift+Tab")
        if chip.evaluate("link => link === document.activeElement"):
            break
    expect(chip).to_be_focused()
    keys.press("Enter")
    link = page.locator("[data-drawer] [aria-current] a")
    expect(link).to_be_focused()
    keys.press("Escape")
    expect(chip).to_be_focused()
    keys.press("Enter")
    keys.press("Enter")
    page.wait_for_url("**/documents/**")
    expect(page.locator("#page-17 [data-mark]").first).to_be_in_viewport()
    expect(page.locator("#page-17 #passage")).to_contain_text("42 days")
