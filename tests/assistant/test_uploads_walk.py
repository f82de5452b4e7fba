"""Many files at once in a real browser: seen before they go, followed, given up, tried again.

And what is done to many documents: chosen one by one, from one row to another, all; asked first.
"""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from billing.catalog import plan_terms
from billing.storage import reserve_storage
from billing.units import Metric
from tenants.context import entered
from tests.assistant.talking import Server
from tests.assistant.test_browser import sign_in
from tests.assistant.test_lost_lines import UPLOADS, file_of, kept
from tests.documents.helpers import upload
from tests.support.browser import check, settled
from tests.support.cast import MAX
from tests.support.clients import tenant_of

MANY, SOME = 200, 8
AT_ONCE = 3  # uploads that a page has under way


def dropped(page: Page, *paths: Path, zone: str = "[data-dropzone]") -> None:
    """Drop files and folders on the page, as a file manager does."""
    place = page.locator(zone).bounding_box()
    assert place is not None
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    tab = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"x": place["x"] + 20, "y": place["y"] + 20}
        tab.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
        if kind == "dragOver":
            expect(page.locator(f"{zone}[data-over]")).to_be_visible()


def test_many_files_are_followed_given_up_and_tried_again(server: Server, page: Page) -> None:
    sign_in(page, server, MAX, "/documents/")
    settled(page)
    held: list[Route] = []
    way = ["hold"]

    def sending(route: Route) -> None:
        if route.request.method != "POST" or way[0] == "go":
            return route.continue_()
        if way[0] == "break":
            return route.abort("connectionreset")
        return held.append(route)

    page.route(UPLOADS, sending)
    summary, total = page.locator("[data-queue-summary]"), page.locator("[data-queue-total]")
    start = page.locator("[data-queue-start]")
    page.locator("#files").set_input_files(
        [file_of(f"note {n}.md", f"Otters {n}.") for n in range(MANY)]
    )
    expect(summary).to_have_text("200 files, 2.0 KB")
    expect(start).to_have_text("Upload 200 files")
    assert held == []  # nothing goes before it was seen
    start.click()
    expect(page.locator(".upload-item progress:visible")).to_have_count(AT_ONCE)
    expect(summary).to_contain_text("0 of 200 sent · 197 files")
    expect(total).to_be_visible()
    check(page)
    page.get_by_role("button", name="Cancel all").click()
    expect(page.locator(".upload-item")).to_have_count(0)
    assert (len(held), kept()) == (AT_ONCE, [])

    way[0] = "break"
    page.locator("#files").set_input_files(
        [file_of(f"note {n}.md", f"Otters {n}.") for n in range(SOME)]
    )
    page.get_by_role("button", name="Remove note 0.md").click()
    start.click()
    expect(summary).to_have_text(f"{SOME - 1} not uploaded")
    way[0] = "go"
    page.get_by_role("button", name="Try all again").click()
    expect(page.locator("[data-document]")).to_have_count(SOME - 1)
    expect(page.locator("[data-queue]")).to_be_hidden()
    assert kept() == [f"note {n}.md" for n in range(1, SOME)]

    page.locator("#files").set_input_files([file_of("other.md", "Otters 1.")])
    start.click()
    expect(page.locator(".upload-item a")).to_have_text("note 1.md")
    page.get_by_role("button", name="Keep both: other.md").click()
    expect(page.locator("[data-document]")).to_have_count(SOME)
    assert "other.md" in kept()
    settled(page)


