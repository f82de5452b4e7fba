"""Builders of real files, good and hostile, for every test that uploads one."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from docx import Document
from reportlab.lib import pdfencrypt
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate

_MAIN = (
    '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/'
    'wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:body></w:document>'
)
_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/'
    '2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
)
_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"/>'
)

_SUBJECTS = (
    "The maintenance crew", "Our regional office", "The planning committee", "Each depot manager",
    "The inspection team", "A certified engineer", "The procurement desk", "Every shift supervisor",
    "The safety officer", "An external auditor", "The logistics partner", "The training unit",
)  # fmt: skip
_VERBS = (
    "reviews", "documents", "schedules", "approves", "measures", "compares", "archives",
    "inspects", "coordinates", "verifies", "updates", "reports",
)  # fmt: skip
_OBJECTS = (
    "the quarterly equipment records", "all rope and harness assemblies", "the delivery timetable",
    "every open incident", "the stock of spare parts", "the condition of the warehouse doors",
    "the supplier's test certificates", "the fuel consumption of the fleet",
    "the training records of new staff", "the results of the pressure tests",
    "the calibration of the scales", "the list of emergency contacts",
)  # fmt: skip
_CIRCUMSTANCES = (
    "before the season opens", "at the end of each month", "together with the local authority",
    "whenever the weather changes", "under the supervision of a second person",
    "within two working days", "after every major delivery", "as the handbook requires",
    "and keeps a copy for three years", "without interrupting daily work",
    "in the presence of the tenant", "so that no step is forgotten",
)  # fmt: skip


def prose(page: int, sentences: int = 22) -> str:
    """Return coherent, varied English for one page: the same page always reads the same."""
    parts = []
    for index in range(sentences):
        seed = page * 31 + index * 7
        parts.append(
            f"{_SUBJECTS[seed % 12]} {_VERBS[(seed // 3 + index) % 12]} "
            f"{_OBJECTS[(seed * 5 + page) % 12]} {_CIRCUMSTANCES[(seed + index * index) % 12]}."
        )
    return " ".join(parts)


def pdf(pages: Sequence[str], *, title: str = "") -> bytes:
    """Return a PDF with one page for each text; blank lines in a text part paragraphs."""
    body = getSampleStyleSheet()["BodyText"]
    story: list[Flowable] = []
    for number, text in enumerate(pages):
        if number:
            story.append(PageBreak())
        story += [Paragraph(_escaped(part), body) for part in text.split("\n\n")]
    return rendered(story, title)


def long_pdf(
    n_pages: int = 60,
    facts: Mapping[int, str] | None = None,
    *,
    title: str = "Operations manual",
) -> bytes:
    """Return a manual of `n_pages` pages: a heading, prose and a running footer on each.

    `facts` puts a sentence of its own on a page, counted from 1.
    """
    styles = getSampleStyleSheet()
    body = ParagraphStyle("body", parent=styles["BodyText"], fontSize=10.5, leading=14)
    story: list[Flowable] = []
    for number in range(1, n_pages + 1):
        if number > 1:
            story.append(PageBreak())
        story.append(Paragraph(f"Chapter {number}: {_topic(number)}", styles["Heading1"]))
        words = prose(number)
        half = words.find(". ", len(words) // 2) + 1
        story.append(Paragraph(words[:half], body))
        if facts and number in facts:
            story.append(Paragraph(_escaped(facts[number]), body))
        story.append(Paragraph(words[half:].strip(), body))
    return rendered(story, title, footer=True)


def docx(
    paragraphs: Sequence[str] = ("A real paragraph.",),
    *,
    heading: str = "",
    bullets: Sequence[str] = (),
    table: Sequence[Sequence[str]] = (),
) -> bytes:
    """Return a Word document written by python-docx."""
    document = Document()
    if heading:
        document.add_heading(heading, level=1)
    for text in paragraphs:
        document.add_paragraph(text)
    for text in bullets:
        document.add_paragraph(text, style="List Bullet")
    if table:
        grid = document.add_table(rows=len(table), cols=len(table[0]))
        for row, cells in zip(grid.rows, table, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def raw_docx(extra: Mapping[str, bytes] | None = None, body: str = "Hello.") -> bytes:
    """Return the smallest valid .docx, with extra entries under any name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELATIONS)
        archive.writestr("word/document.xml", _MAIN.format(body))
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return out.getvalue()


def zip_bomb_docx(megabytes: int = 400) -> bytes:
    """Return a .docx of a few hundred KB whose one part unpacks to `megabytes`."""
    block = b" " * (1 << 20)
    crc = 0
    for _ in range(megabytes):
        crc = zlib.crc32(block, crc)
    return _with_raw_part(_deflated(block, megabytes), megabytes << 20, crc)


