"""Code in answers, its words in classes."""

import re
from typing import Final

import pygments
import pygments.formatters
import pygments.lexers
import pygments.util

CHARACTERS: Final = 8_000  # of a block; longer ones are shown plain
TOKEN: Final = re.compile(r"[a-z][a-z0-9]{0,2}")  # a class of a highlighted word, and no other


def highlighted(code: str, language: str) -> str:
    """Return code as HTML; empty where it is to be shown plain. The result is still sanitized."""
    if not language or len(code) > CHARACTERS:
        return ""
    try:
        lexer = pygments.lexers.get_lexer_by_name(language)
    except pygments.util.ClassNotFound:
        return ""
    return str(pygments.highlight(code, lexer, pygments.formatters.HtmlFormatter(nowrap=True)))
