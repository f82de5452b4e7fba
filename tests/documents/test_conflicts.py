"""Sources that say other figures about the same thing are shown side by side, word for word."""

from typing import Any

import pytest

from tests.documents.helpers import ready, text_of
from tests.support.cast import BOB
from tests.support.clients import api, browser_of

pytestmark = pytest.mark.django_db
QUESTION = "What may a hotel room cost a night?"


def ask() -> Any:
    return api(BOB).post("/api/v1/ask/", {"question": QUESTION}, "application/json").json()


def test_two_documents_with_other_figures_stand_side_by_side() -> None:
    first = ready("Policy 2025.md", "A hotel room may cost at most 140 euros a night.")
    second = ready("Policy 2026.md", "# News\n\nA hotel room may cost at most 165 euros a night.")
    answer = ask()
    [conflict] = answer["conflicts"]
    texts = {str(each.id): text_of(each) for each in (first, second)}
    sides = [conflict["cited"], conflict["other"]]
    assert {side["document_id"] for side in sides} == set(texts)
    for side in sides:
        assert texts[side["document_id"]][side["start"] : side["end"]] == side["quote"]
    assert {"140" in side["quote"] for side in sides} == {True, False}
    page = browser_of(BOB).post("/ask/", {"question": QUESTION}).content.decode()
    shown = page[page.index("data-conflicts") :]
    assert "140 euros" in shown
    assert "165 euros" in shown
    assert f"/documents/{second.id}/?start=" in shown


def test_what_agrees_denies_or_is_about_something_else_is_no_conflict() -> None:
    ready("Policy.md", "A hotel room may cost at most 140 euros a night.")
    ready("Copy.md", "# Copy\n\nA hotel room may cost at most 140 euros a night.")
    ready("Other.md", "A conference room in the hotel costs 900 euros a day, with coffee and cake.")
    ready("Not.md", "A hotel room may not cost at most 120 euros a night.")
    assert ask()["conflicts"] == []
