"""A file of any length opens like one of four pages: as many statements, and few bytes a page.

`DOCUMENT_PAGES=1000` does the same with a thousand.
"""

import os
from time import perf_counter
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from documents.models import Document
from documents.pageimages import folder_of
from tenants.context import entered
from tenants.objects import objects_list
from tests.documents.helpers import ready, text_of
from tests.support import files
from tests.support.cast import BOB, MAX
from tests.support.clients import browser_of, tenant_of

# The lease of a long ingestion is renewed over another connection.
pytestmark = pytest.mark.django_db(transaction=True)
PAGES = int(os.environ.get("DOCUMENT_PAGES", "250"))
BYTES_A_PAGE = 700
FACT = "The winch of the last but one is rated for 4,200 kilograms."


def manual(pages: int, fact_on: int) -> Document:
    texts = [f"Pier {number} has a winch, and its keeper." for number in range(1, pages + 1)]
    texts[fact_on - 1] += f" {FACT}"
    return ready(f"{pages}.pdf", files.pdf(texts))


def cost(browser: Client, document: Document, **query: Any) -> tuple[int, float, str]:
    """Return statements and seconds that it takes to open the document again, and the page."""
    costs = []
    for _ in range(3):
        begun = perf_counter()
        with CaptureQueriesContext(connection) as statements:
            page = browser.get(f"/documents/{document.id}/", query).content.decode()
        costs.append((len(statements), perf_counter() - begun))
    return min(costs)[0], min(took for _, took in costs), page


def test_the_first_page_a_deep_link_and_a_search_cost_what_they_cost_in_a_short_file(
    capsys: Any,
) -> None:
    short, long = manual(4, 3), manual(PAGES, PAGES - 100)
    starts = {document: text_of(document).index(FACT) for document in (short, long)}
    browser, shown = browser_of(BOB), []
    for query in (
        lambda _: {},
        lambda document: {"page": document.pages - 1},
        lambda document: {"start": starts[document], "end": starts[document] + len(FACT)},
        lambda _: {"q": "kilograms"},
        lambda _: {"as": "text"},
    ):
        few, _, least = cost(browser, short, **query(short))
        many, took, page = cost(browser, long, **query(long))
        shown.append(f"{' '.join(query(long)) or 'first page'} {1000 * took:.0f} ms")
        assert many == few
        assert len(page) - len(least) < BYTES_A_PAGE * PAGES
    assert f'id="page-{PAGES}"' in page
    with entered(tenant_of(MAX)):
        kept = [name for name in objects_list(folder_of(long.id)) if name.endswith(".jpg")]
    # Of all pages those are drawn that are looked at at once: around the first, and the fact's.
    assert len(kept) == 8
    with capsys.disabled():
        print(f"\n{PAGES} pages: {', '.join(shown)}, {len(page):,} bytes at most")
