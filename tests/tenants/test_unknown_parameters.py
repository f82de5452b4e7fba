"""An address with a parameter that no operation knows is refused by name; pages are lenient.

Passed over, a misspelt filter would list everything.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver

from config import urls_tenant
from config.document import Document
from config.parameters import taken
from tests.support.cast import ALICE, BOB, MAX, Person
from tests.support.clients import api, browser_of

pytestmark = pytest.mark.django_db
# A process's first requests, all at once: each asks what its operation takes.
AT_ONCE = """
import sys, threading
import django
django.setup()
sys.setswitchinterval(1e-6)
from config.document import Document
from config.parameters import taken
from config import urls_tenant
from documents.api import DocumentListView
from assistant.api import ConversationListView
begin, failed = threading.Barrier(16), []
def ask(number):
    begin.wait()
    try:
        if number == 15:
            Document().get_schema()
        taken((DocumentListView, ConversationListView)[number % 2], ("GET", "POST")[number % 3 % 2])
    except BaseException as error:
        failed.append(repr(error))
threads = [threading.Thread(target=ask, args=[number]) for number in range(16)]
[each.start() for each in threads]
[each.join() for each in threads]
sys.exit("; ".join(failed) or 0)
"""
NEAR = "There is no such parameter. Did you mean {}?"


def operations() -> Iterator[tuple[Any, str, dict[str, Any]]]:
    """Yield each documented operation: its view's class, its method and what the document says."""
    paths = Document().get_schema()["paths"]  # type: ignore[no-untyped-call]
    for route, view in routes(urls_tenant.urlpatterns):
        for method, operation in paths.get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route), {}).items():
            yield view, method.upper(), operation


def routes(patterns: list[Any], before: str = "/") -> Iterator[tuple[str, Any]]:
    for each in patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each.url_patterns, route)
        elif isinstance(each, URLPattern):
            yield route, getattr(each.callback, "cls", None)


def test_what_is_taken_is_what_the_document_says_of_every_operation() -> None:
    found = 0
    for view, method, operation in operations():
        query = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
        assert set(taken(view, method)) == {each["name"] for each in query}, operation
        found += 1
    assert found > 100


@pytest.mark.parametrize(
    ("person", "address", "name", "said"),
    [
        (BOB, "documents/?tga=2026", "tga", NEAR.format("tag")),
        (BOB, "documents/?colection=x", "colection", NEAR.format("collection")),
        (BOB, "documents/?folder=x", "folder",
         "There is no such parameter. Use any of: added_before, added_from, collection, cursor,"
         " kind, limit, q, status, tag."),
        (MAX, "conversations/?limt=1&q=otters", "limt", NEAR.format("limit")),
        (ALICE, "audit/?form=2026-01-01", "form", NEAR.format("from")),
        (ALICE, "usage/?month=2026-01", "month",
         "This operation takes no parameters in its address."),
        (BOB, f"collections/?{'x' * 5000}=1", "x" * 100,
         "There is no such parameter. Use any of: cursor, limit."),
    ],
)  # fmt: skip
def test_an_unknown_parameter_is_refused_with_what_may_be_meant(
    person: Person, address: str, name: str, said: str
) -> None:
    answer = api(person).get(f"/api/v1/{address}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["errors"] == {name: [said]}


def test_who_may_not_ask_is_told_nothing_of_parameters() -> None:
    assert api(BOB).get("/api/v1/audit/?form=2026-01-01").status_code == 403


def test_known_parameters_and_pages_addresses_are_taken() -> None:
    assert api(MAX).get("/api/v1/conversations/?limit=1&q=otters").status_code == 200
    assert browser_of(BOB).get("/documents/?utm_source=mail").status_code == 200


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_a_method_that_an_address_has_not_is_refused_as_that(method: str) -> None:
    assert api(BOB).generic(method, "/api/v1/documents/?x=1").status_code == 405
    assert api(BOB).options("/api/v1/documents/?x=1").status_code < 500


def test_first_requests_that_come_together_are_answered() -> None:
    ran = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
