"""Reading along in a real browser: jumping to what one knows by name, and scrolling back meanwhile.

And what goes by hand: files dropped and pasted, code copied, a conversation pinned.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from assistant.models import Message
from tenants.context import entered
from tests.assistant.talking import Server, conversation_for
from tests.assistant.test_browser import QUESTION, STREAM, answers, sign_in
from tests.assistant.test_uploads_walk import dropped
from tests.documents.helpers import HANDBOOK, ready
from tests.support.browser import check, settled
from tests.support.cast import MAX
from tests.support.clients import tenant_of
from tests.support.localaws import LocalAws

LAID_OUT = """[...document.querySelectorAll(".message__who")]
  .filter((each) => each.checkVisibility({ contentVisibilityAuto: true })).length"""
CODE = "zebras = 2\nprint(zebras)"
PASTE = """area => {
  const clipboard = new DataTransfer();
  clipboard.items.add(new File(["The crane is red."], "pasted.md", {type: "text/markdown"}));
  area.dispatchEvent(new ClipboardEvent("paste", {clipboardData: clipboard, bubbles: true}));
}"""


def test_the_palette_opens_what_is_called_so(server: Server, page: Page) -> None:
    document = ready("Hotel list.md", HANDBOOK)
    conversation = conversation_for(MAX, "Hotels in Lisbon")
    conversation_for(MAX, "Trains")
    sign_in(page, server, MAX, "/usage/")
    settled(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("hotel")
    found = page.locator("#palette [data-found]")
    expect(found).to_have_text(["Hotel list.mdDocument", "Hotels in LisbonConversation"])
    expect(found.first).to_have_attribute("aria-selected", "true")
    check(page)
    page.keyboard.type("s")
    expect(found).to_have_text(["Hotels in LisbonConversation"])
    page.keyboard.type(" quokka")
    expect(found).to_have_count(0)
    expect(page.locator("#palette-find")).to_have_attribute("aria-selected", "true")
    page.locator("#palette [role=combobox]").fill("hotel")
    expect(found).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/assistant/{conversation}/")
    settled(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("hotel")
    found.first.click()
    page.wait_for_url(f"**/documents/{document.id}/")
    settled(page)


def test_a_long_conversation_lays_out_what_is_in_sight_and_begins_at_its_end(
    server: Server, page: Page
) -> None:
    conversation = conversation_for(MAX, "Long")
    tall = [f"Line {line}\n" for line in range(60)]
    with entered(tenant_of(MAX)):
        before = None
        for position in range(1, 61):
            before = Message.objects.create(
                conversation_id=conversation,
                parent=before,
                position=position,
                role=("assistant", "user")[position % 2],
                text="\n".join(tall[: position % 7 * 10 or 1]),
            )
    sign_in(page, server, MAX, f"/assistant/{conversation}/?whole")
    settled(page)
    messages = page.locator(".message")
    expect(messages).to_have_count(60)
    expect(messages.last).to_be_in_viewport()
    assert page.evaluate(LAID_OUT) < 20
    page.locator("[data-scroll]").focus()
    page.keyboard.press("Home")
    expect(messages.first).to_be_in_viewport(ratio=1)
    page.keyboard.press("End")
    expect(messages.last.locator("[data-actions]")).to_be_in_viewport(ratio=1)
    check(page)
    middle = messages.nth(29).get_attribute("id")
    page.goto(f"{page.url}#{middle}")
    expect(messages.nth(29)).to_be_in_viewport()


def test_back_from_a_first_answer_nothing_waits_to_be_asked_again(
    server: Server, page: Page
) -> None:
    ready("Travel policy.md", HANDBOOK)
    sign_in(page, server, MAX)
    settled(page)
    page.locator("textarea").fill(QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_url("**/assistant/*-*/")
    answers(page, 1)
    page.go_back()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(page.locator("textarea")).to_have_value("")
    page.locator("textarea").fill("Not sent yet")
    page.go_forward()
    answers(page, 1)
    expect(page.locator("textarea")).to_have_value("")
    page.go_back()
    expect(page.locator("textarea")).to_have_value("Not sent yet")
    settled(page)


def test_scrolling_back_while_an_answer_comes_stays_where_one_reads(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    sign_in(page, server, MAX)
    page.goto(f"http://{server.host(MAX)}/assistant/{conversation_for(MAX)}/")
    settled(page)
    localaws.script(chunks=[f"Line {n} of it.\n\n" for n in range(60)], delay_ms=50, match=STREAM)
    page.keyboard.type("Tell me everything.")
    page.keyboard.press("Enter")
    expect(page.locator("[data-answer]")).to_contain_text("Line 25")
    scroll, latest = page.locator("[data-scroll]"), page.locator("[data-latest]")
    end = "box => box.scrollHeight - box.scrollTop - box.clientHeight < 2"
    assert scroll.evaluate(end)  # it follows by itself
    scroll.evaluate("box => { box.scrollTop = 40; }")
    expect(page.locator("[data-answer]")).to_contain_text("Line 40")
    expect(latest).to_be_visible()
    assert scroll.evaluate("box => box.scrollTop") == 40
    latest.click()
    expect(latest).to_be_hidden()
    answers(page, 1)
    assert scroll.evaluate(end)
    expect(page.locator("textarea")).to_be_focused()


def test_files_are_dropped_and_pasted_code_is_copied_and_a_conversation_pinned(
    server: Server, page: Page, localaws: LocalAws, tmp_path: Path
) -> None:
    sign_in(page, server, MAX)
    page.goto(f"http://{server.host(MAX)}/assistant/{conversation_for(MAX, 'Zebras')}/")
    settled(page)
    winch = tmp_path / "winch.md"
    winch.write_text("The winch is blue.")
    chips = page.locator("[data-attached] > li")
    dropped(page, winch, zone="[data-composer]")
    expect(chips).to_contain_text("winch.md")
    page.locator("textarea").evaluate(PASTE)
    expect(chips).to_have_count(2)
    page.get_by_role("button", name="Remove winch.md").click()
    expect(chips).to_have_count(1)
    page.get_by_role("button", name="Remove pasted.md").click()
    expect(chips).to_have_count(0)

    localaws.script(text=f"So:\n\n```python\n{CODE}\n```\n", match=STREAM)
    page.locator("textarea").fill("Show me zebras")
    page.keyboard.press("Enter")
    answers(page, 1)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the code").click()
    expect(page.locator(".toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").strip() == CODE
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".toast")).to_have_count(0)

    conversation_for(MAX, "Newer")
    page.get_by_label("More about this conversation").click()
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator(".list__heading").first).to_have_text("Pinned")
    expect(page.locator("[data-entry]").first).to_have_text("Zebras")
    settled(page)
    page.get_by_label("More about this conversation").click()
    page.get_by_role("button", name="Unpin").click()
    expect(page.locator("[data-entry]").first).to_have_text("Newer")
    settled(page)
