"""The questions of the twenty files, and how an answer is judged: by its page and by its words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "questions"
TEN: Final = Path(__file__).parent / "ten_questions.toml"
HELD_OUT: Final = 2  # the last of each file


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and where the answer stands; without pages, the words alone say where."""

    text: str
    file: str
    pages: tuple[int, ...]
    words: str
    held_out: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What came back: `right` is a quotation of the right page that holds the words."""

    question: Question
    found: bool  # something was cited
    file: bool  # of the right file
    page: bool  # of the right page; without pages, the words
    right: bool
    first: bool  # and it is the first citation
    given: bool  # a passage that the model was given holds the words
    said: str

    @property
    def verdict(self) -> str:
        """Return one word for the answer."""
        if self.right:
            return "right"
        if not self.found:
            return "not found"
        return "right page, other words" if self.page else "wrong"


def questions() -> list[Question]:
    """Return the ten of each file, file by file."""
    return [each for path in sorted(FOLDER.glob("*.toml")) for each in _written(path, HELD_OUT)]


def ten_questions() -> list[Question]:
    """Return the ten over all files together."""
    return _written(TEN, 0)


def _written(path: Path, hold_out: int) -> list[Question]:
    found = []
    for file, rows in tomllib.loads(path.read_text()).items():
        for place, (text, page, words) in enumerate(rows):
            pages = page if isinstance(page, list) else [page] if page else []
            held_out = place >= len(rows) - hold_out
            found.append(Question(text, file, tuple(pages), words, held_out))
    return found


def judged(question: Question, answer: Mapping[str, Any], given: str = "") -> Judged:
    """Judge an answer of REST by its citations; `given` is what the model was given to read."""
    citations: Sequence[Mapping[str, Any]] = answer["citations"]
    in_file = [cited["document_name"] == question.file for cited in citations]
    with_words = [plain(question.words) in plain(cited["quote"]) for cited in citations]
    on_page = [
        here and (cited["page"] in question.pages if question.pages else holds)
        for cited, here, holds in zip(citations, in_file, with_words, strict=True)
    ]
    right = [page and holds for page, holds in zip(on_page, with_words, strict=True)]
    return Judged(
        question=question,
        found=bool(citations),
        file=any(in_file),
        page=any(on_page),
        right=any(right),
        first=bool(right) and right[0],
        given=plain(question.words) in plain(given),
        said=answer["answer"],
    )


def plain(text: str) -> str:
    """Return text as it is compared: spaces, apostrophes and Markdown's backslashes aside."""
    return re.sub(r"\s+", " ", text.replace("\u2019", "'").replace("\\", "")).casefold()
