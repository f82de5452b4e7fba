"""Comments of slides: the older kind, and threads with their answers.

https://learn.microsoft.com/openspecs/office_standards/ms-pptx (modern comments).
"""

from __future__ import annotations

from collections.abc import Iterator

from documents.parsing import clean
from documents.parsing.archive import Archive
from documents.parsing.readers import ooxml
from documents.parsing.readers.ooxml import child, named
from documents.parsing.readers.slide_words import words

_AUTHORS = ("commentAuthors", "authors")


def authors_of(archive: Archive, main: str) -> dict[str, str]:
    """Return who comments in a presentation, by their ids."""
    return {
        str(author.get("id", "")): clean.line(str(author.get("name", "")))
        for relation in ooxml.relations(archive, main)
        if relation.kind in _AUTHORS and relation.target in archive
        for author in ooxml.parse_xml(archive, relation.target)
    }


def comments_of(
    archive: Archive, relations: list[ooxml.Relation], authors: dict[str, str]
) -> Iterator[str]:
    """Yield the comments of a slide that has these relations; answers follow what they answer."""
    for relation in relations:
        if relation.kind != "comments" or relation.target not in archive:
            continue
        for comment in named(ooxml.parse_xml(archive, relation.target), "cm"):
            for each in (comment, *named(comment, "reply")):
                plain, body = child(each, "text"), child(each, "txBody")
                said = [] if body is None else map(words, named(body, "p"))
                text = clean.line(" ".join([(plain is not None and plain.text) or "", *said]))
                author = authors.get(str(each.get("authorId", "")), "")
                if text:
                    yield f"Comment by {author}: {text}" if author else f"Comment: {text}"
