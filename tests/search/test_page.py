"""The search page shows what it found, safely, and leads to the passage."""

import pytest

from search.filing import collection_create
from search.highlight import Text, excerpts
from tenants.context import SYSTEM, entered
from tests.search.shelf import shelve
from tests.support.cast import ALICE, BOB, CHARLIE
from tests.support.clients import browser_of, tenant_of
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db


def excerpt(text: str, query: str) -> str:
    with entered(tenant_of(ALICE)):
        return str(excerpts([Text(text)], query)[0])


def test_words_are_marked_in_every_form() -> None:
    shown = excerpt("Travelling abroad: who travels, books early.", "travel abroad")
    assert shown == (
        "<mark>Travelling</mark> <mark>abroad</mark>: who <mark>travels</mark>, books early."
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert('otter')</script>",
        "<img src=x onerror=alert(1)> otter",
        "otter <mark>forged</mark> \ue000<b>forged\ue001 & more",
        '"otter" onmouseover="x"',
    ],
)
def test_text_of_documents_never_becomes_markup(text: str) -> None:
    shown = excerpt(text, "otter <script> alert")
    bare = shown.replace("<mark>", "").replace("</mark>", "")
    assert "<" not in bare
    assert ">" not in bare
    assert "\ue000" not in shown
    assert "<mark>forged" not in shown


@pytest.mark.parametrize("query", ["'", "\\", "a\\b'c", ":*", "!& |", "(", "<->", "%s %(x)s", "é’"])
def test_no_query_breaks_the_marking(query: str) -> None:
    assert excerpt("plain words", query) == "plain words"


def test_a_long_passage_is_cut_around_its_words() -> None:
    shown = excerpt("filler " * 200 + "the otter swims " + "filler " * 200, "otter")
    assert "<mark>otter</mark>" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < 450


def test_the_page_marks_names_and_leads_to_the_passage() -> None:
    source = shelve(ALICE, "<b>river</b>.txt", "Otters swim in the river.", headings=["Fauna"])
    page = browser_of(BOB).get("/search/?q=otter").content.decode()
    assert "<mark>Otters</mark> swim" in page
    assert "&lt;b&gt;river&lt;/b&gt;.txt" in page
    assert f"/documents/{source}/?chunk=" in page
    assert "&amp;start=0&amp;end=25#passage" in page
    assert "Page 1" in page
    assert "Fauna" in page
    assert "/ask/?question=otter" in page


def test_htmx_gets_the_results_alone_and_the_meter_is_told() -> None:
    shelve(ALICE, "river.txt", "Otters swim in the river.")
    answer = browser_of(ALICE).get("/search/?q=otter", headers={"HX-Request": "true"})
    assert answer["HX-Trigger"] == "usage:changed"
    assert "no-store" in answer["Cache-Control"]
    assert "<html" not in answer.content.decode()
    assert "<mark>Otters</mark>" in answer.content.decode()


def test_filters_narrow_what_is_found() -> None:
    with entered(tenant_of(ALICE)):
        collection = collection_create(actor=SYSTEM, name="Fauna")
    shelve(ALICE, "a.pdf", "Otters swim.", media_type="application/pdf")
    shelve(ALICE, "b.csv", "Otters,swim", media_type="text/csv", collection_id=collection.id)
    client = browser_of(ALICE)
    by_type = client.get("/search/?q=otters&type=pdf").content.decode()
    assert "a.pdf" in by_type
    assert "b.csv" not in by_type
    by_collection = client.get(f"/search/?q=otters&collection={collection.id}").content.decode()
    assert "b.csv" in by_collection
    assert "a.pdf" not in by_collection


@pytest.mark.parametrize("collection", ["no-id", "00000000-0000-4000-8000-000000000000"])
def test_an_unknown_collection_is_said_to_be_so(collection: str) -> None:
    shelve(ALICE, "a.txt", "Otters swim.")
    answer = browser_of(ALICE).get(f"/search/?q=otters&collection={collection}")
    assert answer.status_code == 404
    assert "There is no such collection" in answer.content.decode()


def test_an_empty_workspace_says_what_to_do_first() -> None:
    shelve(ALICE, "a.txt", "Otters swim.")
    page = browser_of(CHARLIE).get("/search/").content.decode()
    assert "Nothing to search yet" in page
    assert "/documents/" in page


def test_a_query_too_long_is_said_so_and_kept() -> None:
    shelve(ALICE, "a.txt", "Otters swim.")
    answer = browser_of(ALICE).get("/search/", {"q": "x" * 1001})
    assert answer.status_code == 400
    assert "1,000 characters" in answer.content.decode()


def test_a_model_that_fails_is_said_so_in_place_of_results(localaws: LocalAws) -> None:
    shelve(ALICE, "a.txt", "Otters swim.")
    client = browser_of(ALICE)
    localaws.script(
        error={"code": "AccessDeniedException", "status": 403},
        match={"operation": "InvokeModel"},
    )
    answer = client.get("/search/?q=otters", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert "<mark>" not in answer.content.decode()
