"""Comments of a worksheet's cells: notes of the old kind, and threads with their answers.

https://learn.microsoft.com/openspecs/office_standards/ms-xlsx (threaded comments).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lxml import etree

from documents.parsing import clean
from documents.parsing.archive import Archive
from documents.parsing.readers import ooxml
from documents.parsing.readers.ooxml import child, column_of, local, named

_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_COPY = "tc="  # the author of a thread's copy for programs that know notes alone


class Comments:
    """The comments of a sheet that have yet to be read, as (row, column, what to write)."""

    def __init__(self, found: Iterable[tuple[str, str, str]]) -> None:
        """Take (cell, author, text); what is no cell's is left out."""
        self._waiting: list[tuple[int, int, str]] = []
        for cell, author, text in found:
            place = _PLACE.fullmatch(cell)
            if text and place is not None:
                by = f" by {author}" if author else ""
                line = f"Comment on {cell}{by}: {text}"
                self._waiting.append((int(place[2]), column_of(place[1]), line))
        # The last first; answers stay behind their comment.
        self._waiting.reverse()
        self._waiting.sort(key=lambda each: each[:2], reverse=True)

    def take(self, row: int, hidden: set[int], *, shown: bool = True) -> list[str]:
        """Return those down to a row, once; without hidden columns', and this row's if it is."""
        lines = []
        while self._waiting and self._waiting[-1][0] <= row:
            at, column, line = self._waiting.pop()
            if column not in hidden and (shown or at != row):
                lines.append(line)
        return lines


def people(archive: Archive, relations: list[ooxml.Relation]) -> dict[str, str]:
    """Return who takes part in a workbook's threads, by their ids."""
    return {
        str(person.get("id", "")): clean.line(str(person.get("displayName", "")))
        for relation in relations
        if relation.kind == "person" and relation.target in archive
        for person in named(ooxml.parse_xml(archive, relation.target), "person")
    }


def comments_of(
    archive: Archive, sheet: str, who: dict[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yield (cell, author, text) of a sheet's comments; a thread's answers follow it."""
    for relation in ooxml.relations(archive, sheet):
        if relation.target not in archive:
            continue
        if relation.kind == "comments":
            yield from _notes(ooxml.parse_xml(archive, relation.target))
        elif relation.kind == "threadedComment":
            for each in named(ooxml.parse_xml(archive, relation.target), "threadedComment"):
                author = who.get(str(each.get("personId", "")), "")
                yield str(each.get("ref", "")), author, _words(child(each, "text"))


def _notes(part: etree._Element) -> Iterator[tuple[str, str, str]]:
    authors = [clean.line(author.text or "") for author in named(part, "author")]
    for note in named(part, "comment"):
        number = str(note.get("authorId", ""))
        known = number.isdecimal() and int(number) < len(authors)
        author = authors[int(number)] if known else ""
        if not author.startswith(_COPY):
            # A note begins with its author's name, as the program writes it.
            text = _words(child(note, "text")).removeprefix(f"{author}:").lstrip()
            yield str(note.get("ref", "")), author, text


def _words(element: etree._Element | None) -> str:
    if element is None:
        return ""
    runs = [element, *named(element, "t")]
    return clean.line("".join(run.text or "" for run in runs if local(run.getparent()) != "rPh"))
