"""Messages as mail programs save them: their whole body, once, and the files that they attach."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from documents.parsing import MediaType, ParsedText, parse
from tests.support import files

Read = Callable[[bytes], ParsedText]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def _read(content: bytes) -> ParsedText:
        path = tmp_path / "upload"
        path.write_bytes(content)
        parsed = parse(path, MediaType.EMAIL)
        for heading in parsed.headings:
            assert parsed.text.startswith(heading.title, heading.start)
        return parsed

    return _read


def message(subject: str, text: str) -> EmailMessage:
    made = EmailMessage()
    made["From"] = "ana@acme.example"
    made["Subject"] = subject
    made.set_content(text)
    return made


def test_attached_files_and_messages_stand_below_their_names(read: Read) -> None:
    mail = message("Offer", "See what is attached.")
    for content, name in (
        (files.docx(["The crate weighs 12 kg."], heading="Weights"), "weights.docx"),
        (files.pdf(["The ship leaves in May."]), "ship.pdf"),
        (b"Name;Preis\nZelt;K\xf6ln\n", "prices.csv"),
        (files.corrupt_pdf(), "broken.pdf"),
        (b"\x00\x01\x02", "binary.txt"),
        (b"MZ", "setup.exe"),
    ):
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    inner = message("First question", "What does it weigh?")
    inner.add_attachment("Never read: too deep.", filename="deep.txt")
    mail.add_attachment(inner)
    parsed = read(mail.as_bytes())
    assert parsed.text == (
        "Offer\n\nFrom: ana@acme.example\n\nSee what is attached.\n\nAttachments: weights.docx, "
        "ship.pdf, prices.csv, broken.pdf, binary.txt, setup.exe, First question\n\n"
        "weights.docx\n\nWeights\n\nThe crate weighs 12 kg.\n\nship.pdf\n\nThe ship leaves in May."
        "\n\nprices.csv\n\nName: Zelt; Preis: Köln\n\nFirst question\n\nFirst question\n\n"
        "From: ana@acme.example\n\nWhat does it weigh?\n\nAttachments: deep.txt"
    )
    assert [(each.level, each.title) for each in parsed.headings] == [
        (1, "Offer"),
        (2, "weights.docx"),
        (3, "Weights"),
        (2, "ship.pdf"),
        (2, "prices.csv"),
        (2, "First question"),
        (3, "First question"),
    ]


def test_messages_within_messages_are_read_to_a_depth(read: Read) -> None:
    mail = message("Number 5", "The text 5.")
    for number in range(4, -1, -1):
        around = message(f"Number {number}", f"The text {number}.")
        around.add_attachment(mail)
        mail = around
    text = read(mail.as_bytes()).text
    assert [number for number in range(6) if f"The text {number}." in text] == [0, 1, 2]


def test_an_empty_plain_text_does_not_hide_the_body_in_html(read: Read) -> None:
    mail = message("Offer", " \n")
    mail.add_alternative("<p>Ten <b>percent</b></p>", subtype="html")
    assert read(mail.as_bytes()).text.endswith("\n\nTen percent")


def test_a_body_in_several_parts_is_read_whole_in_whatever_characters(read: Read) -> None:
    raw = b"""From: ana@acme.example
Subject: Gr\xfc\xdfe
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: text/plain; charset=iso-8859-1

First, \x93K\xf6ln\x94.
--B
Content-Type: image/png; name=a.png
Content-Disposition: inline; filename=a.png

x
--B
Content-Type: text/plain

Second, K\xf6ln.
--B
Content-Type: text/plain; charset=unheard-of

Third.
--B--
"""
    assert read(raw).text == (
        "Grüße\n\nFrom: ana@acme.example\n\nFirst, “Köln”.\n\nSecond, Köln.\n\nThird.\n\n"
        "Attachments: a.png"
    )
