"""Lines that break, second clicks and second tabs, in a real browser: nothing lost, nothing twice.

And names that nobody should have given a file: what they say is seen, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, Route, expect

from assistant.models import Message, MessageRole
from bedrock.provisioning import ensure_uploads
from billing.storage import stored_bytes
from documents.models import Document, Upload
from documents.uploading import PART_BYTES
from tenants.context import entered
from tenants.objects import bucket_cors
from tests.assistant.talking import Server, conversation_for
from tests.assistant.test_browser import STREAM, answers, sign_in
from tests.documents.helpers import HANDBOOK, upload
from tests.look.everypage import SHIFTED_MOST, SHIFTS
from tests.support.browser import PHONE, check
from tests.support.cast import MAX
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.assistant.test_browser import OpenPage

UPLOADS = "**/api/v1/documents/"
TEXT = "Otters swim."
NAMES = {
    "invoice\u202efdp.exe.md": "invoicefdp.exe.md",  # shown, it would read "invoiceexe.pdf"
    "zero\u200bwidth.md": "zerowidth.md",
    "\N{OTTER} caf\u00e9 \u0645\u0631\u062d\u0628\u0627.md": (
        "\N{OTTER} caf\u00e9 \u0645\u0631\u062d\u0628\u0627.md"
    ),
}


def file_of(name: str, text: str = TEXT) -> dict[str, Any]:
    return {"name": name, "mimeType": "text/markdown", "buffer": text.encode()}


def kept() -> list[str]:
    with entered(tenant_of(MAX)):
        return sorted(Document.objects.values_list("name", flat=True))


def test_names_are_shown_as_what_they_are_and_fit_a_phone(
    server: Server, open_page: OpenPage
) -> None:
    with open_page(PHONE) as page:
        sign_in(page, server, MAX, "/documents/")
        page.wait_for_load_state("networkidle")
        files = [file_of(name, f"Otters {place}.") for place, name in enumerate(NAMES)]
        page.locator("#files").set_input_files([*files, file_of("x" * 10_000 + ".md")])
        expect(page.locator("[data-upload-choose]")).to_have_text("More files")
        expect(page.locator(".button--primary:visible")).to_have_count(1)
        page.locator("[data-queue-start]").click()
        expect(page.locator("[data-upload-choose]")).to_have_text("Upload")
        expect(page.locator("[data-document]")).to_have_count(len(NAMES))
        expect(page.locator(".upload-item")).to_contain_text("Its name is too long")
        assert kept() == sorted(NAMES.values())
        shown = page.locator("[data-document] a.truncate").all_inner_texts()
        assert sorted(shown) == sorted(NAMES.values())
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        page.wait_for_load_state("networkidle")


def test_an_upload_whose_line_breaks_is_sent_again_and_kept_once(
    server: Server, page: Page
) -> None:
    sign_in(page, server, MAX, "/documents/")
    page.wait_for_load_state("networkidle")
    broken: list[str] = []

    def breaking(route: Route) -> None:
        if route.request.method != "POST" or len(broken) == 2:
            return route.continue_()
        broken.append("on the way" if not broken else "on the way back")
        if broken[-1] == "on the way back":
            upload("otters.md", TEXT)  # the server has it; the browser never hears so
        return route.abort("connectionreset")

    page.route(UPLOADS, breaking)
    page.locator("#files").set_input_files([file_of("otters.md")])
    page.locator("[data-queue-start]").dblclick()
    again = page.get_by_role("button", name="Try again: otters.md")
    expect(page.locator(".upload-item")).to_contain_text("could not be reached")
    assert kept() == []
    again.click()
    expect(page.locator(".upload-item")).to_contain_text("could not be reached")
    assert broken == ["on the way", "on the way back"]
    again.click()
    expect(page.locator(".upload-item a")).to_have_text("otters.md")  # it is here already
    assert kept() == ["otters.md"]
    page.reload()
    expect(page.locator("[data-document]")).to_have_count(1)
    page.locator("[data-document] a.truncate").click()
    page.wait_for_url("**/documents/*-*/")
    page.go_back()
    expect(page.locator("[data-document]")).to_have_count(1)
    page.wait_for_load_state("networkidle")
    assert kept() == ["otters.md"]


@pytest.fixture
def straight(server: Server, settings: Any) -> Iterator[None]:
    """Files of a kilobyte and more go straight to storage, which this server's pages may."""
    settings.UPLOADS_DIRECT_FROM = 1024
    region = tenant_of(MAX).region
    bucket_cors(region, [f"http://*.localhost:{server.port}"])
    yield
    ensure_uploads(region)


