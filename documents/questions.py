"""Questions that documents answer, made of their own headings; no model is asked."""

import re
from typing import Final

from django.utils.translation import gettext

NAME_CHARACTERS: Final = 80
HEADING_CHARACTERS: Final = 60
_NUMBER: Final = re.compile(r"(?:\d{1,2}(?:\.\d{1,2})+\.?|(?:\d{1,2}|[IVXLC]+)\.)\s+(?=\w)")


def is_asked_of(heading: str) -> bool:
    """Return whether a heading is short enough to make a question."""
    return len(heading) <= HEADING_CHARACTERS


def question_about(name: str, heading: str) -> str:
    """Return a question about a section; its heading goes without its number."""
    title = heading[found.end() :] if (found := _NUMBER.match(heading)) else heading
    told = {"name": name[:NAME_CHARACTERS], "title": title}
    return gettext("What does “%(name)s” say about “%(title)s”?") % told


def question_of(name: str) -> str:
    """Return a question about the whole of a document, which has no headings to ask about."""
    return gettext("What is “%(name)s” about?") % {"name": name[:NAME_CHARACTERS]}
