"""Frames of `application/vnd.amazon.eventstream`.

A frame is `u32 total length | u32 headers length | u32 crc of those 8 bytes | headers | payload |
u32 crc of all before`, big-endian; every header here is a string (type 7).
"""

from __future__ import annotations

import json
import random
import string
import struct
from typing import Any
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_LETTERS = string.ascii_letters + string.digits


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", 7, len(text)) + text


def _frame(headers: dict[str, str], payload: bytes) -> bytes:
    block = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return message + struct.pack(">I", crc32(message))


def event(name: str, payload: Any) -> bytes:
    """One event of the stream's union, e.g. `contentBlockDelta`, padded as the service pads it."""
    headers = {
        ":event-type": name,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    padding = _LETTERS[: random.randint(1, len(_LETTERS))]  # noqa: S311 - hides lengths, no secret
    return _frame(headers, json.dumps({**payload, "p": padding}, ensure_ascii=False).encode())


def exception(member: str, payload: Any) -> bytes:
    """An error after the stream began. `member` is lowerCamel: SDKs find the shape by it."""
    headers = {
        ":exception-type": member,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return _frame(headers, json.dumps(payload, ensure_ascii=False).encode())