@pytest.mark.usefixtures("straight")
def test_a_large_file_goes_on_after_lost_lines_and_a_reload_and_is_kept_once(
    server: Server, page: Page, tmp_path: Path
) -> None:
    large = tmp_path / "Handbook.md"
    large.write_text(HANDBOOK + "\n" * PART_BYTES)
    size = large.stat().st_size
    parts: list[str] = []
    broken = True

    def storing(route: Route) -> None:
        number = re.search(r"partNumber=(\d+)", route.request.url)
        assert number
        parts.append(number[1])
        if broken and number[1] == "2":
            return route.abort("connectionreset")
        return route.continue_()

    def stored() -> int:
        with entered(tenant_of(MAX)):
            return int(stored_bytes())

    page.context.route("**/tenants/*/documents/**", storing)
    warned: list[str] = []  # of what is being sent
    page.on("dialog", lambda dialog: (warned.append(dialog.type), dialog.accept()))
    sign_in(page, server, MAX, "/documents/")
    page.wait_for_load_state("networkidle")
    page.locator("#files").set_input_files(large)
    page.locator("[data-queue-start]").dblclick()
    eventually(lambda: page.title() and parts.count("2") > 1)  # tried again by itself
    assert stored() == size
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_load_state("networkidle")
    other.locator("#files").set_input_files(large)
    other.locator("[data-queue-start]").click()
    expect(other.locator(".upload-item")).to_contain_text("Another tab is sending this file")
    other.get_by_role("button", name="Remove Handbook.md").click()
    page.add_init_script(SHIFTS)
    page.reload()
    assert warned == ["beforeunload"]
    expect(page.locator(".upload-item")).to_contain_text("Stopped on the way")
    expect(page.locator("[data-unfinished]")).to_have_count(0)  # the script has taken it over
    check(page)
    assert page.evaluate("shifted") <= SHIFTED_MOST
    broken = False
    parts.clear()
    page.locator("#files").set_input_files(large)
    expect(page.locator(".upload-item")).to_have_count(1)
    page.locator("[data-queue-start]").dblclick()
    expect(page.locator("[data-document]")).to_have_count(1)
    assert parts == ["2"]
    assert (kept(), stored()) == (["Handbook.md"], size)
    other.locator("#files").set_input_files(large)
    other.locator("[data-queue-start]").click()
    expect(other.locator(".upload-item")).to_contain_text("The same content is here already")
    other.get_by_role("button", name="Remove Handbook.md").click()
    eventually(lambda: stored() == size)  # what it had reserved is free again
    with entered(tenant_of(MAX)):
        assert not Upload.objects.filter(loose__held__gt=0).exists()
    for each in (page, other):
        each.wait_for_load_state("networkidle")


