"""Which addresses of links are said behind their words."""

from __future__ import annotations

import re
from urllib.parse import unquote

_LONGEST = 80  # what is longer stands in the way of reading, and nobody types it in
_WEB = re.compile(r"https?://", re.I)
_PERSON = re.compile(r"mailto:([^?]+)", re.I)
_AROUND = re.compile(r"^(?:https?://)?(?:www\.)?|[/?#]+$", re.I)


def address_of(href: str, words: str) -> str:
    """Return where a link leads; nothing where its words say so, or it stays in its site."""
    address = "".join(href.split())
    person = _PERSON.match(address)
    if person:
        address = unquote(person[1])
    elif not _WEB.match(address):
        return ""
    if len(address) > _LONGEST or _plain(address) in _plain(words):
        return ""
    return address


def _plain(text: str) -> str:
    return _AROUND.sub("", "".join(text.split())).casefold()
