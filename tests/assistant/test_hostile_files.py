"""Files that would harm, dropped in a real browser beside good ones, and files that give orders.

Each ends with a reason that a person understands; the good ones are ready, and nothing is lost.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright.sync_api import expect

from documents.models import Document
from documents.parsing.errors import BY_CODE
from tenants.context import entered
from tests.assistant.talking import Server
from tests.assistant.test_browser import sign_in
from tests.assistant.test_lost_lines import file_of
from tests.assistant.test_pictures import flood
from tests.assistant.test_uploads_walk import dropped
from tests.documents import bulk
from tests.documents.helpers import HANDBOOK, ingested
from tests.support import files, hostile
from tests.support.browser import DESKTOP, PHONE, check, settled
from tests.support.cast import MAX
from tests.support.clients import tenant_of

if TYPE_CHECKING:
    from tests.assistant.test_browser import OpenPage

NO_BREAK: Final = "w" * 190 + ".md"
# What is taken in and cannot be read, with the code of why.
FAILING: Final = {
    "bomb.docx": (files.zip_bomb_docx, "archive_bomb"),
    "bomb.xlsx": (hostile.bomb_xlsx, "archive_bomb"),
    "lying.docx": (files.lying_docx, "archive_bomb"),
    "overlapping.docx": (files.overlapping_docx, "archive_bomb"),
    "crowded.docx": (files.crowded_docx, "archive_bomb"),
    "nested.docx": (files.nested_docx, "archive_bomb"),
    "traversal.docx": (files.traversal_docx, "corrupt_file"),
    "linked.docx": (hostile.linked_docx, "corrupt_file"),
    "entities.docx": (files.entity_docx, "corrupt_file"),
    "entities.xlsx": (hostile.entity_xlsx, "corrupt_file"),
    "noise.pdf": (files.corrupt_pdf, "corrupt_file"),
    "circle.pdf": (hostile.circular_pdf, "corrupt_file"),
    "endless.pdf": (files.many_pages_pdf, "too_many_pages"),
    "flate.pdf": (files.flate_bomb_pdf, "parse_memory"),
    "locked.pdf": (files.encrypted_pdf, "encrypted_file"),
}
# What its first bytes give away, with the code.
REFUSED: Final = {
    "picture.pdf": (files.png(), "unsupported_type"),
    "polyglot.pdf": (b"<html>%PDF-1.7", "unsupported_type"),
    "polyglot.docx": (b"%PDF-1.7 PK\x03\x04", "unsupported_type"),
    "polyglot.html": (b"<p>hi</p>\n%PDF-1.7\n", "unsupported_type"),
    "page.txt": (b"<!DOCTYPE html><script>alert(1)</script>", "unsupported_type"),
    "locked.docx": (files.encrypted_docx(), "encrypted_file"),
    "cut.docx": (b"PK\x05\x06" + bytes(18), "corrupt_file"),
}
HERE: Final = {  # what the page itself says before anything is sent
    "tool.exe": "not supported",
    "empty.md": "This file is empty",
    "x" * 10_000 + ".md": "Its name is too long",
}
# What is read, by the name that it is kept under.
READ: Final = {
    "handbook.md": HANDBOOK.encode(),
    "letter.docx": files.docx(["The letter is from Ghent."]),
    "itself.pdf": hostile.self_drawing_pdf(),
    "flood.pdf": hostile.flooding_pdf(),
    "long " * 38 + "name.md": b"The name is long.",
    NO_BREAK: b"The name has no place to break.",
}
NAMES: Final = {  # sent as the first, kept as the second
    "../../etc/passwd.md": "passwd.md",
    "..\\..\\boot.md": "boot.md",
    "a\r\nSet-Cookie: x=1.md": "a Set-Cookie: x=1.md",
    'Say "hi" to <b>Ö.md': 'Say "hi" to <b>Ö.md',
}


def _kept() -> dict[str, Document]:
    with entered(tenant_of(MAX)):
        return {document.name: document for document in Document.objects.all()}


def test_hostile_files_dropped_with_good_ones_each_say_why_and_the_good_ones_are_read(
    server: Server, open_page: OpenPage, tmp_path: Path
) -> None:
    contents = {name: build() for name, (build, _) in FAILING.items()} | READ
    contents |= {name: content for name, (content, _) in REFUSED.items()}
    paths = [tmp_path / name for name in (*contents, "tool.exe", "empty.md")]
    for path in paths:
        path.write_bytes(contents.get(path.name, b"MZ" if path.suffix == ".exe" else b""))
    odd = [file_of(name, f"Odd {at}.") for at, name in enumerate(NAMES)]
    odd.append(file_of("x" * 10_000 + ".md"))
    bulk.rule(bulk_documents=100)  # so many come at once, and are read at once all the same
    with open_page(PHONE) as page:

        def fits(width: int = PHONE[0]) -> bool:
            return int(page.evaluate("document.documentElement.scrollWidth")) <= width

        sign_in(page, server, MAX, "/documents/")
        settled(page)
        dropped(page, *paths)
        items, rows = page.locator(".upload-item"), page.locator("[data-document]")
        expect(items).to_have_count(len(paths))
        page.locator("#files").set_input_files(odd)  # no folder holds files of these names
        expect(items).to_have_count(len(paths) + len(odd))
        assert fits()
        page.locator("[data-queue-start]").dblclick()
        taken = len(FAILING) + len(READ) + len(NAMES)
        expect(rows).to_have_count(taken)
        expect(items).to_have_count(len(REFUSED) + len(HERE))
        reasons = {name: str(BY_CODE[code].title) for name, (_, code) in REFUSED.items()}
        for name, words in {**reasons, **HERE}.items():
            expect(items.filter(has=page.locator(f"[title='{name}']"))).to_contain_text(words)
        assert fits()
        kept = _kept()
        assert sorted(kept) == sorted([*FAILING, *READ, *NAMES.values()])
        for name, document in kept.items():
            code = FAILING[name][1] if name in FAILING else ""
            document = ingested(document.id)
            assert (document.status == "ready", document.error_code) == (not code, code), name
        for name, document in kept.items():
            row = page.locator(f"[id='document-{document.id}']")
            ends = "failed" if name in FAILING else "ready"
            expect(row).to_have_attribute("data-status", ends)
            expect(row.locator("a.truncate")).to_have_text(name)
            if name in FAILING:
                words = str(BY_CODE[FAILING[name][1]].title)
                expect(row.locator(".document-reason")).to_have_text(words)
        assert fits()
        check(page)
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        assert fits(DESKTOP[0])
        page.get_by_role("button", name="Clear").click()
        page.locator("#files").set_input_files(file_of("after.md", "And on it goes."))
        page.locator("[data-queue-start]").click()
        expect(rows).to_have_count(taken + 1)
        page.reload()
        expect(rows).to_have_count(taken + 1)
        page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        for name in (NO_BREAK, 'Say "hi" to <b>Ö.md', "flood.pdf"):
            page.goto(f"http://{server.host(MAX)}/documents/{kept[name].id}/")
            expect(page.locator("h1")).to_have_text(name)
            assert fits()
        image = page.locator("#page-1 img").element_handle()
        page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=image)
        page.goto(f"http://{server.host(MAX)}/assistant/")
        picture = {"name": "flood.png", "mimeType": "image/png", "buffer": flood()}
        page.locator("[data-attach-input]").set_input_files([picture, file_of("beside.md")])
        chips = page.locator(".attached__file")
        expect(chips.nth(1)).to_contain_text("Reading")
        with entered(tenant_of(MAX)):
            held = list(Document.objects.filter(attached_to__isnull=False))
        for document in held:
            ingested(document.id)
        flooded = chips.filter(has_text="flood.png")
        expect(flooded).to_contain_text(str(BY_CODE["too_many_pixels"].title))
        expect(chips.filter(has_text="beside.md")).to_have_attribute("data-state", "ready")
        assert fits()
        settled(page)
