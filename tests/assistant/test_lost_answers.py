"""A form that reached the server, and whose answer was lost: done once, and found.

Chromium itself sends once more what had no answer on a line that was open before, a POST too. Where
that fails as well, its page offers to send again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Error, Page, expect

from assistant.models import Conversation
from billing.invoices.models import AccountCredit
from documents.models import Document
from tenants.accounts.models import ApiKey, Invitation
from tenants.context import entered, public_scope
from tests.assistant.talking import Server
from tests.assistant.test_browser import STREAM, answers, sign_in
from tests.assistant.test_lost_lines import file_of, kept
from tests.documents.helpers import HANDBOOK, ingested, ready
from tests.support.browser import settled
from tests.support.cast import ALICE, MAX, PASSWORD
from tests.support.clients import tenant_of
from tests.support.line import Line, line
from tests.support.localaws import LocalAws
from tests.support.waiting import eventually

LOST = "chrome-error://**"
KEYS, MEMBERS, CREDITS = "/settings/keys/", "/settings/members/", "/admin/billing/accountcredit/"


@pytest.fixture
def cable(server: Server) -> Iterator[Line]:
    with line(server.port) as made:
        yield made


def count(model: Any) -> int:
    with entered(tenant_of(MAX)):
        return int(model.objects.count())


def lose(cable: Line, path: str, *, breaks: bool = False) -> None:
    cable.heard.clear()
    cable.loses, cable.breaks = f"POST {path}".encode(), breaks


def sent(cable: Line, path: str) -> int:
    return sum(each.startswith(f"POST {path}".encode()) for each in cable.heard)


def lost_for_good(page: Page, cable: Line) -> None:
    """The browser's own page says that nothing answers; with the line back, it loads anew."""
    with suppress(Error):  # that nothing answers; the browser's page comes after it
        page.wait_for_url(LOST, wait_until="commit")
    page.wait_for_url(LOST, wait_until="commit")
    cable.mend()
    eventually(lambda: reloaded(page))
    settled(page)


def reloaded(page: Page) -> bool:
    """Reload, unless the browser's own page, told of already, has yet to take its place."""
    try:
        page.reload()
    except Error as error:
        assert "Not attached to an active page" not in error.message
        raise
    return True


def test_forms_whose_answer_was_lost_are_carried_out_once_and_their_answer_is_found(
    cable: Line, page: Page, localaws: LocalAws
) -> None:
    through = Server(cable.port)
    home, keys = f"http://{through.host(ALICE)}", count(ApiKey)
    sign_in(page, through, ALICE, KEYS)
    for number, breaks in enumerate((False, True), 1):
        page.goto(home + KEYS)
        settled(page)
        page.locator("#id_name").fill("Nightly")
        page.locator("[name=everything]").check()
        lose(cable, KEYS, breaks=breaks)
        page.get_by_role("button", name="Create key").click(no_wait_after=True)
        if breaks:
            lost_for_good(page, cable)
        expect(page.locator("pre code").first).to_contain_text("tnt_")
        assert (sent(cable, KEYS), count(ApiKey)) == (2, keys + number)

    page.goto(home + MEMBERS)
    settled(page)
    page.locator("[name=lines]").fill("new@acme.example")
    lose(cable, MEMBERS, breaks=True)
    page.get_by_role("button", name="Send").click(no_wait_after=True)
    lost_for_good(page, cable)
    expect(page.locator("main")).to_contain_text("new@acme.example")
    assert (sent(cable, MEMBERS), count(Invitation)) == (2, 1)

    page.goto(f"{home}/documents/")
    settled(page)
    lose(cable, "/api/v1/documents/")
    page.locator("#files").set_input_files([file_of("otters.md")])
    page.locator("[data-queue-start]").click()
    expect(page.locator(".upload-item a, [data-document] a.truncate").first).to_have_text(
        "otters.md"
    )
    assert (sent(cable, "/api/v1/documents/"), kept()) == (2, ["otters.md"])

    localaws.script(chunks=["word"], match=STREAM)
    page.goto(f"{home}/assistant/")
    settled(page)
    lose(cable, "/assistant/")
    page.locator("textarea").fill("Do otters swim?")
    page.locator("[data-send]").click()
    page.wait_for_url("**/assistant/*-*/")
    answers(page, 1)
    assert (sent(cable, "/assistant/"), count(Conversation)) == (2, 1)
    page.wait_for_load_state("networkidle")


