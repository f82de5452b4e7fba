"""Forms clicked twice, sent again, gone back to and open in two tabs; pastes too long for one."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from assistant.models import Conversation, WrittenText
from search.models import Collection
from tenants.accounts.groupmodels import MemberGroup
from tenants.accounts.models import ApiKey, Invitation
from tenants.context import entered
from tenants.webhooks.models import Endpoint
from tests.assistant.talking import Server, conversation_for
from tests.assistant.test_browser import STREAM, sign_in
from tests.documents.helpers import HANDBOOK, ready
from tests.support.browser import settled
from tests.support.cast import ALICE, MAX
from tests.support.clients import api, tenant_of
from tests.support.localaws import LocalAws


def count(model: Any) -> int:
    with entered(tenant_of(MAX)):
        return int(model.objects.count())


def test_forms_that_make_something_make_it_once_whatever_is_clicked(
    server: Server, page: Page
) -> None:
    keys, home = count(ApiKey), f"http://{server.host(ALICE)}"
    again = (Endpoint, Invitation)  # which another tab may mean once more
    sign_in(page, server, ALICE, "/settings/keys/")
    page.locator("#id_name").fill("Nightly")
    page.locator("[name=everything]").check()
    page.get_by_role("button", name="Create key").dblclick()
    secret = page.locator("pre code").first
    expect(secret).to_contain_text("tnt_")
    shown = secret.inner_text()
    page.reload()  # the browser sends the form again
    expect(secret).to_have_text(shown)
    assert count(ApiKey) == keys + 1
    for path, fill, button, model in (
        ("/settings/webhooks/", {"#id_url": "https://93.184.215.14/in"}, "Add", Endpoint),
        ("/settings/members/", {"[name=lines]": "new@acme.example"}, "Send", Invitation),
        ("/settings/groups/", {"#group-name": "Potters"}, "Create group", MemberGroup),
        ("/collections/", {"#collection-name": "Kilns"}, "collection", Collection),
    ):
        other = page.context.new_page()  # a tab that was opened before, and sends the same later
        for tab in (page, other):
            tab.goto(home + path)
            settled(tab)
            for field, text in fill.items():
                tab.locator(field).fill(text)
        send = page.locator("form:has([name=once]) button").filter(has_text=button).first
        began = page.url
        send.dblclick()
        settled(page)
        assert count(model) == 1, path
        if page.url != began:
            page.go_back()
            settled(page)
            for field, text in fill.items():
                page.locator(field).fill(text)
            page.locator("form:has([name=once]) button").filter(has_text=button).first.click()
            settled(page)
        other.locator("form:has([name=once]) button").filter(has_text=button).first.click()
        settled(other)
        assert count(model) <= (2 if model in again else 1), path
        other.close()


def test_a_paste_beyond_a_limit_is_kept_and_told_and_not_sent(server: Server, page: Page) -> None:
    document, conversation = ready("Handbook.md", HANDBOOK), conversation_for(MAX, title="Short")
    home = f"http://{server.host(MAX)}"
    sign_in(page, server, MAX, f"/assistant/{conversation}/")
    settled(page)
    page.evaluate("tenantry.dialog('rename')")
    title = page.locator("#title")
    title.focus()
    title.fill("")
    long = "\N{OTTER}" * 121
    page.keyboard.insert_text(long)
    assert title.input_value() == long
    told = "field => field.validationMessage"
    assert title.evaluate(told) == "At most 120 characters. Shorten it by 1."
    page.keyboard.press("Enter")
    assert title.input_value() == long
    with entered(tenant_of(MAX)):
        assert Conversation.objects.get(id=conversation).title == "Short"
    page.keyboard.press("Backspace")
    assert title.evaluate(told) == ""
    page.keyboard.press("Enter")
    expect(page.locator("[data-title]")).to_have_text(long[:120])
    page.goto(f"{home}/documents/{document.id}/")
    settled(page)
    tags = page.locator("form:not(#bulk) [name=tags]")
    tags.locator("xpath=ancestor::details").evaluate_all("all => all.forEach(e => e.open = true)")
    tags.focus()
    tags.fill("")
    page.keyboard.insert_text("t" * 901)
    assert len(tags.input_value()) == 901
    assert "At most 900 characters" in tags.evaluate(told)
    page.keyboard.press("Enter")
    assert len(tags.input_value()) == 901
    assert api(MAX).get(f"/api/v1/documents/{document.id}/").json()["tags"] == []


def test_questions_that_are_clicked_twice_are_asked_once(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    ready("Handbook.md", HANDBOOK)
    sign_in(page, server, MAX)
    settled(page)
    localaws.script(chunks=["word"], match=STREAM)
    page.locator("textarea").fill("Do otters swim?")
    page.locator("[data-send]").dblclick()
    page.wait_for_url("**/assistant/*-*/")
    expect(page.locator("[data-status=complete]")).to_have_count(1)
    page.go_back()
    settled(page)
    page.go_forward()
    settled(page)
    assert count(Conversation) == 1
    assert len(localaws.requests("ConverseStream")) == 1
    settled(page)


def test_what_is_asked_or_written_with_a_double_click_is_made_once(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    ready("Handbook.md", HANDBOOK)
    sign_in(page, server, MAX, "/ask/")
    settled(page)
    page.locator("#question").fill("What may a hotel room cost?")
    page.get_by_role("button", name="Ask", exact=True).dblclick()
    expect(page.locator("[data-ask-announce]")).to_have_text("Backed by your documents")
    expect(page.locator("[data-answer]")).to_have_count(1)
    page.reload()
    expect(page.locator("[data-answer]")).to_have_count(1)
    asked = len(localaws.requests("ConverseStream"))
    page.goto(f"http://{server.host(MAX)}/write/")
    settled(page)
    page.locator("[data-write] [name=text]").fill("We basically met. Then we basically left.")
    page.locator("[data-write-go]").dblclick()
    expect(page.locator("[data-write-meta]")).to_contain_text("tokens")
    page.reload()
    expect(page.locator("[data-write-meta]")).to_contain_text("tokens")
    assert asked == 1
    assert len(localaws.requests("ConverseStream")) == 2
    assert count(WrittenText) == 1
