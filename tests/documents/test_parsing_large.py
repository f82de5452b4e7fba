"""A PDF file of any size is read from the memory of a few of its pages, and reads the same."""

from __future__ import annotations

import gc
import io
import json
from pathlib import Path
from typing import Any

import pytest

from documents.parsing import DEFAULT, MediaType, limits_for
from documents.parsing.forking import Nursery
from documents.parsing.readers import pdf, pdf_opened
from documents.parsing.sandbox import _collected
from tests.support import files
from tests.support.heavy import heavy_pdf

PAGES = 40
MEGABYTE = 1024 * 1024
HEAVY = 80 * MEGABYTE
FACT = "The tide gate opens 31 minutes before high water."


class Counted(io.BytesIO):
    """A file that counts how much of it is asked for."""

    taken = 0

    def readinto(self, into: Any) -> int:
        read = super().readinto(into)
        self.taken += read
        return read


def read(nursery: Nursery, path: Path) -> tuple[dict[str, Any], int]:
    """Return a forked child's answer and its peak memory in bytes."""
    limits = limits_for(path.stat().st_size)
    with path.open("rb") as source:
        told = nursery.answer(
            source, MediaType.PDF, limits, lambda out: _collected(out, limits, MEGABYTE)
        )
    assert told is not None
    assert told.status == 0
    return json.loads(told.output), told.peak


def test_the_pictures_of_a_file_are_not_held_together(tmp_path: Path) -> None:
    light, heavy = tmp_path / "light.pdf", tmp_path / "heavy.pdf"
    heavy_pdf(light, PAGES * 12_000, PAGES, {30: FACT})
    heavy_pdf(heavy, HEAVY, PAGES, {30: FACT})
    nursery = Nursery()
    try:
        (least, usual), (most, peak) = read(nursery, light), read(nursery, heavy)
    finally:
        nursery.end()
    assert most == least
    assert FACT in " ".join(most["text"].split())
    assert len(most["pages"]) == PAGES
    assert peak - usual < HEAVY / 2


def test_a_file_that_is_opened_anew_reads_the_same_and_is_not_read_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = files.long_pdf(30, {20: FACT}, title="Harbour manual")
    at_once, anew = Counted(data), Counted(data)
    whole = pdf.read(at_once, DEFAULT)
    monkeypatch.setattr(pdf_opened, "HELD", 0)
    assert pdf.read(anew, DEFAULT) == whole
    assert whole.title == "Harbour manual"
    assert FACT in whole.text
    # Pages share fonts, which are read anew each time: up to twice the file, then all is kept.
    assert at_once.taken < anew.taken < 4 * len(data)
    # The child ends with all that it has open; what was opened here is closed here.
    for each in gc.get_objects():
        if type(each) is pdf_opened.OpenedPdf:
            each.document.close()