def lying_docx() -> bytes:
    """Return a .docx whose directory says 1,000 bytes for a part that unpacks to 64 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(b"<" * (64 << 20)) + packer.flush()
    return _with_raw_part(packed, 1000, 0)


def overlapping_docx() -> bytes:
    """Return a .docx in which two directory entries share one stretch of packed bytes."""
    data = raw_docx({"word/a.xml": b"a" * 5000, "word/b.xml": b"b" * 5000})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        target = archive.getinfo("word/a.xml").header_offset
    entry = data.rfind(b"word/b.xml") - 46
    return data[: entry + 42] + struct.pack("<I", target) + data[entry + 46 :]


def crowded_docx(entries: int = 5000) -> bytes:
    """Return a .docx with thousands of entries."""
    return raw_docx({f"word/part{number}.xml": b"" for number in range(entries)})


def nested_docx() -> bytes:
    """Return a .docx with an archive inside."""
    return raw_docx({"word/media/inner.zip": raw_docx()})


def traversal_docx() -> bytes:
    """Return a .docx with an entry that would be written outside the folder."""
    return raw_docx({"../../etc/cron.d/evil": b"* * * * * root true"})


def entity_docx() -> bytes:
    """Return a .docx whose document.xml declares exponentially growing entities."""
    entities = "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "lol">' for n in range(10)
    )
    document = _MAIN.format("&l9;").replace(
        '<?xml version="1.0"?>', f'<?xml version="1.0"?><!DOCTYPE x [{entities}]>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELATIONS)
        archive.writestr("word/document.xml", document)
    return out.getvalue()


def encrypted_docx() -> bytes:
    """Return the beginning of Office's container for documents with a password."""
    return (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 504 + "EncryptedPackage".encode("utf-16-le")
    )


def encrypted_pdf() -> bytes:
    """Return a PDF that opens only with its password."""
    out = io.BytesIO()
    lock = pdfencrypt.StandardEncryption("a password", strength=128)
    canvas = Canvas(out, pagesize=A4, encrypt=lock)
    canvas.drawString(72, 720, "Nobody reads this without the password.")
    canvas.save()
    return out.getvalue()


def corrupt_pdf() -> bytes:
    """Return bytes that begin as a PDF and go on as noise."""
    return b"%PDF-1.7\n" + bytes((n * 73 + 41) % 256 for n in range(4096))


def scanned_pdf() -> bytes:
    """Return a PDF that shows shapes and has no text."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.rect(72, 72, 300, 400, fill=1)
    canvas.save()
    return out.getvalue()


def flate_bomb_pdf(megabytes: int = 500) -> bytes:
    """Return a small PDF whose only content stream unpacks to `megabytes`."""
    block = b"0 0 m " * 174_763
    check = 1
    for _ in range(megabytes):
        check = zlib.adler32(block, check)
    stream = b"\x78\xda" + _deflated(block, megabytes) + struct.pack(">I", check)
    return _one_page_pdf(stream, b"/FlateDecode")


def _deflated(block: bytes, times: int) -> bytes:
    """Return the block so many times, packed: one that is flushed in full stands by itself."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return packed * times + packer.flush()


def many_pages_pdf(pages: int = 100_000) -> bytes:
    """Return a PDF whose page tree counts `pages` pages, all of them the same object."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, b"3 0 R " * pages),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
    ]
    return assembled(objects)


def png() -> bytes:
    """Return a PNG of one pixel."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + _png_part(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
        + _png_part(b"IDAT", zlib.compress(b"\x00\xff\xff\xff"))
        + _png_part(b"IEND", b"")
    )


def _png_part(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _topic(number: int) -> str:
    topics = (
        "Depots",
        "Harnesses",
        "Deliveries",
        "Incidents",
        "Spare parts",
        "Training",
        "Audits",
    )
    return topics[number % len(topics)]


def rendered(story: Sequence[Flowable], title: str = "", footer: bool = False) -> bytes:
    """Return the PDF of a reportlab story."""
    out = io.BytesIO()

    def mark(canvas: Canvas, template: SimpleDocTemplate) -> None:
        if footer:
            canvas.setFont("Helvetica", 8)
            canvas.drawString(25 * mm, 12 * mm, f"{title} · internal")
            canvas.drawRightString(185 * mm, 12 * mm, f"Page {template.page}")

    template = SimpleDocTemplate(out, pagesize=A4, title=title, topMargin=20 * mm, invariant=1)
    template.build(list(story), onFirstPage=mark, onLaterPages=mark)
    return out.getvalue()


def set_pdf(lines: Sequence[Sequence[tuple[float, float, str]]]) -> bytes:
    """Return a page whose lines are set piece by piece: (left, size of type, text) in points."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1)
    for number, pieces in enumerate(lines):
        for left, size, text in pieces:
            canvas.setFont("Times-Roman", size)
            canvas.drawString(left, 700 - 13.2 * number, text)
    canvas.save()
    return out.getvalue()


def _with_raw_part(packed: bytes, size: int, crc: int) -> bytes:
    """Return a .docx whose `word/document.xml` is given as packed bytes, size and checksum."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELATIONS)
    head = out.getvalue()
    end = head.rfind(b"PK\x05\x06")
    start = struct.unpack_from("<I", head, end + 16)[0]
    directory = head[start:end]
    name = b"word/document.xml"
    sizes = struct.pack("<IIIHH", crc, len(packed), size, len(name), 0)
    local = b"PK\x03\x04" + struct.pack("<HHHHH", 20, 0, 8, 0, 0x21) + sizes + name + packed
    entry = b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 0x21) + sizes
    entry += struct.pack("<HHHII", 0, 0, 0, 0, start) + name
    directory += entry
    return (
        head[:start]
        + local
        + directory
        + b"PK\x05\x06"
        + struct.pack("<HHHHIIH", 0, 0, 3, 3, len(directory), start + len(local), 0)
    )


def _one_page_pdf(stream: bytes, encoding: bytes) -> bytes:
    content = b"<< /Length %d /Filter %s >>\nstream\n" % (len(stream), encoding)
    return assembled(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R >>",
            content + stream + b"\nendstream",
        ]
    )


def assembled(objects: Sequence[bytes]) -> bytes:
    """Return a PDF of these objects, numbered from 1; the first is its catalog."""
    out = b"%PDF-1.7\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return out + trailer % (len(objects) + 1, table)
