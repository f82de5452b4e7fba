"""Write over a line that breaks, beside a second tab: nothing is lost, no text is kept twice."""

from __future__ import annotations

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from assistant.models import WrittenText
from billing.models import LedgerEntry
from tenants.context import entered
from tests.assistant.talking import Server
from tests.assistant.test_browser import STREAM, sign_in
from tests.assistant.test_lost_answers import cable, lose, sent
from tests.documents.helpers import HANDBOOK, ready
from tests.support.browser import settled
from tests.support.cast import ALICE, MAX, PASSWORD, Person
from tests.support.clients import api, tenant_of
from tests.support.line import Line
from tests.support.localaws import LocalAws
from tests.support.waiting import eventually

WRITE = "/api/v1/write/"
TEXT = "We basically met. Then we basically left."
__all__ = ["cable"]  # a fixture


def texts() -> list[list[str]]:
    """Return the kept texts, the first first, each as its versions."""
    with entered(tenant_of(MAX)):
        rows = WrittenText.objects.order_by("created_at")
        return [list(row.versions.values_list("content", flat=True)) for row in rows]


def settled_calls() -> int:
    with entered(tenant_of(MAX)):
        return LedgerEntry.objects.values("request_id").distinct().count()


def write(page: Page) -> None:
    page.locator("[data-write-go]").click()
    expect(page.locator("[data-write-meta]")).to_contain_text("tokens")
    expect(page.locator("[data-write-stop]")).to_be_hidden()


def test_what_a_lost_line_or_another_tab_takes_is_there_and_no_second_text(
    cable: Line, page: Page, localaws: LocalAws
) -> None:
    sign_in(page, Server(cable.port), MAX, "/write/?task=rewrite")
    settled(page)
    ready("Handbook.md", HANDBOOK)
    words, written = page.locator("[data-write] [name=text]"), page.locator("[data-write-text]")

    # The browser itself sends again what had no answer: the first of the two is stopped.
    words.fill(TEXT)
    localaws.script(chunks=["lost "] * 9, delay_ms=1_500, match=STREAM)
    localaws.script(chunks=["found"], match=STREAM)
    lose(cable, WRITE)
    write(page)
    expect(written).to_have_text("found")
    assert sent(cable, WRITE) == 2
    eventually(lambda: settled_calls() == 2)
    assert texts() == [[TEXT, "found"]]

    # A line that breaks in mid-text: what had arrived is there after a reload, too.
    localaws.script(chunks=[f"word{n} " for n in range(200)], delay_ms=40, match=STREAM)
    words.fill(f"{TEXT} Basically.")
    page.locator("[data-write-go]").click()
    expect(written).to_contain_text("word2")
    cable.cut()
    expect(page.locator("[data-write-problem]")).to_contain_text("The connection was lost.")
    cable.mend()
    page.reload()
    settled(page)
    expect(written).to_contain_text("word2")
    eventually(lambda: len(texts()) == 2)
    localaws.script(chunks=["whole"], match=STREAM)
    write(page)
    assert texts()[1][0] == f"{TEXT} Basically." and texts()[1][1].startswith("word0 ")
    assert texts()[1][2:] == [f"{TEXT} Basically.", "whole"]

    # A text that another tab deletes meanwhile is a new one with the next writing.
    href = page.locator("[data-write-versions]").get_attribute("href") or ""
    assert api(MAX).delete(f"/api/v1{href.partition('?')[0]}").status_code == 204
    localaws.script(chunks=["anew"], match=STREAM)
    write(page)
    expect(written).to_have_text("anew")
    assert texts() == [[TEXT, "found"], [f"{TEXT} Basically.", "anew"]]
    page.wait_for_load_state("networkidle")

    # Ask says it in the same words, and not in the browser's.
    page.goto(f"http://{Server(cable.port).host(MAX)}/ask/")
    settled(page)
    localaws.script(chunks=[f"word{n} " for n in range(200)], delay_ms=40, match=STREAM)
    page.locator("#question").fill("What may a hotel room cost?")
    page.get_by_role("button", name="Ask", exact=True).click()
    answer = page.locator("[data-answers], main").first
    expect(answer).to_contain_text("word2")
    cable.cut()
    expect(answer).to_contain_text("The connection was lost.")
    cable.mend()


@pytest.mark.parametrize("path", ["/write/?task=rewrite", "/ask/"])
@pytest.mark.parametrize(("person", "kept"), [(MAX, TEXT), (ALICE, "")])
def test_what_was_typed_comes_back_after_signing_in_anew_to_who_typed_it(
    server: Server, page: Page, path: str, person: Person, kept: str
) -> None:
    ready("Travel policy.md", HANDBOOK)
    sign_in(page, server, MAX, path)
    settled(page)
    field = page.locator("form[data-write] [name=text], form[data-ask] [name=question]")
    field.fill(TEXT)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.locator("[data-write-go], form[data-ask] [type=submit]").click()
    page.wait_for_url("**/sign-in/?next=*")
    by_form(page, person)
    page.wait_for_url(f"**{path}")
    settled(page)
    expect(field).to_have_value(kept)


def test_what_is_being_searched_for_is_so_after_signing_in_anew(server: Server, page: Page) -> None:
    ready("Travel policy.md", HANDBOOK)
    sign_in(page, server, MAX, "/search/?q=hotel")
    settled(page)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.locator("#q").fill("hotel room")
    page.wait_for_url("**/sign-in/?next=*")
    by_form(page, MAX)
    expect(page.locator("#q")).to_have_value("hotel room")
    expect(page.locator(".result").first).to_contain_text("Travel policy.md")


def by_form(page: Page, person: Person) -> None:
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
