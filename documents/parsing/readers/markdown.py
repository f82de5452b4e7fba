"""Markdown: the words a reader sees, with headings, lists and tables kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from documents.parsing import clean
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, ParsedText
from documents.parsing.readers.encodings import decode

_FRONT_MATTER = re.compile(r"\A\ufeff?---\n(.*?)\n(?:---|\.\.\.)\n", re.S)
_TITLE = re.compile(r"^title:\s*(.+)$", re.M | re.I)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_HIDDEN_HTML = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.S | re.I)
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read Markdown (CommonMark with tables); markup goes, structure stays."""
    source = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    builder = TextBuilder(limits)
    if matter := _FRONT_MATTER.match(source):
        source = source[matter.end() :]
        if title := _TITLE.search(matter[1]):
            builder.title = title[1].strip().strip("\"'")
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    _walk(parser.parse(source), builder)
    return builder.finish()


def _walk(tokens: Sequence[Token], builder: TextBuilder) -> None:
    lists: list[int | None] = []  # the next number of each open ordered list; None for bullets
    marker = ""
    row: list[str] = []
    heading = 0
    in_table = False
    for token in tokens:
        match token.type:
            case "heading_open":
                heading = int(token.tag[1])
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_open":
                lists.append(int(token.attrs.get("start", 1)))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
                if not lists:
                    builder.apart()
            case "list_item_open":
                number = lists[-1]
                marker = "  " * (len(lists) - 1) + ("- " if number is None else f"{number}. ")
                if number is not None:
                    lists[-1] = number + 1
            case "table_open":
                in_table = True
                builder.apart()
            case "table_close":
                in_table = False
                builder.apart()
            case "tr_close":
                builder.row(" | ".join(row))
                row = []
            case "fence" | "code_block":
                builder.verbatim(token.content)
            case "html_block":
                builder.paragraph(_without_markup(token.content))
            case "inline":
                text = _inline(token)
                if heading:
                    builder.heading(heading, text)
                    heading = 0
                elif in_table:
                    row.append(clean.line(text))
                elif lists:
                    indent = marker or "  " * len(lists)
                    builder.row(indent + clean.line(text), "item")
                    marker = ""
                else:
                    builder.paragraph(text)


def _inline(token: Token) -> str:
    parts = []
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type == "image":
            parts.append(_inline(child))
    return "".join(parts)


def _without_markup(html: str) -> str:
    from html import unescape

    return unescape(_TAG.sub(" ", _HIDDEN_HTML.sub(" ", _COMMENT.sub(" ", html))))
