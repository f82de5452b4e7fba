"""Rows of a table whose cells reach over several rows or columns."""

from __future__ import annotations

_MOST = 1000  # rows and columns of a cell, as browsers have it


class Grid:
    """The cells of a table, row by row.

    A cell that reaches over rows is said in each of them: every row is a line of its own, which may
    be found and quoted without the one above.
    """

    def __init__(self) -> None:
        self.row: list[str] | None = None
        self._column = 0
        self._held: dict[int, tuple[int, int, str]] = {}  # column: rows to come, columns, text

    def begin(self) -> None:
        """Begin a row."""
        self.row = []
        self._column = 0

    def add(self, text: str, rows: str = "", columns: str = "") -> None:
        """Add a cell of the row that was begun, if one was."""
        if self.row is None:
            return
        self._take_held()
        self.row.append(text)
        wide = _span(columns)
        if (high := _span(rows)) > 1:
            self._held[self._column] = (high - 1, wide, text)
        self._column += wide

    def end(self) -> list[str]:
        """Return the row's cells; none if all are empty."""
        row = self.row if self.row is not None else []
        while later := [column for column in self._held if column >= self._column]:
            self._column = min(later)
            self._take_held()
        self.row = None
        return row if any(row) else []

    def _take_held(self) -> None:
        row = self.row if self.row is not None else []
        while self._column in self._held:
            left, wide, text = self._held.pop(self._column)
            row.append(text)
            if left > 1:
                self._held[self._column] = (left - 1, wide, text)
            self._column += wide


def _span(text: str) -> int:
    return min(max(int(text), 1), _MOST) if text.isascii() and text.isdecimal() else 1
