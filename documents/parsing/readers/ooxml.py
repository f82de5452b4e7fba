"""What Word, PowerPoint and Excel files share: safe XML parts and the relations between them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from documents.parsing.archive import Archive
from documents.parsing.model import Refused

COLUMNS = 16_384
"""What a worksheet has at the most, which is Excel's own limit."""

_COLUMN_LETTERS = 3
_DOCUMENT = "/officeDocument"
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
# ISO 29500's strict variant, as Office writes it on request, names the same things otherwise.
_STRICT_ID = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_STRICT_WORD = b"http://purl.oclc.org/ooxml/wordprocessingml/main"
_WORD = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@dataclass(frozen=True, slots=True)
class Relation:
    """A part that another part names: `kind` is the last word of its type."""

    id: str
    kind: str
    target: str


def parse_xml(archive: Archive, name: str) -> etree._Element:
    """Parse a part without entities, external files or a document type."""
    content = archive.read(name).replace(_STRICT_WORD, _WORD)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise Refused("corrupt_file")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise Refused("corrupt_file") from error


def optional_xml(archive: Archive, name: str) -> etree._Element | None:
    """Parse a part that a file may leave out."""
    return parse_xml(archive, name) if name in archive else None


def main_part(archive: Archive, folder: str) -> str:
    """Return the name of the main part; another Office format than `folder`'s is refused."""
    if "[Content_Types].xml" not in archive or "_rels/.rels" not in archive:
        raise Refused("unsupported_type")
    for relation in parse_xml(archive, "_rels/.rels"):
        if str(relation.get("Type", "")).endswith(_DOCUMENT):
            name = str(relation.get("Target", "")).lstrip("/")
            if name in archive and name.startswith(f"{folder}/"):
                return name
    raise Refused("unsupported_type")


def core_title(archive: Archive) -> str:
    """Return the title in the file's properties, or nothing."""
    core = optional_xml(archive, "docProps/core.xml")
    return (core.findtext(_DC_TITLE) or "") if core is not None else ""


def relations(archive: Archive, part: str) -> list[Relation]:
    """Return the parts inside the file that `part` names; those outside it are left out."""
    folder, _, name = part.rpartition("/")
    found = optional_xml(archive, f"{folder}/_rels/{name}.rels")
    return list(_within(found, folder)) if found is not None else []


def _within(found: etree._Element, folder: str) -> Iterator[Relation]:
    for relation in found:
        target = str(relation.get("Target", ""))
        if not target or relation.get("TargetMode") == "External":
            continue
        path = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}"
        kind = str(relation.get("Type", "")).rpartition("/")[2]
        yield Relation(str(relation.get("Id", "")), kind, posixpath.normpath(path))


def relation_id(element: etree._Element) -> str:
    """Return the relation that an element refers to."""
    return str(element.get(_ID) or element.get(_STRICT_ID) or "")


def local(element: etree._Element | None) -> str:
    """Return an element's name without its namespace; nothing for what is no element."""
    tag = None if element is None else element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def named(parent: etree._Element, name: str) -> Iterator[etree._Element]:
    """Yield the descendants of one local name, whichever variant's namespace they have."""
    return parent.iter("{*}" + name)


def children(parent: etree._Element | None, *path: str) -> list[etree._Element]:
    """Return what the first child along a path of local names holds; nothing without one."""
    found = child(parent, *path)
    return [] if found is None else list(found)


def child(parent: etree._Element | None, *path: str) -> etree._Element | None:
    """Return the first child along a path of local names."""
    for name in path:
        if parent is None:
            return None
        parent = next(parent.iterchildren("{*}" + name), None)
    return parent


def column_of(letters: str) -> int:
    """Return the number of a worksheet's column, from 0: `A`, `AB`."""
    if len(letters) > _COLUMN_LETTERS or not (letters.isascii() and letters.isalpha()):
        raise Refused("corrupt_file")
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    if number > COLUMNS:
        raise Refused("corrupt_file")
    return number - 1
