"""Make text safe to store, show, search and quote: no invisible or control characters."""

from __future__ import annotations

import re
import unicodedata

from tenants.naming import INVISIBLE

_LIGATURES = {
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
}
_BREAKS = dict.fromkeys((0x0B, 0x0C, 0x85, 0x2028, 0x2029), "\n")
_SPACES = dict.fromkeys((0xA0, 0x2007, 0x202F), " ")
_REPLACED = _LIGATURES | _BREAKS | _SPACES

_DROP = re.compile(f"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff{INVISIBLE}]")
_DROP_ASCII = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_TRAILING = re.compile(r"[ \t]+(?=\n|$)")
_GAPS = re.compile(r"\n{3,}")
_RUNS = re.compile(r"\s+")


def characters(text: str) -> str:
    """Drop what cannot be seen, unify breaks, spaces and ligatures, and compose (NFC)."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return _DROP_ASCII.sub("", text.replace("\x0b", "\n").replace("\x0c", "\n"))
    text = text.translate(_REPLACED)
    return unicodedata.normalize("NFC", _DROP.sub("", text))


def block(text: str) -> str:
    """Clean text that keeps its lines: at most one blank line, nothing trailing."""
    text = characters(text).expandtabs(4)
    return _GAPS.sub("\n\n", _TRAILING.sub("", text)).strip("\n").rstrip()


def line(text: str) -> str:
    """Clean text onto one line, with single spaces."""
    return _RUNS.sub(" ", characters(text)).strip()
