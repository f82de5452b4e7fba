"""The viewer opens at the passage and marks exactly it; the original is a harmless download."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from documents.models import Document, DocumentText
from documents.selectors import text_slices
from search.models import Chunk
from tenants.context import entered
from tenants.objects import object_parts, object_put
from tenants.streaming import streamed
from tests.documents.helpers import HANDBOOK, ingested, ready, text_of, upload
from tests.support import files
from tests.support.cast import BOB, MAX
from tests.support.clients import api, browser_of, tenant_of

pytestmark = pytest.mark.django_db

MARK = re.compile(r"<mark[^>]*>(.*?)</mark>", re.DOTALL)
TAG = re.compile(r"<[^>]+>")


def opened(document: Document, **query: Any) -> str:
    answer = browser_of(BOB).get(f"/documents/{document.id}/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def marked(html: str) -> list[str]:
    return [unescape(TAG.sub("", found)) for found in MARK.findall(html)]


def test_it_marks_exactly_the_passage() -> None:
    document = ready("Travel policy.md", HANDBOOK + '\nUse a < b & "quotes" freely.\n')
    text = text_of(document)
    for quote in ("A hotel room may cost at most 140 euros a night.", '< b & "quotes"'):
        start = text.index(quote)
        html = opened(document, start=start, end=start + len(quote))
        assert marked(html) == [quote]
        assert html.count('id="passage"') == 1


def test_it_marks_a_passage_that_holds_headings() -> None:
    document = ready("Travel policy.md", HANDBOOK)
    text = text_of(document)
    start, end = text.index("before the journey"), text.index("Breakfast")
    assert marked(opened(document, start=start, end=end)) == [text[start:end]]


def test_it_marks_a_passage_over_two_pages_on_both() -> None:
    document = ready("two.pdf", files.pdf(["The rope is red.", "The harness is blue."]))
    text = text_of(document)
    start, end = text.index("is red"), text.index("is blue")
    html = opened(document, start=start, end=end, **{"as": "text"})
    assert marked(html) == ["is red.", "The harness "]
    assert html.count('id="passage"') == 1


def test_it_opens_an_indexed_passage_by_its_id() -> None:
    document = ready("Travel policy.md", HANDBOOK)
    with entered(tenant_of(MAX)):
        chunk = Chunk.objects.filter(source_id=document.id).order_by("ordinal").last()
    assert chunk is not None
    assert marked(opened(document, chunk=chunk.chunk_id)) == [chunk.text]


@pytest.mark.parametrize(
    "query",
    [
        {"start": "x", "end": "5"},
        {"start": "9", "end": "3"},
        {"start": "-1", "end": "3"},
        {"start": "99999999999999999999", "end": "999999999999999999999"},
        {"page": "999999999999999999999"},
        {"page": "²"},
        {"chunk": "x"},
        {"chunk": "00000000-0000-0000-0000-000000000000"},
    ],
)
def test_nonsense_in_the_address_opens_the_document_unmarked(query: dict[str, str]) -> None:
    document = ready("Travel policy.md", HANDBOOK)
    html = opened(document, **query)
    assert marked(html) == []
    assert "140 euros" in html


@pytest.mark.django_db(transaction=True)  # the lease is renewed over another connection
def test_a_long_document_sends_only_the_pages_around_the_passage() -> None:
    facts = {150: "The winch is rated for 4,200 kilograms."}
    document = ready("manual.pdf", files.long_pdf(170, facts))
    text = text_of(document)
    assert len(text) > 200_000
    start = text.index(facts[150])
    html = opened(document, start=start, end=start + len(facts[150]), **{"as": "text"})
    assert marked(html) == [facts[150]]
    assert len(html) < 200_000
    assert html.count("document__page--away") == 170 - 7
    assert "Chapter 150:" in html
    away = re.search(r'hx-get="(/documents/[^"]+/segments/0/)"', html)
    assert away is not None
    part = browser_of(BOB).get(away[1], headers={"HX-Request": "true"}).content.decode()
    assert "Chapter 1:" in part
    assert 'id="page-1"' in part
    assert 'id="page-90"' in opened(document, page=90, **{"as": "text"})


def test_the_contents_lead_to_their_headings() -> None:
    document = ready("Travel policy.md", HANDBOOK)
    html = opened(document)
    found = re.search(r'href="(\?start=\d+&amp;end=\d+)#passage"><span[^>]*>Hotels<', html)
    assert found is not None
    query = dict(part.split("=") for part in unescape(found[1])[1:].split("&"))
    assert marked(opened(document, **query)) == ["Hotels"]


def test_the_original_is_a_download_that_cannot_act() -> None:
    page = b"<!doctype html><script>alert(1)</script><p>The gate opens at seven.</p>"
    document = ready('gate "7"\u00e9.html', page)
    answer = browser_of(BOB).get(f"/documents/{document.id}/original/")
    assert (answer.getvalue(), answer["Content-Length"]) == (page, str(len(page)))
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]


def sockets() -> set[str]:
    return {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}


@pytest.mark.parametrize("factory", [RequestFactory, AsyncRequestFactory])
def test_a_download_that_nobody_begins_to_read_lets_its_connection_go(factory: Any) -> None:
    with entered(tenant_of(MAX)):
        object_put("never/read", b"x" * 2**20, content_type="text/plain")
        parts = object_parts("never/read")
        assert parts is not None
        answer = streamed(factory().get("/"), parts, "text/plain")
        held = sockets()
        answer.close()
        assert len(held - sockets()) == 1
        assert next(parts, None) is None


def test_a_waiting_and_a_failed_document_say_how_it_stands() -> None:
    waiting = upload("Travel policy.md", HANDBOOK).json()["id"]
    browser = browser_of(MAX)
    assert "Waiting for its turn" in browser.get(f"/documents/{waiting}/").content.decode()
    ingested(waiting)
    state = browser.get(f"/documents/{waiting}/state/", headers={"HX-Request": "true"})
    assert state["HX-Refresh"] == "true"
    failed = ingested(upload("broken.pdf", files.corrupt_pdf()).json()["id"])
    html = browser.get(f"/documents/{failed.id}/").content.decode()
    assert unescape(html).count(failed.error) == 1
    assert "corrupt_file" in html
    assert "Try again" in html


def test_text_is_read_by_offsets() -> None:
    document = ready("Travel policy.md", HANDBOOK)
    text = text_of(document)
    address = f"/api/v1/documents/{document.id}/text/"
    whole = api(BOB).get(address).json()
    assert (whole["text"], whole["characters"], whole["pages"]) == (text, len(text), [])
    part = api(BOB).get(address, {"start": 10, "end": 25}).json()
    assert (part["text"], part["start"], part["end"]) == (text[10:25], 10, 25)
    for query in ({"start": -1}, {"start": "x"}, {"start": 5, "end": 1}, {"end": 10**7}):
        assert api(BOB).get(address, query).status_code == 400


def test_what_text_recognition_read_is_marked_as_such() -> None:
    document = ready("Manual.pdf", files.long_pdf(3))
    with entered(tenant_of(MAX)):
        DocumentText.objects.filter(document=document).update(recognized=[2])
        pages = dict(Chunk.objects.filter(source_id=document.id).values_list("page", "start"))
        spans = {page: (document.id, start, 0, 5) for page, start in pages.items()}
        found = text_slices(list(spans.values()))
    assert {page: found[span].recognized for page, span in spans.items()} == {
        page: page == 2 for page in spans
    }
    shown = browser_of(BOB).get(f"/documents/{document.id}/?as=text").content.decode()
    assert shown.count("read by OCR") == 1
    assert "1 page is a scan or a picture" in shown
