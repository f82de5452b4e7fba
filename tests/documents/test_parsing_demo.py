"""Every demo document parses, and every demo question's answer stands where it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from documents.chunking import chunk
from documents.parsing import detect, parse

DEMO = Path(__file__).parents[2] / "config" / "demo"
QUESTIONS: dict[str, list[dict[str, Any]]] = json.loads((DEMO / "questions.json").read_text())
FILES = sorted((DEMO / "documents").glob("*/*"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_demo_document_holds_the_answers_it_is_asked_for(path: Path) -> None:
    data = path.read_bytes()
    assert len(data) < 300_000
    parsed = parse(path, detect(path.name, data[:4096], len(data)))
    chunks = chunk(parsed)
    assert chunks
    for question in QUESTIONS[path.parent.name]:
        if question["document"] == path.name:
            assert any(
                question["answer"] in one.text and one.page == question["page"] for one in chunks
            ), question


@pytest.mark.parametrize("tenant", ["acme", "globex", "initech"])
def test_each_demo_tenant_has_documents_of_several_formats_and_eight_questions(tenant: str) -> None:
    names = {path.name for path in FILES if path.parent.name == tenant}
    assert 4 <= len(names) <= 6
    assert len({name.rpartition(".")[2] for name in names}) >= 4
    assert len(QUESTIONS[tenant]) == 8
    assert {question["document"] for question in QUESTIONS[tenant]} <= names
