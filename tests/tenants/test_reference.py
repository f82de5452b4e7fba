"""The API's reference: every operation has examples that can be typed as they stand."""

import ast
import html
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import override
from drf_spectacular.drainage import reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from config.document import Document
from config.exampleanswers import recorded
from config.reference import Operation, operations
from tests.support.cast import ALICE, BOB
from tests.support.clients import api, browser_of, stranger

pytestmark = pytest.mark.django_db
# Nothing of theirs is there in a workspace as new as the one that the examples ran in.
UNANSWERED = {"invoice", "invoice_line", "plan_effect", "shared_read"}
NOBODY = "00000000-0000-4000-8000-000000000000"


def every() -> Iterator[tuple[Operation, dict[str, Any]]]:
    """Yield each operation with its part of the document."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    for group in operations(schema).values():
        for operation in group:
            yield operation, schema["paths"][operation.path][operation.method.lower()]


def test_the_page_has_both_examples_of_every_operation() -> None:
    page = browser_of(BOB).get("/api/v1/docs/").content.decode()
    for operation, _ in every():
        assert f'id="curl-{operation.id}"' in page
        assert f'id="python-{operation.id}"' in page


def test_the_page_shows_what_came_back_of_every_example_that_was_answered() -> None:
    page = browser_of(BOB).get("/api/v1/docs/").content.decode()
    known = recorded()
    unsaid = {
        operation.id
        for operation, declared in every()
        if operation.id not in known
        and operation.method == "GET"
        and "application/json" in declared["responses"].get("200", {}).get("content", {})
    }
    assert unsaid == UNANSWERED, "python -m tests.e2e"
    assert {operation.id for operation, _ in every()} >= set(known)
    for name in known:
        assert f'id="answer-{name}"' in page
    hotel = known["ask"]
    assert hotel["citations"][0]["quote"] in html.unescape(page)


def test_what_came_back_is_as_the_document_says() -> None:
    known = recorded()
    whole = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    for operation, declared in every():
        told = [
            each["content"]["application/json"]["schema"]
            for code, each in declared["responses"].items()
            if code.startswith("2") and "application/json" in each.get("content", {})
        ]
        if told and not isinstance(known.get(operation.id, ""), str):  # text is of another kind
            Draft202012Validator({**told[0], "components": whole["components"]}).validate(
                known[operation.id]
            )


def test_the_document_is_made_once_for_a_language_and_is_whole() -> None:
    made = Document().get_schema()  # type: ignore[no-untyped-call]
    anew = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    assert made == anew
    assert Document().get_schema() is made  # type: ignore[no-untyped-call]
    with override("de"):
        assert Document().get_schema() is not made  # type: ignore[no-untyped-call]
    assert stranger(ALICE.host).get("/api/v1/schema/?format=json").json() == json.loads(
        json.dumps(made, default=str)
    )


def test_no_two_shapes_share_a_name(capsys: Any) -> None:
    reset_generator_stats()
    list(every())
    assert "identical names" not in capsys.readouterr().err


def test_a_program_with_a_key_is_told_that_an_address_is_none() -> None:
    headers = {"Authorization": f"Bearer {BOB.key}", "Host": BOB.host}
    client = Client(enforce_csrf_checks=True, headers=headers)
    answer = client.delete("/api/v1/documents/true/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_every_example_is_well_formed_and_answered_as_the_document_says() -> None:
    client = api(ALICE)
    wrong = []
    for operation, declared in every():
        ast.parse(operation.python)
        assert "…" not in operation.curl + operation.python, operation.id
        words = shlex.split(operation.curl)
        assert words[:3] == ["curl", "-X", operation.method]
        if "-F" in words:
            continue  # a file of the reader's
        body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
        # The ids are variables: these name nothing.
        path = re.sub(r"\$\{\w*(?:VERSION|INDEX)\}", "999", words[3].removeprefix("$WORKSPACE"))
        path = re.sub(r"\$\{(?:PLAN|SLUG)\}", "none", path)
        path = re.sub(r"\$\{\w+\}", NOBODY, path)
        answer = client.generic(
            operation.method,
            path,
            "" if body is None else json.dumps(body),
            content_type="application/json",
        )
        said = f"{operation.method} {path}: {answer.status_code}"
        if answer.status_code >= 500:
            wrong.append(said)
        elif answer.status_code < 300 and str(answer.status_code) not in declared["responses"]:
            wrong.append(f"{said} is not declared")
        elif answer.status_code >= 400:
            kind = answer["Content-Type"].partition(";")[0]
            if kind != "application/problem+json" or "code" not in answer.json():
                wrong.append(f"{said} without a code, as {kind}")
    assert wrong == []
