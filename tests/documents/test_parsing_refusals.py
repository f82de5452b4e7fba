"""Bad files are refused with a stable code, quickly and without harm."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from documents.parsing import Limits, MediaType, detect, parse, safe_name
from documents.parsing.errors import BY_CODE, ParsingError
from tests.support import files

PNG = files.png()


@pytest.mark.parametrize(
    ("build", "media_type", "code"),
    [
        (files.zip_bomb_docx, MediaType.DOCX, "archive_bomb"),
        (files.lying_docx, MediaType.DOCX, "archive_bomb"),
        (files.overlapping_docx, MediaType.DOCX, "archive_bomb"),
        (files.crowded_docx, MediaType.DOCX, "archive_bomb"),
        (files.nested_docx, MediaType.DOCX, "archive_bomb"),
        (files.traversal_docx, MediaType.DOCX, "corrupt_file"),
        (files.entity_docx, MediaType.DOCX, "corrupt_file"),
        (files.corrupt_pdf, MediaType.PDF, "corrupt_file"),
        (files.encrypted_pdf, MediaType.PDF, "encrypted_file"),
        (files.scanned_pdf, MediaType.PDF, "no_text"),
        (files.many_pages_pdf, MediaType.PDF, "too_many_pages"),
        (files.flate_bomb_pdf, MediaType.PDF, "parse_memory"),
        (lambda: b" \n\t ", MediaType.TEXT, "no_text"),
        (lambda: b"", MediaType.TEXT, "empty_file"),
        (lambda: b"PK\x03\x04 and then nothing", MediaType.DOCX, "corrupt_file"),
    ],
)
def test_a_hostile_file_is_refused_while_the_parent_stays_small(
    build: Callable[[], bytes], media_type: MediaType, code: str, tmp_path: Path
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(build())
    before = psutil.Process().memory_info().rss
    started = time.monotonic()
    with pytest.raises(ParsingError) as refusal:
        parse(path, media_type)
    assert refusal.value.code == code
    assert time.monotonic() - started < 15
    assert psutil.Process().memory_info().rss - before < 64 * 1024 * 1024


@pytest.mark.parametrize("build", [files.zip_bomb_docx, files.lying_docx, files.overlapping_docx])
def test_an_archive_bomb_costs_its_child_next_to_nothing(
    build: Callable[[], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "bomb.docx"
    path.write_bytes(build())
    with pytest.raises(ParsingError) as refusal:
        parse(path, MediaType.DOCX, limits=Limits(memory_bytes=48 * 1024 * 1024))
    assert refusal.value.code == "archive_bomb"


def test_a_file_that_takes_too_long_is_stopped_by_the_clock(tmp_path: Path) -> None:
    path = tmp_path / "slow.pdf"
    path.write_bytes(files.pdf(["One."]))
    parse(path, MediaType.PDF)
    path.write_bytes(files.long_pdf(200))
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(ParsingError) as refusal:
        parse(path, MediaType.PDF, limits=Limits(wall_seconds=0.05))
    assert refusal.value.code == "parse_timeout"
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_file_that_burns_the_processor_is_stopped_by_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "busy.md"
    path.write_text("[" * 400_000 + "a" + "](" * 400_000)
    with pytest.raises(ParsingError) as refusal:
        parse(path, MediaType.MARKDOWN, limits=Limits(cpu_seconds=1))
    assert refusal.value.code == "parse_timeout"


def test_text_and_pages_past_their_limits_are_refused_not_truncated(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"word " * 1000)
    with pytest.raises(ParsingError) as refusal:
        parse(path, MediaType.TEXT, limits=Limits(characters=4000))
    assert refusal.value.code == "too_much_text"
    path.write_bytes(files.pdf(["One.", "Two.", "Three."]))
    with pytest.raises(ParsingError) as refusal:
        parse(path, MediaType.PDF, limits=Limits(pages=2))
    assert refusal.value.code == "too_many_pages"
    assert refusal.value.extra == {"limit": 2, "pages": 3}


@pytest.mark.parametrize(
    ("name", "head", "code"),
    [
        ("photo.png", PNG, "unsupported_type"),
        ("photo.pdf", PNG, "unsupported_type"),
        ("photo.txt", PNG, "unsupported_type"),
        ("tool.exe", b"MZ\x90\x00", "unsupported_type"),
        ("report.pdf.exe", b"%PDF-1.7", "unsupported_type"),
        ("noextension", b"hello", "unsupported_type"),
        ("old.doc", files.encrypted_docx(), "unsupported_type"),
        ("locked.docx", files.encrypted_docx(), "encrypted_file"),
        ("page.txt", b"<!DOCTYPE html><script>1</script>", "unsupported_type"),
        ("polyglot.html", b"<p>hi</p>\n%PDF-1.7\n", "unsupported_type"),
        ("polyglot.docx", b"%PDF-1.7 PK\x03\x04", "unsupported_type"),
        ("polyglot.pdf", b"<html>%PDF-1.7", "unsupported_type"),
        ("null.csv", b"a,b\x00\x00\x00,c", "unsupported_type"),
        ("words.html", b"no markup here", "unsupported_type"),
        ("nothing.pdf", b"", "empty_file"),
        ("empty.docx", b"PK\x05\x06" + bytes(18), "corrupt_file"),
    ],
)
def test_a_name_and_content_that_disagree_are_refused(name: str, head: bytes, code: str) -> None:
    with pytest.raises(ParsingError) as refusal:
        detect(name, head, len(head))
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("name", "head"),
    [("a.png", b"\xff\xd8\xff\xe0"), ("a.jpg", PNG), ("a.webp", PNG), ("a.gif", b"<svg/>")],
)
def test_a_picture_to_be_looked_at_is_what_its_name_says(name: str, head: bytes) -> None:
    with pytest.raises(ParsingError) as refusal:
        detect(name, head, len(head), seen=True)
    assert refusal.value.code == "unsupported_type"
    assert detect("a.png", PNG, len(PNG), seen=True) is MediaType.PNG


def test_a_file_past_the_size_limit_is_refused_with_the_limit_in_the_message() -> None:
    with pytest.raises(ParsingError, match="50 MB") as refusal:
        detect("big.pdf", b"%PDF-1.7", 50 * 1024 * 1024 + 1)
    assert (refusal.value.code, refusal.value.status) == ("file_too_large", 413)


@pytest.mark.parametrize(
    ("name", "head", "media_type"),
    [
        ("a.PDF", b"%PDF-1.4", MediaType.PDF),
        ("a.docx", b"PK\x03\x04", MediaType.DOCX),
        ("a.md", b"<div>markdown may begin with markup</div>", MediaType.MARKDOWN),
        ("a.txt", "Grüße".encode("cp1252"), MediaType.TEXT),
        ("a.txt", "Grüße".encode("utf-16"), MediaType.TEXT),
        ("a.htm", b"\n<p>Hello", MediaType.HTML),
        ("a.csv", b"a;b\n1;2\n", MediaType.CSV),
    ],
)
def test_every_supported_format_is_recognised(name: str, head: bytes, media_type: str) -> None:
    assert detect(name, head, len(head)) == media_type


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\plan.docx", "plan.docx"),
        ("a\r\nSet-Cookie: x=1.pdf", "a Set-Cookie: x=1.pdf"),
        ("invoice\u202efdp.exe.pdf", "invoicefdp.exe.pdf"),
        ("zero\u200bwidth.md", "zerowidth.md"),
        ("U\u0308bersicht.csv", "Übersicht.csv"),
        ("  two   spaces .txt ", "two spaces .txt"),
        (".hidden.html", "hidden.html"),
        ("x" * 251 + ".pdf", "x" * 251 + ".pdf"),
        ("\u8a18" * 251 + ".pdf", "\u8a18" * 251 + ".pdf"),
    ],
)
def test_a_name_is_made_safe(raw: str, safe: str) -> None:
    assert safe_name(raw) == safe


@pytest.mark.parametrize("raw", ["", "   ", "..", "\u200b\u202e", "folder/", "\r\n"])
def test_a_name_with_nothing_in_it_is_refused(raw: str) -> None:
    with pytest.raises(ParsingError) as refusal:
        safe_name(raw)
    assert refusal.value.code == "bad_name"


@pytest.mark.parametrize("raw", ["x" * 252 + ".pdf", "x." + "pdf" * 4_000])
def test_a_longer_name_than_a_file_has_is_refused_with_the_limit(raw: str) -> None:
    with pytest.raises(ParsingError, match="255 characters") as refusal:
        safe_name(raw)
    assert refusal.value.code == "name_too_long"


def test_every_refusal_has_its_code_status_and_next_step() -> None:
    assert all(error.code == code for code, error in BY_CODE.items())
    assert {error.status for error in BY_CODE.values()} == {413, 415, 422}
    assert not any(error.retryable for error in BY_CODE.values())
    assert all(len(str(error())) > 30 for error in BY_CODE.values())
