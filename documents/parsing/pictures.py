"""Draw pages of an untrusted PDF, or a picture, in a limited child process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from documents.parsing.errors import error_for
from documents.parsing.model import DEFAULT, Limits, MediaType
from documents.parsing.sandbox import child_answer

LIMITS = replace(DEFAULT, wall_seconds=20.0, cpu_seconds=15, memory_bytes=384 * 1024 * 1024)
_START = "from documents.parsing.paint import main; main()"
_CAP = 96 * 1024 * 1024
"""Bytes of one answer: a few images, and the letters of their pages."""


@dataclass(frozen=True, slots=True)
class Letters:
    """A page's letters in the order of its content, and where each stands.

    `places` has four numbers a letter: left, top, right and bottom, in parts of `PLACE` of the
    page's width and height.
    """

    text: str
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as it is drawn: a JPEG, and its letters."""

    number: int
    image: bytes
    letters: Letters


@dataclass(frozen=True, slots=True)
class Pictures:
    """Some pages; `sizes` are width and height of all pages of the file, in points."""

    sizes: tuple[tuple[float, float], ...]
    pages: tuple[Picture, ...]


def pictures(
    path: Path,
    numbers: list[int],
    *,
    width: int,
    media_type: str = MediaType.PDF,
    limits: Limits = LIMITS,
) -> Pictures:
    """Return pages of a PDF, counted from 1, `width` pixels wide; broken pages are left out.

    A picture is one page, at most `width` pixels wide and high, never larger than it is.

    Blocks until the child ends, at most `limits.wall_seconds`. Raises a `ParsingError`.
    """
    arguments = [json.dumps(asdict(limits)), json.dumps(numbers), str(width), str(media_type)]
    output = child_answer(path, _START, arguments, limits=limits, cap=_CAP)
    head, _, body = output.partition(b"\n")
    try:
        told = json.loads(head)
        if "refused" in told:
            raise error_for(told["refused"], **told["extra"])
        return _checked(told, body)
    except (KeyError, TypeError, ValueError):
        raise error_for("corrupt_file") from None


def _checked(head: dict[str, Any], body: bytes) -> Pictures:
    """Read the child's answer, which a hostile file may have had a hand in."""
    sizes = tuple((float(width), float(height)) for width, height in head["sizes"])
    pages = []
    at = 0
    for page in head["pages"]:
        image = body[at : at + int(page["bytes"])]
        at += len(image)
        if not image.startswith(b"\xff\xd8"):
            raise ValueError("not a JPEG")
        pages.append(Picture(int(page["number"]), image, letters_checked(page)))
    return Pictures(sizes, tuple(pages))


def letters_checked(page: dict[str, Any]) -> Letters:
    """Return letters from their JSON. Raises KeyError, TypeError, ValueError."""
    text, places = str(page["letters"]), tuple(int(side) for side in page["places"])
    if len(places) != 4 * len(text):
        raise ValueError("letters without places")
    return Letters(text, places)
