"""Show where a conversation that was searched for holds the words, as safe HTML."""

import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from assistant.models import Conversation, Message
from assistant.selectors import query_words

LEAD: Final = 18  # characters before the first word: a line of the list has some thirty
SHOWN: Final = 90


def places_mark(rows: Sequence[Conversation], query: str) -> None:
    """Give each found conversation its `place`, the message's words about those of the query.

    None where its title alone has them. One statement.
    """
    words = query_words(query)
    found: Sequence[Any] = rows  # with the annotation of `conversation_list`
    ids = [each.found for each in found if words and each.found]
    texts: dict[UUID, str] = dict(
        Message.objects.filter(id__in=ids).values_list("id", "text") if ids else ()
    )
    for each in found:
        text = texts.get(each.found) if words else None
        each.place = None if text is None else _place(" ".join(text.split()), words)


def _place(text: str, words: Sequence[str]) -> SafeString:
    """Return the part of a text from just before its first such word on, all of them marked."""
    said = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))), re.IGNORECASE)
    first = said.search(text)
    start = text.rfind(" ", 0, max(first.start() - LEAD, 0)) + 1 if first else 0
    shown = text[start : start + SHOWN]
    pieces, at = [], 0
    for match in said.finditer(shown):
        pieces += [(shown[at : match.start()],), (format_html("<mark>{}</mark>", match[0]),)]
        at = match.end()
    pieces.append((shown[at:],))
    body = format_html_join("", "{}", pieces)
    after = " …" if start + SHOWN < len(text) else ""
    return format_html("{}{}{}", "… " if start else "", body, after)
