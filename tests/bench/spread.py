"""Figures of repeated measurements, as cells of a table."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile, between the two nearest values."""
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def cells(values: Sequence[float], digits: int = 1) -> tuple[str, str, str, str]:
    """Return median, 95th percentile, least and most, and how many there were."""
    least, most = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return (
        f"{median(values):.{digits}f}",
        f"{p95(values):.{digits}f}",
        f"{least}–{most}",
        str(len(values)),
    )


def few(values: Sequence[float], digits: int = 1) -> tuple[str, str, str]:
    """Return the same without a percentile, for values too few to have one."""
    middle, _, ends, count = cells(values, digits)
    return middle, ends, count
