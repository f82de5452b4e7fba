"""The parts of a passage: headings, sentences, list items and table rows, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from localaws.model.tables import Row, cells_of, is_rule, record_of, rows_of
from localaws.model.text import split, words

_BULLET = re.compile(r"^\s*(?:[-*•▪◦–·‣]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+")
_COUNTED = re.compile(r"^\s*\(?\d{1,2}[.)]\s+")
_SECTION = re.compile(r"^\s*(?:\d{1,2}(?:\.\d{1,2})+\.?|§\s?\d+|[A-Z]\.\d+)\s+\S")
_HASHES = re.compile(r"^\s*(#{1,6})\s+")
_LEADERS = re.compile(r"(?:\. ?){6,}\s*\d*$")  # of a table of contents
_ASKING = re.compile(r"^(?:what|how|who|whom|when|where|why|which)\b", re.IGNORECASE)
_NAMED = re.compile(r"^--?\w|\w_\w|\w\(|\w \(|^[a-z]+[A-Z]\w*|^[<$]|=")
_GOES_ON = re.compile(
    r"(?:and|or|but|where|which|when|with|without|to|of|in|as|for|by|from|if|that|so|then|is|are"
    r"|will|must|can|may)\b "
)
_ENDED = re.compile(r"[.!?;]['\"”’)\]]*$")
_CODE_END = re.compile(r"[;{}]$")
_LONGEST = 500  # characters of a joined sentence
_LABELLED = 6  # paragraphs that a label is above of, at most
_VERBS = {"is", "are", "was", "were", "has", "have", "may", "must", "will", "can", "should"}


@dataclass(eq=False)
class Sentence:
    """One sentence, item or row, verbatim but for white space, under its heading.

    `text` is what is quoted; `row` is set for a table's row, whose `text` is one way to say it.
    `block` counts paragraphs, lists and tables, so that neighbours are known.
    """

    text: str
    heading: str = ""
    passage: int = 0
    position: int = 0
    block: int = 0
    marks: list[str] = field(default_factory=list)
    is_heading: bool = False
    is_item: bool = False
    is_counted: bool = False
    row: Row | None = None
    is_label: bool = False
    label: str = ""  # the term, option or signature that it stands below

    @property
    def is_prose(self) -> bool:
        """A whole sentence: what a summary is made of."""
        whole = re.search(r"[.!…]['\"”’)\]]*$", self.text) is not None
        return whole and not self.is_heading and self.row is None and len(words(self.text)) >= 4


def _lines(text: str) -> list[str]:
    text = text.replace("\r\n", "\n").replace("\u00ad", "").replace("\u00a0", " ")
    text = re.sub(r"(?<=[a-zà-ÿ])[-‐]\n\s*(?=[a-zà-ÿ])", "", text)
    return [line.strip(" \r") for line in text.split("\n")]


def _joins(line: str, following: str) -> bool:
    """Whether a line break only wraps a paragraph."""
    if _BULLET.match(following) or _HASHES.match(following) or _HASHES.match(line):
        return False
    if _SECTION.match(following) or cells_of(following) or record_of(following):
        return False
    if re.search(r"[.!?:;]\s*$", line) and (len(line) < 45 or _is_term(following)):
        return False
    return following[:1].islower() or len(line) >= 45


def _is_term(line: str) -> bool:
    """Whether a line is a few words alone: a name that the lines below it tell about."""
    return len(line) <= 30 and len(line.split()) <= 3 and not re.search(r"[.!?,:;]$", line)


def _blocks(text: str) -> list[list[str]]:
    """Paragraphs, list items and whole tables, as their lines; rows stay lines of their own."""
    blocks: list[list[str]] = []
    tabular = False
    fresh = True
    for line in _lines(text):
        if not line.strip():
            fresh = True
            continue
        is_row = cells_of(line) is not None
        if not fresh and blocks and is_row and tabular:
            blocks[-1].append(line)
        elif not fresh and blocks and not is_row and not tabular and _joins(blocks[-1][-1], line):
            if record_of(blocks[-1][-1]):
                blocks.append([line])
            else:
                blocks[-1].append(line)
        else:
            blocks.append([line])
        tabular, fresh = is_row, False
    return blocks


def sentences(text: str) -> list[Sentence]:
    """Split a passage. Headings are kept as context of what follows, and marked."""
    blocks = _blocks(text)
    found: list[Sentence] = []
    heading = ""
    for number, lines in enumerate(blocks):
        table = [c for line in lines if not is_rule(line) and (c := cells_of(line)) is not None]
        if len(table) == len([line for line in lines if not is_rule(line)]) and (
            len(table) > 1 or "\t" not in lines[0]
        ):
            rows = rows_of(table, headed=number > 0) if table else []  # else it goes on here
            found += [Sentence(row.said(), heading, block=number, row=row) for row in rows]
            continue
        flat = re.sub(r"\s+", " ", " ".join(lines)).strip()
        if re.fullmatch(r"[\s|:\-=_*.#]*", flat) or _LEADERS.search(flat):
            continue
        record = record_of(flat)
        if record is not None:
            found.append(Sentence(record.said(), heading, block=number, row=record))
            continue
        before = blocks[number - 1] if number else None
        after = blocks[number + 1] if number + 1 < len(blocks) else None
        if _is_heading(flat, before, after):
            heading = _HASHES.sub("", flat).strip("*_ ")
            found.append(Sentence(heading, heading, block=number, is_heading=True))
            continue
        is_item, counted = bool(_BULLET.match(flat)), bool(_COUNTED.match(flat))
        found += [
            Sentence(part, heading, block=number, is_item=is_item, is_counted=counted)
            for part in split(_BULLET.sub("", flat))
        ]
    found = _joined(found)
    _label(found)
    for position, sentence in enumerate(found):
        sentence.position = position
    return found


def _joined(found: list[Sentence]) -> list[Sentence]:
    """Join a sentence that goes on in small letters, behind a line of code or a cut."""
    joined: list[Sentence] = []
    for sentence in found:
        back = _goes_on(joined, sentence)
        if back:
            parts = joined[-back:]
            parts[0].text = " ".join(part.text for part in [*parts, sentence])
            del joined[len(joined) - back + 1 :]
        else:
            joined.append(sentence)
    return joined


def _goes_on(before: list[Sentence], sentence: Sentence) -> int:
    """How many of the last sentences this one is the end of: one, two with code between, or 0."""
    if not _plain(sentence) or not _GOES_ON.match(sentence.text):
        return 0
    for back in (1, 2):
        parts = before[-back:]
        if len(parts) < back or not all(map(_plain, parts)):
            return 0
        first = parts[0].text
        whole = sum(len(part.text) for part in parts) + len(sentence.text)
        open_ended = not _ENDED.search(first) and len(first.split()) >= 4
        if (
            open_ended
            and whole <= _LONGEST
            and (back == 1 or _is_label(parts[1].text) or _CODE_END.search(parts[1].text))
        ):
            return back
    return 0


def _plain(sentence: Sentence) -> bool:
    return not (sentence.is_heading or sentence.is_item or sentence.row)


def _label(found: list[Sentence]) -> None:
    """Give each sentence the label above it: a line of its own that is no sentence."""
    label, labelled = "", 0
    for at, sentence in enumerate(found):
        if sentence.is_heading:
            label = label if sentence.block - labelled == 1 else ""
            continue
        alone = at == 0 or found[at - 1].block != sentence.block
        alone = alone and (at + 1 == len(found) or found[at + 1].block != sentence.block)
        if alone and sentence.row is None and not sentence.is_item and _is_label(sentence.text):
            label, labelled = sentence.text, sentence.block
            sentence.is_label = True
        elif sentence.block - labelled <= _LABELLED:
            sentence.label = label


def _is_label(text: str) -> bool:
    return (
        len(text) <= 160
        and not re.search(r"[.!?;,]['\"”’)\]]*$", text)
        and not text[:1].isdigit()
        and (_NAMED.search(text) is not None or text.endswith(")"))
        and not _VERBS & set(words(text))
    )


def _is_capitals(flat: str) -> bool:
    """Whether a line is words in capitals: no constant, no figures."""
    return (
        flat.isupper()
        and bool(re.search(r"\b[A-Z]{3,}\b", flat))
        and not re.search(r"[=_;{}]", flat)
    )


def _is_heading(flat: str, before: list[str] | None, after: list[str] | None) -> bool:
    if _HASHES.match(flat):
        return True
    count = len(flat.split())
    if len(flat) > 90 or count > 12 or re.search(r"[.!;,:|]$", flat):
        return False
    if _COUNTED.match(flat):
        # A number opens a section, unless it counts the points of a list.
        near = [block[0] for block in (before, after) if block]
        listed = any(_COUNTED.match(line) for line in near)
        return not listed and after is not None and count <= 9 and "  " not in flat
    if _BULLET.match(flat):
        return False
    if flat.endswith("?"):
        return after is not None
    if _SECTION.match(flat) or (count > 1 and _is_capitals(flat)):
        return True
    if not flat[:1].isupper() and not flat[:1].isdigit():
        # A name in small letters, between a text's end and the text about it.
        ended = before is None or re.search(r"[.!?]$", before[-1]) is not None
        told = after is not None and (after[0][:1].isupper() or after[0][:1] in '/"“')
        return ended and told and _is_term(flat) and len(after[0]) > len(flat) if after else False
    if before is None and after is not None and ": " in flat and ": " not in after[0]:
        return ", " not in flat and " · " not in flat
    if any(mark in flat for mark in (": ", ", ", "=", " · ", "; ")):
        return False
    if count > 8 or not re.search(r"[^\W\d_]{3}", flat):
        return False  # figures are no title
    return bool(_ASKING.match(flat)) or not _VERBS & set(words(flat))
