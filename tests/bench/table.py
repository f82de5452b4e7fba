"""A table of `make bench`: what was measured, beside what it is compared with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill

from config.stack.options import REPOSITORY

DATA_VARIABLE = "TENANTRY_DATA"
WIDTH = 110  # characters


@dataclass(frozen=True, slots=True)
class Table:
    """`includes` says what the figures take in; `reached` is None where nothing could be measured.

    The first cell of a row names it; figures are texts with their unit in the column's head.
    """

    title: str
    includes: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    target: str = ""
    reached: bool | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    def __str__(self) -> str:
        lines = ["", self.title, "=" * len(self.title), fill(self.includes, WIDTH)]
        if self.rows:
            lines += ["", *_aligned([self.columns, *self.rows])]
        if self.target:
            verdict = {True: "reached", False: "NOT REACHED", None: "not measured"}[self.reached]
            lines += ["", f"Target: {self.target}: {verdict}."]
        return "\n".join([*lines, *(fill(note, WIDTH) for note in self.notes)])


class DataMissing(Exception):
    """A collection that a table needs is not on this machine; says where it was looked for."""


def data_folder(name: str) -> Path:
    """Return the folder of a collection. Raises DataMissing.

    `TENANTRY_DATA` names the folder of all collections; `../shared/data` beside the checkout is
    where they are otherwise.
    """
    given = os.environ.get(DATA_VARIABLE)
    folder = (Path(given) if given else REPOSITORY.parent / "shared" / "data") / name
    if not folder.is_dir():
        raise DataMissing(
            f"Not measured: the collection `{name}` is not in {folder.parent}; set {DATA_VARIABLE}"
            " to the folder that holds it."
        )
    return folder


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as text: names to the left, figures to the right, a rule under the head."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
