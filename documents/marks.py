"""The marks in an answer, `[2]`: they say which passage a sentence rests on.

`[2]` inside code is code. What is code, Markdown's own parser says: the one that renders answers.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

MARK: Final = re.compile(r"\[(\d{1,3})\](?!\()")

# Private-use characters stand for marks while Markdown is read, so that `[1]: https://…` in an
# answer cannot turn the mark `[1]` into a link of the answer's own.
_OPEN: Final = "\ue0f0"
_CLOSE: Final = "\ue0f1"
HELD: Final = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_HELD_CHARACTERS: Final = re.compile(f"[{_OPEN}{_CLOSE}]")
_MAY_HOLD_CODE: Final = re.compile(r"`|~~~|\t|    ")
_CODE: Final = ("code_inline", "code_block", "fence")


def markdown_parser(**options: Any) -> MarkdownIt:
    """Return a parser of what answers may hold: no HTML, no images."""
    return (
        MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": False, **options})
        .enable(["table", "strikethrough"])
        .disable(["image", "html_block", "html_inline"])
    )


_parser: Final = markdown_parser()


def marks(text: str) -> list[re.Match[str]]:
    """Return the marks in reading order; `[1]` is the number. None of them stands in code."""
    found = list(MARK.finditer(text))
    if not found or not _MAY_HOLD_CODE.search(text):
        return found
    places = iter(range(len(found)))
    held = MARK.sub(lambda _: f"{_OPEN}{next(places)}{_CLOSE}", _HELD_CHARACTERS.sub(" ", text))
    code = {
        int(place[1])
        for token in _walked(_parser.parse(held))
        if token.type in _CODE
        for place in HELD.finditer(f"{token.info}\n{token.content}")
    }
    return [mark for number, mark in enumerate(found) if number not in code]


def remarked(text: str, replacement: Callable[[re.Match[str]], str]) -> str:
    """Return the text with each mark replaced."""
    parts: list[str] = []
    last = 0
    for mark in marks(text):
        parts += [text[last : mark.start()], replacement(mark)]
        last = mark.end()
    return "".join([*parts, text[last:]])


def unmarked(text: str) -> str:
    """Return the text without its marks."""
    return remarked(text, lambda _: "")


def marks_held(text: str) -> str:
    """Return the text in which HELD finds each mark, and nothing else of the kind."""
    clean = _HELD_CHARACTERS.sub("", text)
    return remarked(clean, lambda mark: f"{_OPEN}{mark[1]}{_CLOSE}")


def _walked(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _walked(token.children or [])
