"""PDF files are shown as they look: drawn once, marked at the passage, to whom may read them."""

import io
import re
from html import unescape
from typing import Any

import pytest
from PIL import Image

from documents.models import Document
from documents.pageimages import folder_of
from documents.pagemarks import boxes_of
from documents.pagewords import lines_of
from documents.parsing.letters import letters_of
from documents.parsing.pictures import Letters
from documents.tasks import objects_sweep
from tenants.context import entered
from tenants.objects import object_get, object_put, objects_list
from tests.documents.helpers import HANDBOOK, ingested, ready, text_of, upload
from tests.support import files
from tests.support.cast import ADA, BOB, CHARLIE, MAX
from tests.support.clients import api, browser_of, tenant_of

pytestmark = pytest.mark.django_db
JSON = "application/json"
RECT = re.compile(r'<rect data-mark x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/>')
WORDS = re.compile(
    r'<text x="(\d+)" y="(\d+)" font-size="(\d+)" textLength="(\d+)" lengthAdjust="[a-zA-Z]+"'
    r' data-start="(\d+)">([^<]*)</text>'
)
LINE = "The harness is blue and hangs beside the winch."


def opened(document: Document, **query: Any) -> str:
    answer = browser_of(BOB).get(f"/documents/{document.id}/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def picture(document: Document, number: int, person: Any = BOB, **more: Any) -> Any:
    return browser_of(person).get(f"/documents/{document.id}/pages/{number}/", **more)


def kept(document: Document) -> list[str]:
    with entered(tenant_of(MAX)):
        return list(objects_list(folder_of(document.id)))


def dark_inside(image: bytes, box: tuple[int, ...]) -> tuple[int, int]:
    """Return how many dark pixels are inside the box, and how many are on the whole page."""
    page = Image.open(io.BytesIO(image)).convert("L").point(lambda value: 255 * (value < 128))
    x, y, width, height = (side / 10_000 for side in box)
    inside = page.crop((
        int(x * page.width), int(y * page.height),
        int((x + width) * page.width) + 1, int((y + height) * page.height) + 1,
    ))  # fmt: skip
    return inside.histogram()[255], page.histogram()[255]


def test_the_box_is_around_the_passage_as_it_is_drawn() -> None:
    document = ready("two.pdf", files.pdf(["The rope is red.\n\nIt is long.", LINE]))
    start = text_of(document).index(LINE)
    html = opened(document, start=start, end=start + len(LINE))
    boxes = [tuple(map(int, found)) for found in RECT.findall(html)]
    assert len(boxes) == 1
    assert html.index('id="page-2"') < html.index("data-mark")
    inside, whole = dark_inside(picture(document, 2).content, boxes[0])
    assert inside >= 0.98 * whole > 100  # all that is on the page is in the box
    assert boxes[0][3] < 400
    assert f"Cited passage: {LINE}" in html
    assert html.count('id="passage"') == 1
    words = opened(document, start=start + 4, end=start + 11)
    [narrow] = [tuple(map(int, found)) for found in RECT.findall(words)]
    assert narrow[2] < boxes[0][2] / 4


def test_a_passage_over_two_pages_is_marked_on_both() -> None:
    document = ready("two.pdf", files.pdf(["The rope is red.", "The harness is blue."]))
    text = text_of(document)
    html = opened(document, start=text.index("is red"), end=text.index("is blue"))
    pages = html.split('<section class="sheet"')[1:]
    assert [page.count("data-mark") for page in pages] == [1, 1]
    assert html.count('id="passage"') == 1


def test_a_passage_is_found_where_text_and_page_differ() -> None:
    def page(text: str) -> Letters:
        found = letters_of(text)
        return Letters(found, tuple(side for at in range(len(found))
                                    for side in (at * 10, 0, at * 10 + 9, 50)))  # fmt: skip

    drawn = page("Header 12  exam-\nple of Straße | two cells")
    assert boxes_of(drawn, "x example of STRASSE two cells", 2, 30)[0].left == 80
    twice = page("red rope, red rope")
    assert boxes_of(twice, "red rope, red rope", 10, 18)[0].left == 70
    turned = page("second column here first column there")
    two = boxes_of(turned, "first column there\nsecond column here", 0, 37)
    assert len(two) == 2
    assert boxes_of(turned, "something else entirely", 0, 23) == []
    assert boxes_of(turned, "…", 0, 1) == []


def words_of(document: Document, number: int, person: Any = BOB) -> Any:
    return browser_of(person).get(f"/documents/{document.id}/pages/{number}/words/")


def test_a_pages_words_lie_over_it_line_by_line() -> None:
    rope = "The rope is red & long (as ropes are)."
    document = ready("two.pdf", files.pdf([rope, LINE]))
    html = words_of(document, 2).content.decode()
    [found] = WORDS.findall(html)
    left, bottom, height, width, start, text = found
    assert unescape(text) == LINE
    assert text_of(document)[int(start) :].startswith(LINE)
    x, y, wide, high = int(left), int(bottom) - int(height), int(width), int(height)
    inside, whole = dark_inside(picture(document, 2).content, (x, y, wide, high))
    assert inside >= 0.98 * whole > 100
    assert unescape(WORDS.findall(words_of(document, 1).content.decode())[0][5]) == rope
    for wrong in (0, 3):
        assert words_of(document, wrong).status_code == 404
    assert words_of(document, 1, CHARLIE).status_code == 404
    assert words_of(ready("Travel.md", HANDBOOK), 1).status_code == 409


def test_lines_are_the_texts_own_words_in_its_order() -> None:
    def page(*lines: str) -> Letters:
        places = [
            (at * 60, row * 300, at * 60 + 50, row * 300 + 200)
            for row, line in enumerate(lines)
            for at, character in enumerate(line)
            for _ in letters_of(character)
        ]
        return Letters(
            letters_of("".join(lines)), tuple(side for place in places for side in place)
        )

    text = "The rope is (red).\n\n- It is long – and international too.\n“End” 7"
    drawn = page(
        "Header 12", "The rope is (red).", "• It is long – and inter-", "national too.", "“End” 7"
    )
    assert [line.text for line in lines_of(drawn, text)] == [
        "The rope is (red).", "- It is long – and inter", "national too.", "“End” 7",
    ]  # fmt: skip
    turned = page("second column here", "first column there")
    two = lines_of(turned, "first column there\nsecond column here")
    assert [line.text for line in two] == ["first column there", "second column here"]
    assert [line.box.top for line in two] == [300, 0]
    assert lines_of(turned, "something else entirely") == lines_of(Letters("", ()), text) == []


def test_pages_are_drawn_once_and_asked_for_each_time() -> None:
    document = ready("two.pdf", files.pdf(["The rope is red.", LINE]))
    first = picture(document, 1)
    assert (first.status_code, first["Content-Type"]) == (200, "image/jpeg")
    assert first["Cache-Control"] == "private, no-cache"
    assert Image.open(io.BytesIO(first.content)).width == 1240
    before = kept(document)
    assert f"{folder_of(document.id)}/1240/2.jpg" in before
    with entered(tenant_of(MAX)):
        assert object_get(f"{folder_of(document.id)}/1240/1.jpg") == first.content
        object_put(f"{folder_of(document.id)}/1240/2.jpg", b"kept", content_type="image/jpeg")
    assert picture(document, 2).content == b"kept"
    again = picture(document, 1, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert kept(document) == before
    wide = browser_of(BOB).get(f"/documents/{document.id}/pages/1/?w=2480")
    assert Image.open(io.BytesIO(wide.content)).width == 2480


def test_pages_are_seen_by_whom_the_document_is_and_by_nobody_else() -> None:
    made = api(MAX).post("/api/v1/collections/", {"name": "Ours", "open": False}, JSON).json()
    given = upload("two.pdf", files.pdf([LINE]), collection=made["id"]).json()["id"]
    document = ingested(given)
    mine = picture(document, 1, MAX)
    assert mine.status_code == 200
    for person in (ADA, BOB, CHARLIE):
        seen = picture(document, 1, person, headers={"If-None-Match": mine["ETag"]})
        assert seen.status_code == 404
    for wrong in (0, 2, 10**9):
        assert picture(document, wrong, MAX).status_code == 404
    for width in ("1", "x", "99999999", "²"):
        bad = browser_of(MAX).get(f"/documents/{document.id}/pages/1/?w={width}")
        assert bad.status_code == 404


def test_what_is_no_pdf_has_text_alone() -> None:
    document = ready("Travel.md", HANDBOOK)
    answer = picture(document, 1, headers={"Accept": "application/json"})
    assert answer.status_code == 409
    assert "data-sheet" not in opened(document)


def test_pages_of_a_file_that_cannot_be_drawn_fall_back_to_its_text() -> None:
    document = ready("two.pdf", files.pdf([LINE]))
    with entered(tenant_of(MAX)):
        object_put(document.object_key, b"%PDF-1.7 broken", content_type="application/pdf")
    html = opened(document)
    assert "could not be drawn" in html
    assert LINE in html
    assert picture(document, 1).status_code == 422


def test_what_is_kept_goes_with_the_document() -> None:
    document = ready("two.pdf", files.pdf([LINE]))
    opened(document)
    assert kept(document)
    assert api(MAX).delete(f"/api/v1/documents/{document.id}/").status_code == 204
    with entered(tenant_of(MAX)):
        objects_sweep()
        assert object_get(document.object_key) is None
    assert kept(document) == []


def test_words_are_found_inside_and_each_place_is_opened_marked() -> None:
    document = ready("Travel.md", HANDBOOK + "\n\nA HOTEL   room\nis booked early.\n")
    html = opened(document, q="hotel  room")
    links = [unescape(each) for each in re.findall(r'document-hit" href="(\?[^"]+)#passage"', html)]
    assert len(links) == 2
    answer = browser_of(BOB).get(f"/documents/{document.id}/{links[1]}").content.decode()
    assert "2 places, number 2 is shown" in " ".join(answer.split())
    marked = re.search(r'<mark data-active id="passage"[^>]*>(.*?)</mark>', answer, re.DOTALL)
    assert marked is not None
    assert " ".join(marked[1].lower().split()) == "hotel room"
    assert 'rel="prev"' in answer
    assert 'rel="next"' not in answer
    assert "Nothing found" in opened(document, q="zebra (")
    assert "Nothing found" not in opened(document, q="   ")
    pdf = ready("two.pdf", files.pdf(["The rope is red.", LINE]))
    found = re.search(r'document-hit" href="(\?[^"]+)#passage"', opened(pdf, q="WINCH"))
    assert found is not None
    page = browser_of(BOB).get(f"/documents/{pdf.id}/{unescape(found[1])}").content.decode()
    assert len(RECT.findall(page)) == 1


@pytest.mark.django_db(transaction=True)  # the lease is renewed over another connection
def test_a_page_far_into_a_long_file_costs_a_few_pages() -> None:
    document = ready("manual.pdf", files.long_pdf(120, {100: LINE}))
    start = text_of(document).index(LINE)
    html = opened(document, start=start, end=start + len(LINE))
    assert html.count("data-sheet") == 120
    assert html.count("data-mark") >= 1
    assert html.index('id="page-100"') < html.index("data-mark") < html.index('id="page-101"')
    drawn = {name.rpartition("/")[2] for name in kept(document) if "/1240/" in name}
    assert drawn == {"97.jpg", "98.jpg", "99.jpg", "100.jpg"}
    assert picture(document, 100).status_code == 200


def test_where_personal_data_is_masked_the_pages_are_shown_to_nobody() -> None:
    document = ready("two.pdf", files.pdf(["Write to vera.canary@example.com at once."]), CHARLIE)
    assert document.masked_with
    browser = browser_of(CHARLIE)
    assert browser.get(f"/documents/{document.id}/pages/1/").status_code == 409
    page = browser.get(f"/documents/{document.id}/").content.decode()
    assert "data-sheet" not in page
    assert "vera.canary" not in page
    with entered(tenant_of(CHARLIE)):
        assert list(objects_list(folder_of(document.id))) == []
