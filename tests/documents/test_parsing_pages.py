"""Pages of the web and plain texts: links, terms, figures, code; encodings, pages, long lines."""

from __future__ import annotations

import pytest

from documents.chunking import MAX_CHARS, chunk
from documents.parsing import MediaType, detect
from documents.parsing.errors import ParsingError
from tests.documents.reading import Read, read

__all__ = ["read"]

LONG = "https://mail.example/" + "x" * 60


def test_links_say_where_they_lead_if_their_words_do_not(read: Read) -> None:
    page = f"""<h1><a href="https://acme.example/">Guide</a></h1>
    <p>Book in <a href="https://acme.example/rooms?city=bonn">the tool</a>, not at
    <a href="https://www.acme.example/">acme.example</a> or <a href="https://b.example">
    https://b.example</a>. <a href="#top">Top</a>, <a href="javascript:go()">go</a>,
    <a href="/terms">terms</a>, <a href="{LONG}">unsubscribe</a>, <a>nowhere</a>. Ask
    <a href="mailto:desk@acme.example?subject=Hi">the desk</a> or
    <a href="mailto:ana%40acme.example">ana@acme.example</a><a href="https://c.example/"></a>.</p>
    <table><tr><td>Form</td><td><a href="https://d.example/1">PDF</a></td></tr>
    <tr><td>Plan</td><td>none</td></tr></table>"""
    assert read(page, MediaType.HTML).text == (
        "Guide\n\nBook in the tool (https://acme.example/rooms?city=bonn), not at acme.example or"
        " https://b.example. Top, go, terms, unsubscribe, nowhere. Ask the desk"
        " (desk@acme.example) or ana@acme.example.\n\nForm | PDF (https://d.example/1)\nPlan | none"
    )


def test_what_a_page_folds_explains_pictures_and_prints_is_read(read: Read) -> None:
    page = """<details><summary>Refunds</summary><p>Within 30 days.</p></details>
    <dl><dt>Term</dt><dd>Two years</dd><dt>Notice:</dt><dd>Sixty days</dd><dd>In writing</dd></dl>
    <figure><img src="a.png" alt="A map of the depot"><figcaption>Gates 1 to 4</figcaption></figure>
    <p>The gate <img src="b.png" alt=""> opens.</p>
    <pre>if open:<br>    walk()
    <a href="https://e.example/">run</a></pre>
    <figure hidden><img alt="SECRET"></figure><details style="display:none">SECRET</details>"""
    assert read(page, MediaType.HTML).text == (
        "Refunds\n\nWithin 30 days.\n\nTerm: Two years\n\nNotice: Sixty days\n\nIn writing\n\n"
        "A map of the depot\n\nGates 1 to 4\n\nThe gate opens.\n\n"
        "if open:\n    walk()\n    run"
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    "text",
    [
        "The gate opens at 7.", "Größe: 12 €\r\nZweite Zeile.", "Гостиница не дороже пяти тысяч.",
        "東京の会議は月曜日です。\n出張費は三万円まで。", "Otter 🦦 swim", "אין כניסה אחרי שבע.",
    ],
)  # fmt: skip
def test_utf_16_is_read_with_its_mark_and_without(encoding: str, text: str, read: Read) -> None:
    content = text.encode(encoding)
    assert detect("a.txt", content[:4096], len(content)) is MediaType.TEXT
    assert read(content, MediaType.TEXT).text == text.replace("\r\n", "\n")
    rows = f"Name;Note\nAna;{text.splitlines()[0]}\n".encode(encoding)
    assert detect("a.csv", rows, len(rows)) is MediaType.CSV
    assert read(rows, MediaType.CSV).text == f"Name: Ana; Note: {text.splitlines()[0]}"


@pytest.mark.parametrize(
    "head",
    [
        b"\x00\x01\x02\x03" * 40,
        b"\x00\xd8a\x00",
        b"A\x00\xff\xffB\x00" * 9,
        bytes(64),
        b"See\x00 the plan.",
    ],
)
def test_what_is_no_text_in_utf_16_either_is_refused(head: bytes) -> None:
    with pytest.raises(ParsingError) as refusal:
        detect("a.txt", head, len(head))
    assert refusal.value.code == "unsupported_type"


def test_a_stray_zero_makes_no_chinese_of_a_text(read: Read) -> None:
    assert read("The gate\x00 opens at 7.", MediaType.TEXT).text == "The gate opens at 7."


def test_form_feeds_part_a_plain_text_into_pages(read: Read) -> None:
    parsed = read("1. Scope\n\nAll rooms.\n\f\n\f\n2. Terms\n\nTwo years.\n\f", MediaType.TEXT)
    assert parsed.text == "1. Scope\n\nAll rooms.\n\n2. Terms\n\nTwo years."
    assert [(p.number, parsed.text[p.start : p.end]) for p in parsed.pages] == [
        (1, "1. Scope\n\nAll rooms."), (2, ""), (3, "2. Terms\n\nTwo years."),
    ]  # fmt: skip
    assert [part.page for part in chunk(parsed)] == [1, 3]
    assert read("One page.\n\f", MediaType.TEXT).pages == ()


def test_a_line_without_an_end_is_read_whole_and_cut_into_passages(read: Read) -> None:
    line = " ".join(f"Part {number} weighs {number} grams." for number in range(20_000))
    unbroken = "x" * 100_000
    parsed = read(f"{line}\n\n{unbroken}", MediaType.TEXT)
    assert parsed.text == f"{line}\n\n{unbroken}"
    passages = chunk(parsed)
    assert max(len(each.text) for each in passages) <= MAX_CHARS
    assert "".join(each.text for each in passages).replace(" ", "") == (
        f"{line}{unbroken}".replace(" ", "")
    )