def test_an_answer_whose_line_breaks_comes_whole_to_both_tabs_and_is_made_once(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    sign_in(page, server, MAX)
    address = f"http://{server.host(MAX)}/assistant/{conversation_for(MAX)}/"
    lines: list[Any] = []

    def listening(socket: Any) -> None:
        lines.append(socket)
        there = socket.connect_to_server()
        heard: list[Any] = []

        def hear(frame: Any) -> None:
            heard.append(frame)
            if len(lines) == 1 and len(heard) == 8:  # in the middle of the words
                return socket.close()
            return socket.send(frame)

        there.on_message(hear)

    page.route_web_socket("**/ws/**", listening)
    other = page.context.new_page()
    other.goto(address)
    page.goto(address)
    for each in (page, other):
        each.wait_for_load_state("networkidle")
    localaws.script(chunks=[f"word{n} " for n in range(40)], delay_ms=40, match=STREAM)
    page.locator("textarea").fill("Tell me everything.")
    page.locator("[data-send]").dblclick()
    for each in (page, other):
        answers(each, 1)
        expect(each.locator("[data-answer]")).to_contain_text("word0 word1")
        expect(each.locator("[data-answer]")).to_contain_text("word39")
    assert len(lines) == 2  # the line broke, and another was opened
    assert len(localaws.requests("ConverseStream")) == 1
    with entered(tenant_of(MAX)):
        assert Message.objects.filter(role=MessageRole.USER).count() == 1
    for each in (page, other):
        each.wait_for_load_state("networkidle")


def test_a_question_that_goes_with_the_line_is_asked_once_and_its_words_are_kept(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    sign_in(page, server, MAX)
    ways, asked = ["gone"], []

    def listening(socket: Any) -> None:
        there = socket.connect_to_server()

        def say(frame: Any) -> None:
            if '"ask"' in frame:
                asked.append(way := ways.pop() if len(ways) > 1 else ways[0])
                if way == "gone":  # with the line
                    return socket.close()
                if way == "unheard":  # it arrives, and nothing comes back
                    there.on_message(lambda _: socket.close())
            return there.send(frame)

        socket.on_message(say)

    page.route_web_socket("**/ws/**", listening)
    page.goto(f"http://{server.host(MAX)}/assistant/{conversation_for(MAX)}/")
    page.wait_for_load_state("networkidle")
    page.locator("textarea").fill("Who are you?")
    page.keyboard.press("Enter")
    eventually(lambda: page.title() and len(asked) > 1)  # said again by itself
    page.reload()  # while no line holds
    expect(page.locator("textarea")).to_have_value("Who are you?")
    expect(page.locator("[data-thread] article")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    asked.clear()
    ways[:] = ["fine", "unheard", "gone"]
    localaws.script(chunks=["I am ", "the assistant."], match=STREAM)
    page.locator("[data-send]").click()
    answers(page, 1)
    assert asked == ["gone", "unheard", "fine"]
    assert len(localaws.requests("ConverseStream")) == 1
    with entered(tenant_of(MAX)):
        assert Message.objects.filter(role=MessageRole.USER).count() == 1
    page.reload()
    answers(page, 1)
    expect(page.locator("textarea")).to_have_value("")
    page.wait_for_load_state("networkidle")


def test_a_first_message_without_a_line_waits_for_it_and_is_sent_once(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    sign_in(page, server, MAX)
    page.wait_for_load_state("networkidle")
    began = page.url
    localaws.script(chunks=["word"], match=STREAM)
    page.context.set_offline(True)
    page.locator("textarea").fill("Do otters swim?")
    page.locator("textarea").press("Enter")
    told = page.locator("[data-problem]")
    expect(told).to_contain_text("sent as soon as the connection is back")
    page.locator("textarea").press("Enter")
    page.locator("[data-send]").click()
    expect(told).to_be_visible()
    assert page.url == began
    assert page.locator("textarea").input_value() == "Do otters swim?"
    page.context.set_offline(False)
    page.wait_for_url("**/assistant/*-*/")
    answers(page, 1)
    page.evaluate("document.getElementById('title').maxLength = 10_000; tenantry.dialog('rename')")
    long = "\N{OTTER}\u202ex" * 61  # what is not seen does not count
    page.locator("#title").fill(long)
    page.locator("#title").press("Enter")
    expect(page.locator("#rename")).to_contain_text("A title holds at most 120 characters.")
    assert page.locator("#title").input_value() == long
    with entered(tenant_of(MAX)):
        asked = Message.objects.filter(role=MessageRole.USER).values_list("text", flat=True)
        assert list(asked) == ["Do otters swim?"]
    page.wait_for_load_state("networkidle")
