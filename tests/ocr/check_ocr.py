"""Scans and pictures become text with their page numbers, in a child that has its limits."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from documents.parsing import ocr
from documents.parsing.errors import NoText, ParsingError
from documents.parsing.model import MediaType, ParsedText
from documents.parsing.sandbox import _read, parse
from documents.parsing.sniff import detect

PAGES = (
    ["Working abroad", "Employees may work abroad for up to 30 days in a calendar year.",
     "The manager approves it in writing before the journey begins."],
    ["Hotels", "A hotel room may cost at most 140 euros a night.",
     "Breakfast is part of the room rate."],
)  # fmt: skip


def drawn(pages: Sequence[Sequence[str]]) -> bytes:
    """Return a PDF with lines of type; the first of each page is larger."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.setFont("Helvetica", 20 if number == 0 else 11)
            canvas.drawString(72, 740 - 36 * min(number, 1) - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def images(pdf: bytes) -> list[Image.Image]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=150 / 72).to_pil().convert("RGB") for page in document]


def scanned(pdf: bytes) -> bytes:
    """Return a PDF that shows pictures of the other's pages."""
    out = io.BytesIO()
    first, *rest = images(pdf)
    first.save(out, "PDF", save_all=True, append_images=rest, resolution=150)
    return out.getvalue()


def read(tmp_path: Path, content: bytes, kind: MediaType = MediaType.PDF) -> ParsedText:
    file = tmp_path / "file"
    file.write_bytes(content)
    return parse(file, kind)


def page_of(parsed: ParsedText, number: int) -> str:
    (page,) = [each for each in parsed.pages if each.number == number]
    return parsed.text[page.start : page.end]


def test_a_scan_has_its_text_on_its_pages(tmp_path: Path) -> None:
    began = time.monotonic()
    parsed = read(tmp_path, scanned(drawn(PAGES)))
    print(f"two pages: {time.monotonic() - began:.1f} s")
    assert (parsed.recognized, parsed.unread) == ((1, 2), ())
    assert "up to 30 days in a calendar year" in page_of(parsed, 1)
    assert "140 euros" in page_of(parsed, 2)
    assert "140 euros" not in page_of(parsed, 1)


def test_only_pages_without_letters_are_recognized(tmp_path: Path) -> None:
    mixed = pypdfium2.PdfDocument.new()
    mixed.import_pages(pypdfium2.PdfDocument(drawn(PAGES[:1])))
    mixed.import_pages(pypdfium2.PdfDocument(scanned(drawn(PAGES[1:]))))
    out = io.BytesIO()
    mixed.save(out)
    parsed = read(tmp_path, out.getvalue())
    assert parsed.recognized == (2,)
    assert "calendar year" in page_of(parsed, 1)
    assert "140 euros" in page_of(parsed, 2)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_are_pages(tmp_path: Path, kind: str) -> None:
    out = io.BytesIO()
    images(drawn(PAGES[1:]))[0].save(out, kind)
    content = out.getvalue()
    media_type = detect(f"photo.{kind.lower()}", content[:4096], len(content))
    parsed = read(tmp_path, content, media_type)
    assert "140 euros a night" in parsed.text
    assert parsed.recognized == (1,)


def test_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.setFont("Helvetica", 11)
    for column, word in enumerate(("left", "right")):
        for number in range(8):
            line = f"This is sentence {number} of the {word} side."
            canvas.drawString(60 + 270 * column, 700 - 20 * number, line)
    canvas.save()
    text = read(tmp_path, scanned(out.getvalue())).text
    assert text.index("sentence 7 of the left") < text.index("sentence 0 of the right")


def test_what_shows_no_text_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGB", (600, 800), "white").save(out, "PDF")
    with pytest.raises(NoText) as refused:
        read(tmp_path, out.getvalue())
    assert refused.value.code == "no_text"


def test_limits_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(scanned(drawn(PAGES)))
    for limits, code in (
        (replace(ocr.LIMITS, recognized_pages=1), "too_many_scans"),
        (replace(ocr.LIMITS, wall_seconds=0.5), "parse_timeout"),
        (replace(ocr.LIMITS, cpu_seconds=1), "parse_timeout"),
        (replace(ocr.LIMITS, memory_bytes=64 * 1024 * 1024), "parse_memory"),
    ):
        with pytest.raises(ParsingError) as refused:
            _read(file, MediaType.PDF, limits)
        assert refused.value.code == code
    flood = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(flood, "PNG")
    with pytest.raises(ParsingError) as refused:
        read(tmp_path, flood.getvalue(), MediaType.PNG)
    assert refused.value.code == "too_many_pixels"