def test_a_dropped_folder_brings_its_files_and_what_does_not_fit_is_said_first(
    server: Server, page: Page, tmp_path: Path
) -> None:
    folder = tmp_path / "Harbour"
    (folder / "Piers" / "North").mkdir(parents=True)
    (folder / "winch.md").write_text("The winch is blue.")
    (folder / "Piers" / "North" / "crane.md").write_text("The crane is red.")
    (folder / "Piers" / "plan.dwg").write_text("A drawing.")
    (folder / ".hidden.md").write_text("Nobody's.")
    beside = tmp_path / "beside.md"
    beside.write_text("Beside the folder.")
    sign_in(page, server, MAX, "/documents/")
    settled(page)
    dropped(page, folder, beside)
    items = page.locator(".upload-item")
    expect(items).to_have_count(4)
    expect(items.filter(has_text="plan.dwg")).to_contain_text("not supported")
    expect(page.locator("[data-queue-start]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-document]")).to_have_count(3)
    assert kept() == ["beside.md", "crane.md", "winch.md"]
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("[data-queue]")).to_be_hidden()

    page.locator("#folder").set_input_files(folder)  # chosen, the same files are here already
    expect(items).to_have_count(3)
    page.get_by_role("button", name="Clear").click()
    with entered(tenant_of(MAX)):
        included = plan_terms("growth").included[Metric.STORAGE]
        assert included is not None
        reserve_storage(int(included) - 1_000)
    page.reload()
    expect(page.locator("[data-dropzone]")).to_contain_text("of storage left")
    page.locator("#files").set_input_files(
        [file_of("large.md", "o" * 900), file_of("larger.md", "t" * 900)]
    )
    expect(page.locator("[data-queue-summary]")).to_contain_text("remove some files")
    expect(page.locator("[data-queue-start]")).to_be_disabled()
    page.get_by_role("button", name="Remove larger.md").click()
    expect(page.locator("[data-queue-start]")).to_be_enabled()
    settled(page)


def test_documents_are_chosen_from_row_to_row_and_deleted_after_asking(
    server: Server, page: Page
) -> None:
    for number in range(6):
        upload(f"note {number}.md", f"Otters {number}.")
    sign_in(page, server, MAX, "/documents/?sort=name")
    settled(page)
    boxes, bar = page.locator("#rows [name=document]"), page.locator("#bulk")
    expect(bar).to_be_hidden()
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(bar).to_contain_text("4 documents chosen")
    boxes.nth(3).click(modifiers=["Shift"])
    expect(bar).to_contain_text("2 documents chosen")
    every = page.get_by_label("Choose all on this page")
    expect(every).to_have_js_property("indeterminate", True)
    every.focus()
    page.keyboard.press("Space")
    expect(bar).to_contain_text("6 documents chosen")
    page.get_by_role("button", name="Choose none").click()
    expect(bar).to_be_hidden()
    boxes.nth(2).check()
    bar.locator("[name=tags]").fill("t" * 41)
    bar.get_by_role("button", name="Add tags").click()
    expect(page.locator("#toasts")).to_contain_text("1 to 40 characters")
    expect(bar.locator("[name=tags]")).to_have_value("t" * 41)
    expect(boxes.nth(2)).to_be_checked()
    expect(page).to_have_url(re.compile(r"sort=name$"))
    bar.locator("[name=tags]").fill("read")
    bar.get_by_role("button", name="Add tags").click()
    expect(page.locator("#toasts")).to_contain_text("1 document tagged")
    expect(bar).to_be_hidden()
    settled(page)
    delete = bar.get_by_role("button", name="Delete")
    asked = page.locator("#confirm")
    boxes.nth(0).check()
    delete.click()
    expect(asked).to_contain_text("Delete “note 0.md”?")
    page.keyboard.press("Escape")
    boxes.nth(5).check()
    delete.click()
    expect(asked).to_contain_text("Delete 2 documents?")
    expect(asked).to_contain_text("“note 0.md”, “note 5.md”. They disappear")
    page.keyboard.press("Escape")
    expect(page.locator("#confirm")).to_be_hidden()
    assert len(kept()) == 6
    delete.click()
    page.locator("#confirm [data-confirm-action]").dblclick()
    expect(page.locator("#toasts")).to_contain_text("2 documents deleted")
    assert kept() == [f"note {n}.md" for n in range(1, 5)]
    settled(page)
    page.context.clear_cookies()  # signed out in another tab, say
    page.locator("#files").set_input_files([file_of("late.md")])
    page.locator("[data-queue-start]").click()
    expect(page.locator(".upload-item")).to_contain_text("You are signed out")
