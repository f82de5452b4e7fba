"""E-mail messages: who wrote to whom, when and about what, then the body as it was read."""

from __future__ import annotations

import io
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import Any

from documents.parsing import clean
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Heading, Limits, ParsedText, Refused
from documents.parsing.readers import docx, html, markdown, pdf, plain, sheets, slides, table
from documents.parsing.readers.encodings import decode

_HEADERS = ("From", "To", "Cc", "Date")
_PARTS = 200
_TEXT_PARTS = ("text/plain", "text/html")
_MESSAGE = "message/rfc822"
_WITHIN = 2  # messages within one another that are read
_DEEPEST = 6  # level of a heading
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_READERS: dict[str, Any] = {
    "pdf": pdf,
    "docx": docx,
    "pptx": slides,
    "xlsx": sheets,
    "csv": table,
    "txt": plain,
    "md": markdown,
    "html": html,
    "htm": html,
}


def read(data: bytes, limits: Limits, depth: int = 0) -> ParsedText:
    """Read an .eml: headers that people see, the body once, and what is attached.

    An attached file stands below a heading of its name. One that cannot be read, or that is of a
    kind which is none of ours, is named alone, as is what messages within messages attach.
    """
    message = BytesParser(policy=policy.default).parsebytes(data)
    if not isinstance(message, EmailMessage) or not any(message.get(name) for name in _HEADERS):
        raise Refused("corrupt_file")
    builder = TextBuilder(limits)
    subject = clean.line(_header(message, "Subject"))
    builder.heading(1, subject)
    builder.title = subject
    for name in _HEADERS:
        text = _date(message) if name == "Date" else clean.line(_header(message, name))
        builder.row(f"{name}: {text}" if text else "")
    builder.apart()
    parts = _parts(message)
    for part in _body(parts):
        _write_body(part, builder)
    attached = [part for part in parts if _is_attached(part)]
    if names := [name for part in attached if (name := _name(part))]:
        builder.paragraph("Attachments: " + ", ".join(names))
    for part in attached:
        _write_attached(part, builder, limits, depth)
    return builder.finish()


def _parts(message: EmailMessage) -> list[EmailMessage]:
    """Return the parts that are no containers; what was forwarded as a file is one part."""
    found: list[EmailMessage] = []
    waiting: list[EmailMessage] = [message]
    while waiting:
        part = waiting.pop(0)
        if part.is_multipart() and part.get_content_type() != "message/rfc822":
            waiting = [p for p in part.iter_parts() if isinstance(p, EmailMessage)] + waiting
        else:
            found.append(part)
        if len(found) + len(waiting) > _PARTS:
            raise Refused("archive_bomb")
    return found


def _is_attached(part: EmailMessage) -> bool:
    return (
        part.get_content_disposition() == "attachment"
        or bool(part.get_filename())
        or part.get_content_type() == _MESSAGE
    )


def _name(part: EmailMessage) -> str:
    """Return what an attached file is called; a forwarded message is called by its subject."""
    name = clean.line(part.get_filename() or "")
    if not name and part.get_content_type() == _MESSAGE:
        inner = part.get_payload(0)
        name = clean.line(_header(inner, "Subject")) if isinstance(inner, EmailMessage) else ""
    return name


def _body(parts: list[EmailMessage]) -> list[EmailMessage]:
    """Return the body in plain text, or in HTML where that is all there is.

    Programs that place pictures within a text send it in several parts, and some send an empty
    plain text beside the one in HTML.
    """
    for kind in _TEXT_PARTS:
        found = [
            part
            for part in parts
            if part.get_content_type() == kind
            and not _is_attached(part)
            and any(character.isalnum() for character in _content(part))
        ]
        if found:
            return found
    return []


def _content(part: EmailMessage) -> str:
    """Return a part's text; one that names no character set, or a wrong one, is told by itself."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    try:
        named = part.get_content_charset() or ""
        return content.decode("cp1252" if named in ("iso-8859-1", "us-ascii") else named)
    except (LookupError, ValueError):
        return decode(content)


def _write_body(body: EmailMessage, builder: TextBuilder) -> None:
    if body.get_content_type() == "text/html":
        html.write(_content(body), builder)
    else:
        builder.verbatim(_content(body))


def _write_attached(part: EmailMessage, builder: TextBuilder, limits: Limits, depth: int) -> None:
    name = _name(part)
    try:
        found = _attached(part, name, limits, depth)
    except MemoryError:
        raise
    except Exception:  # libraries stumble over broken files; the message around them is read
        return
    if found is None:
        return
    builder.heading(2, name)
    start = builder.write(found.text)
    builder.headings += [
        Heading(min(heading.level + 2, _DEEPEST), heading.title, heading.start + start)
        for heading in found.headings
    ]
    builder.apart()


def _attached(part: EmailMessage, name: str, limits: Limits, depth: int) -> ParsedText | None:
    if part.get_content_type() == _MESSAGE:
        inner = part.get_payload(0)
        if depth == _WITHIN or not isinstance(inner, EmailMessage):
            return None
        return read(inner.as_bytes(), limits, depth + 1)
    payload = part.get_payload(decode=True)
    reader = _READERS.get(name.rpartition(".")[2].lower())
    if reader is None or depth or not isinstance(payload, bytes):
        return None
    if reader in (table, plain, markdown) and b"\0" in payload and payload[:2] not in _WIDE:
        return None
    content = io.BytesIO(payload) if getattr(reader, "SEEKS", False) else payload
    found: ParsedText = reader.read(content, limits)
    return found


def _header(message: EmailMessage, name: str) -> str:
    # A byte that is no ASCII has no place in a header; some programs send it all the same.
    for known, raw in message.raw_items():
        if known.lower() == name.lower() and not raw.isascii():
            return decode(raw.encode("utf-8", "surrogateescape"))
    try:
        return str(message.get(name, ""))
    except (ValueError, IndexError):  # the library stumbles over some malformed addresses
        return ""


def _date(message: EmailMessage) -> str:
    text = clean.line(_header(message, "Date"))
    try:
        return parsedate_to_datetime(text).strftime("%Y-%m-%d %H:%M %z").strip()
    except ValueError:
        return text
