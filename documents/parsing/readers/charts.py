"""Charts inside Office files: the figures that they draw, as rows that can be understood alone."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from documents.parsing import clean
from documents.parsing.readers.ooxml import child, named

_POINTS = 2_000  # of one series; what draws more is no chart that people read figures off


def lines(chart: etree._Element) -> Iterator[str]:
    """Yield a chart's title, then a line for each category with every series' figure."""
    title = next(named(chart, "title"), None)
    if title is not None:
        yield clean.line("".join(t.text or "" for t in named(title, "t")))
    categories: dict[int, str] = {}
    figures: list[tuple[str, dict[int, str]]] = []
    for series in named(chart, "ser"):
        name = " ".join(_points(child(series, "tx")).values())
        categories = categories or _points(child(series, "cat"))
        values = _points(child(series, "val"))
        if values:
            figures.append((clean.line(name), values))
    for index in sorted({index for _, values in figures for index in values}):
        told = [
            f"{name}: {values[index]}" if name else values[index]
            for name, values in figures
            if index in values
        ]
        category = clean.line(categories.get(index, ""))
        yield "; ".join([category, *told] if category else told)


def _points(part: etree._Element | None) -> dict[int, str]:
    """Return the cached points of a series by their position."""
    if part is None:
        return {}
    found: dict[int, str] = {}
    for point in named(part, "pt"):
        position = str(point.get("idx", ""))
        value = child(point, "v")
        if position.isdecimal() and value is not None and len(found) < _POINTS:
            found[int(position)] = value.text or ""
    if not found and (value := child(part, "v")) is not None:
        found[0] = value.text or ""
    return found
