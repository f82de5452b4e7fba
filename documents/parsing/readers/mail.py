"""E-mail messages: who wrote to whom, when and about what, then the body as it was read."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from documents.parsing import clean
from documents.parsing.builder import TextBuilder
from documents.parsing.model import Limits, ParsedText, Refused
from documents.parsing.readers import html

_HEADERS = ("From", "To", "Cc", "Date")
_PARTS = 200
_TEXT_PARTS = ("text/plain", "text/html")


def read(data: bytes, limits: Limits) -> ParsedText:
    """Read an .eml: headers that people see, the body once, and the names of what is attached."""
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
    body = _body(parts)
    if body is not None:
        _write_body(body, builder)
    names = [clean.line(part.get_filename() or "") for part in parts if _is_attached(part)]
    if any(names):
        builder.paragraph("Attachments: " + ", ".join(name for name in names if name))
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
    return part.get_content_disposition() == "attachment" or bool(part.get_filename())


def _body(parts: list[EmailMessage]) -> EmailMessage | None:
    """Return the body in plain text, or in HTML where that is all there is."""
    for kind in _TEXT_PARTS:
        for part in parts:
            if part.get_content_type() == kind and not _is_attached(part):
                return part
    return None


def _write_body(body: EmailMessage, builder: TextBuilder) -> None:
    try:
        content = body.get_content()
    except (LookupError, ValueError):  # an unknown character set, or a broken transfer encoding
        payload = body.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    if body.get_content_type() == "text/html":
        html.write(content, builder)
    else:
        builder.verbatim(content)


def _header(message: EmailMessage, name: str) -> str:
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