def test_a_version_whose_answer_was_lost_is_one(cable: Line, page: Page, tmp_path: Path) -> None:
    first = ready("Handbook.md", HANDBOOK)
    through = Server(cable.port)
    path = f"/documents/{first.id}/"
    sign_in(page, through, MAX, path)
    for number, breaks in enumerate((False, True), 2):
        page.goto(f"http://{through.host(MAX)}{path}")
        settled(page)
        form = page.locator(f"form[action$='{path}replace/']")
        form.evaluate("form => form.closest('details')?.setAttribute('open', '')")
        file = tmp_path / "Handbook.md"  # on the disk, where the browser reads it once more
        file.write_text(f"{HANDBOOK}{number}")
        form.locator("[name=file]").set_input_files(file)
        lose(cable, f"{path}replace/", breaks=breaks)
        form.get_by_role("button", name="Replace").click(no_wait_after=True)
        if breaks:
            lost_for_good(page, cable)
        page.wait_for_url(lambda url, path=path: path not in url and "/documents/" in url)
        settled(page)
        assert sent(cable, f"{path}replace/") == 2
        with entered(tenant_of(MAX)):
            newest = Document.objects.order_by("-version").first()
            assert newest and (Document.objects.count(), newest.version) == (number, number)
        path = f"/documents/{newest.id}/"
        assert page.url.endswith(path)
        ingested(newest.id)  # what is still being read is not replaced


def test_a_credit_whose_answer_was_lost_is_granted_once(cable: Line, page: Page) -> None:
    page.goto(f"http://localhost:{cable.port}/admin/login/?next={CREDITS}add/")
    page.fill("[name=username]", "finance@tenantry.example")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"http://localhost:{cable.port}{CREDITS}add/")
    page.wait_for_load_state("networkidle")
    for breaks in (False, True):
        page.goto(f"http://localhost:{cable.port}{CREDITS}add/")
        page.fill("[name=tenant_id]", ALICE.workspace)
        page.fill("[name=usd]", "25")
        page.fill("[name=reason]", "A bad week")
        lose(cable, CREDITS, breaks=breaks)
        page.locator("[name=_save]").first.click(no_wait_after=True)
        if breaks:
            lost_for_good(page, cable)
        page.wait_for_url(f"http://localhost:{cable.port}{CREDITS}")
        page.wait_for_load_state("networkidle")
        assert sent(cable, CREDITS) == 2
    with public_scope("staff"):
        assert AccountCredit.objects.count() == 2


def test_a_call_whose_answer_was_lost_is_answered_again_under_its_key(cable: Line) -> None:
    lose(cable, "/api/v1/conversations/")
    with Server(cable.port).http(MAX) as client:

        def begin() -> httpx.Response:
            key = {"Idempotency-Key": "a"}
            return client.post("/api/v1/conversations/", json={"title": "Otters"}, headers=key)

        with pytest.raises(httpx.TransportError):
            begin()
        again = begin()
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert count(Conversation) == 1


def test_a_second_tab_that_signs_in_later_goes_where_it_was_headed(
    server: Server, page: Page
) -> None:
    other, where = page.context.new_page(), f"http://{server.host(MAX)}/sign-in/?next=/documents/"
    for tab in (page, other):
        tab.goto(where)
    for tab in (page, other):
        tab.fill("[name=email]", MAX.email)
        tab.fill("[name=password]", PASSWORD)
        tab.keyboard.press("Enter")
        tab.wait_for_url(f"http://{server.host(MAX)}/documents/")
        tab.wait_for_load_state("networkidle")
