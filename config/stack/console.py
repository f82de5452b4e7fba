"""What the person at the terminal sees: one line per step, plain in a log, live on a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

WIDTH = 22  # columns of a step's name


@dataclass(slots=True)
class Console:
    """Progress on `out`; on a terminal, running steps stand on one line that is drawn over."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    running: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show `name` as running, then as done with its seconds."""
        begun = time.monotonic()
        self.running.append(name)
        self._draw()
        done = False
        try:
            yield
            done = True
        finally:
            self.running.remove(name)
            if done:
                self._line(f"  {name:<{WIDTH}} {time.monotonic() - begun:5.1f} s")
            self._draw()

    def say(self, text: str = "") -> None:
        """Print a line of its own."""
        self._line(text)
        self._draw()

    def _line(self, text: str) -> None:
        self._write(("\r\033[K" if self._live() else "") + text + "\n")

    def _draw(self) -> None:
        if self._live():
            self._write("\r\033[K" + ("  " + ", ".join(self.running) if self.running else ""))

    def _write(self, text: str) -> None:
        try:
            self.out.write(text)
            self.out.flush()
        except OSError:  # nobody reads any more: a terminal that was closed must not end the stack
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self.out.fileno())

    def _live(self) -> bool:
        return self.out.isatty()


def sign_ins(demo: Mapping[str, Any]) -> list[str]:
    """Return the lines that tell where to sign in, from the seeder's `demo.json`."""
    staff = demo["staff"]
    rows = [("who", "where", "e-mail", "password")]
    for tenant in demo["tenants"]:
        rows += [
            (f"{tenant['slug']} {user['role']}", tenant["url"], user["email"], user["password"])
            for user in tenant["users"]
        ]
    rows.append(("staff", staff["url"], staff["email"], staff["password"]))
    return table(rows)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows set in columns, the first one ruled off."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return [lines[0], "  " + "  ".join("-" * width for width in widths), *lines[1:]]


def relative(path: Path) -> str:
    """Return `path` as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
