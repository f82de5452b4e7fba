"""A text in Markdown as a Word file: headings, lists, tables, quotations, code and its sources."""

import re
from io import BytesIO
from typing import Any, Final

import docx
from django.utils.translation import gettext as _
from markdown_it.token import Token

from documents.marks import markdown_parser
from tenants.wording import quoted

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CODE_FONT: Final = "Courier New"
# What XML cannot hold; a model may well say it.
_UNFIT: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_parser: Final = markdown_parser()


def word_file(title: str, markdown: str, citations: list[dict[str, Any]]) -> bytes:
    """Return the text as a DOCX file, with the sources of its marks at the end."""
    file = docx.Document()
    file.core_properties.title = _fit(title)
    file.core_properties.author = ""
    _Writer(file).write(_parser.parse(_fit(markdown)))
    if citations:
        file.add_heading(_("Sources"), level=2)
    for source in citations:
        page = _(", page %(page)s") % {"page": source["page"]} if source.get("page") else ""
        line = file.add_paragraph(_fit(f"[{source['number']}] "))
        line.add_run(_fit(source["document_name"])).bold = True
        line.add_run(_fit(f"{page}: {quoted(source['quote'])}"))
    buffer = BytesIO()
    file.save(buffer)
    return buffer.getvalue()


def _fit(text: str) -> str:
    return _UNFIT.sub("", text)


class _Writer:
    """Puts Markdown's blocks into a file, in their order."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._lists: list[str] = []  # styles of the lists that are open
        self._quoted = 0
        self._heading = 0
        self._rows: list[list[Token]] | None = None  # of an open table

    def write(self, tokens: list[Token]) -> None:
        for token in tokens:
            match token.type:
                case "bullet_list_open":
                    self._lists.append("List Bullet")
                case "ordered_list_open":
                    self._lists.append("List Number")
                case "bullet_list_close" | "ordered_list_close":
                    self._lists.pop()
                case "blockquote_open":
                    self._quoted += 1
                case "blockquote_close":
                    self._quoted -= 1
                case "heading_open":
                    self._heading = int(token.tag[1])
                case "heading_close":
                    self._heading = 0
                case "table_open":
                    self._rows = []
                case "tr_open" if self._rows is not None:
                    self._rows.append([])
                case "table_close":
                    self._table()
                case "fence" | "code_block":
                    run = self._file.add_paragraph().add_run(token.content.rstrip("\n"))
                    run.font.name = CODE_FONT
                case "inline":
                    self._inline(token)

    def _inline(self, token: Token) -> None:
        if self._rows:
            self._rows[-1].append(token)
            return
        if self._heading:
            into = self._file.add_heading(level=min(self._heading, 9))
        else:
            into = self._file.add_paragraph(style=self._style())
        _runs(into, token.children or [])

    def _style(self) -> str | None:
        if self._lists:
            depth = min(len(self._lists), 3)
            return self._lists[-1] + (f" {depth}" if depth > 1 else "")
        return "Quote" if self._quoted else None

    def _table(self) -> None:
        rows, self._rows = self._rows or [], None
        table = self._file.add_table(len(rows), max(map(len, rows), default=1), style="Table Grid")
        for number, row in enumerate(rows):
            for place, cell in enumerate(row):
                _runs(table.cell(number, place).paragraphs[0], cell.children or [], not number)


def _runs(paragraph: Any, tokens: list[Token], bold: bool = False) -> None:
    """Put the words of a line into a paragraph; of a link its words, and its address behind."""
    strong, emphasized, struck = int(bold), 0, 0
    address = ""
    for token in tokens:
        match token.type:
            case "strong_open" | "strong_close":
                strong += token.nesting
            case "em_open" | "em_close":
                emphasized += token.nesting
            case "s_open" | "s_close":
                struck += token.nesting
            case "link_open":
                address = str(token.attrGet("href") or "")
            case "link_close":
                paragraph.add_run(f" ({address})")
            case "softbreak":
                paragraph.add_run(" ")
            case "hardbreak":
                paragraph.add_run().add_break()
            case _:
                run = paragraph.add_run(token.content)
                run.bold, run.italic = bool(strong) or None, bool(emphasized) or None
                run.font.strike = bool(struck) or None
                if token.type == "code_inline":
                    run.font.name = CODE_FONT
