"""PDF: text by page, in paragraphs, without what repeats on every page."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium

from documents.parsing import clean
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, PageSpan, ParsedText, Refused
from documents.parsing.readers.pdf_layout import (
    Block,
    body_size,
    heading_sizes,
    layout,
)
from documents.parsing.readers.pdf_lines import Line, lines_of
from documents.parsing.readers.pdf_opened import OpenedPdf
from documents.parsing.readers.pdf_outline import outlined
from documents.parsing.readers.pdf_running import drop_running_lines
from documents.parsing.readers.pdf_words import Hyphens

if TYPE_CHECKING:
    from documents.parsing.readers.recognizer import Recognizer

SEEKS = True  # a large file is never held as a whole
_NO_TITLE = re.compile(
    r"^(\(?(?:untitled|anonymous|unspecified)\)?|microsoft word.*|.*\.(docx?|indd|tex|pdf))$",
    re.I,
)
_SENTENCE_END = re.compile(r"[.!?:;…。\uff01\uff1f][\"'”\u2019)\]]*$")


def read(source: BinaryIO, limits: Limits, recognizer: Recognizer | None = None) -> ParsedText:
    """Read a PDF's text; pages without letters by the recognizer, if there is one.

    Without it a scan is refused as `no_text`, and where only some pages are, they are `unread`.
    """
    try:
        opened = OpenedPdf(source)
    except pypdfium2.PdfiumError as error:
        locked = (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY)
        raise Refused("encrypted_file" if error.err_code in locked else "corrupt_file") from error
    if len(opened) > limits.pages:
        raise Refused("too_many_pages", limit=limits.pages, pages=len(opened))
    if len(opened) == 0:
        raise Refused("corrupt_file")
    pages, pictured = _all_lines(opened, limits, recognizer)
    document = opened.document
    drop_running_lines(pages)
    builder = TextBuilder(limits)
    title = clean.line(document.get_metadata_dict().get("Title", ""))
    builder.title = "" if _NO_TITLE.match(title) else title
    _write(pages, builder)
    builder.headings = outlined(document, builder.text(), builder.pages, builder.headings)
    if recognizer is None:
        return replace(builder.finish(), unread=tuple(pictured))
    recognized = tuple(number for number in pictured if pages[number - 1])
    return replace(builder.finish(), recognized=recognized)


def written(pages: list[list[Line]], limits: Limits, *, recognized: tuple[int, ...]) -> ParsedText:
    """Return the text of lines that were read elsewhere than in a PDF."""
    builder = TextBuilder(limits)
    _write(pages, builder)
    return replace(builder.finish(), recognized=recognized)


def _all_lines(
    opened: OpenedPdf, limits: Limits, recognizer: Recognizer | None
) -> tuple[list[list[Line]], list[int]]:
    """Return the lines of every page, and the numbers of pages that show something but letters."""
    pages: list[list[Line]] = []
    pictured: list[int] = []
    characters = 0
    unreadable = 0
    for index in range(len(opened)):
        try:
            page = opened.page(index)
        except pypdfium2.PdfiumError:
            unreadable += 1
            pages.append([])
            continue
        lines = lines_of(page)
        if not lines and pdfium.FPDFPage_CountObjects(page.raw) > 0:
            pictured.append(index + 1)
            if recognizer is not None and len(pictured) > limits.recognized_pages:
                raise Refused("too_many_scans", limit=limits.recognized_pages)
            lines = recognizer.page_lines(page) if recognizer is not None else lines
        page.close()
        characters += sum(len(line.text) for line in lines)
        if characters > limits.characters:
            raise Refused("too_much_text")
        pages.append(lines)
    if unreadable == len(pages):
        raise Refused("corrupt_file")
    return pages, pictured


def _write(pages: list[list[Line]], builder: TextBuilder) -> None:
    """Write every page's blocks; a paragraph that flows over a page stays whole."""
    size = body_size(pages)
    sizes = heading_sizes(pages, size)
    hyphens = Hyphens(line.text for page in pages for line in page)
    flowing: Block | None = None
    for number, lines in enumerate(pages, start=1):
        blocks = layout(lines, size, sizes, hyphens)
        start = builder.length
        for position, block in enumerate(blocks):
            if position == 0 and flowing and _continues(flowing, block):
                separator, cut = hyphens.joint(flowing.text, block.text, flowing.soft)
                if cut:
                    builder.cut(1)
                offset = builder.write(block.text, separator)
            elif block.kind == "heading":
                builder.heading(block.level, block.text)
                offset = builder.headings[-1].start
            elif block.kind == "text":
                offset = builder.write(block.text)
                builder.apart()
            else:
                builder.row(block.text, block.kind)
                offset = builder.length - len(block.text)
            if position == 0:
                start = offset
                if builder.pages:
                    builder.pages[-1] = _ended(builder.pages[-1], offset)
        builder.pages.append(PageSpan(number, start, builder.length))
        if blocks:
            flowing = blocks[-1]


def _ended(page: PageSpan, limit: int) -> PageSpan:
    """Shorten a page whose last hyphen was cut when the next page's word joined it."""
    return PageSpan(page.number, min(page.start, limit), min(page.end, limit))


def _continues(before: Block, after: Block) -> bool:
    if before.kind != "text" or after.kind != "text":
        return False
    if before.soft:
        return True
    return not _SENTENCE_END.search(before.text) and after.text[:1].islower()
