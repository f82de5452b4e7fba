"""Rows of tables: read from lines, and said as one readable line in the table's own words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from localaws.model.meaning import bag, closeness

_RULE = re.compile(r"^[\s|:\-=+]*$")
_PAIR = re.compile(r";\s+(?=[^:;]{1,48}:\s)")
_CODE = re.compile(r"^[A-Z]{0,5}[-_/ ]?\d[\w-]*$")
_FIGURE = re.compile(r"^\W*(?:[A-Z]{3}\s)?\d")
_NAMES = re.compile(r"\b(?:name|product|title|item|description|article|model)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """The cells of one row, each under its column's name, which is empty without a header."""

    cells: tuple[tuple[str, str], ...]

    @cached_property
    def label(self) -> int:
        """The cell that names the row: the first, or the name beside it where that is a code."""
        if (
            len(self.cells) > 1
            and _CODE.match(self.cells[0][1])
            and _NAMES.search(self.cells[1][0])
        ):
            return 1
        return 0

    @cached_property
    def values(self) -> str:
        """The cells alone."""
        return " ".join(value for _, value in self.cells)

    @cached_property
    def columns(self) -> str:
        """The columns' names alone, but for the one that names the row."""
        return " ".join(name for at, (name, _) in enumerate(self.cells) if at != self.label)

    def said(self, asked: list[str] | None = None) -> str:
        """`London: Limit per night GBP 190`: the columns asked for, else all that say something.

        `asked` are a question's terms. A cell that holds one of them beside the label is named
        with the label.
        """
        label = [self.label]
        wanted: list[int] = []
        if asked:
            label += self._also_naming(asked)
            wanted = self._asked_for(asked, label)
        rest = wanted or [at for at in range(len(self.cells)) if at not in label]
        named = ", ".join(self.cells[at][1] for at in label)
        told = ", ".join(f"{self.cells[at][0]} {self.cells[at][1]}".strip()
                         for at in rest if self.cells[at][1])  # fmt: skip
        return f"{named}: {told}" if named and told else named or told

    def _also_naming(self, asked: list[str]) -> list[int]:
        open_terms = [t for t in asked if closeness(t, bag(self.cells[self.label][1])) < 1]
        found = []
        for at, (name, value) in enumerate(self.cells):
            held = {t for t in open_terms if t in bag(value) and t not in bag(name)}
            plain = len(value.split()) <= 6 and not any(c.isdigit() for c in value)
            if at != self.label and held and plain:
                found.append(at)
                open_terms = [t for t in open_terms if t not in held]
        return found

    def _asked_for(self, asked: list[str], label: list[int]) -> list[int]:
        scores = {
            at: sum(closeness(t, bag(name)) for t in asked)
            for at, (name, _) in enumerate(self.cells)
            if at not in label
        }
        best = max(scores.values(), default=0.0)
        return [at for at, score in scores.items() if best > 0 and score >= best - 0.1]


def cells_of(line: str) -> list[str] | None:
    """The cells of a line with pipes or tabs; None where the line is no row."""
    stripped = line.strip()
    if "\t" in stripped:
        return [cell.strip() for cell in stripped.split("\t")]
    if " | " not in stripped and not (stripped.startswith("|") and stripped.endswith("|")):
        return None
    return [cell.strip() for cell in stripped.strip("|").split("|")]


def is_rule(line: str) -> bool:
    """Whether the line only parts a header from its rows."""
    return bool(_RULE.match(line)) and "-" in line


def rows_of(lines: list[list[str]], headed: bool) -> list[Row]:
    """The rows under a header, which is the first line unless it looks like data."""
    if len(lines) > 1 and headed and not _looks_like_data(lines[0], lines[1]):
        header, body = lines[0], lines[1:]
    else:
        header, body = [""] * max(len(line) for line in lines), lines
    return [
        Row(tuple((header[at] if at < len(header) else "", cell) for at, cell in enumerate(line)))
        for line in body
    ]


def _looks_like_data(first: list[str], second: list[str]) -> bool:
    """Whether the first line has figures in the columns in which the second has them."""
    figures = [bool(_FIGURE.match(cell)) for cell in first[1:]]
    return any(figures) and figures == [bool(_FIGURE.match(cell)) for cell in second[1:]]


def record_of(line: str) -> Row | None:
    """A line of `Column: value; Column: value`, as rows of CSV files are stored."""
    parts = _PAIR.split(line.strip())
    if len(parts) < 2 or line.rstrip().endswith("."):
        return None
    pairs = [tuple(part.split(":", 1)) for part in parts]
    if any(len(pair) != 2 or len(pair[0].split()) > 6 for pair in pairs):
        return None
    return Row(tuple((name.strip(), value.strip(" ;")) for name, value in pairs))
