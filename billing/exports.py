"""CSV of what the usage page shows, table by table, with sums to their last digit."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

from billing.monthly import MonthUsage, Part, UnitUse, hours
from tenants.csvfile import cell_safe
from tenants.errors import NotFound


def usage_csv(usage: MonthUsage, table: str, *, sees_members: bool) -> str:
    """Return one table of the usage page as CSV. Raises NotFound for one that is not shown."""
    parts = {
        "days": ("Day", usage.days),
        "features": ("Feature", usage.by_feature),
        "models": ("Model", usage.by_model),
    }
    if sees_members:
        parts |= {"members": ("Member", usage.by_user), "keys": ("API key", usage.by_key)}
    if table == "hours":
        return _written(("Hour (UTC)", *PART), ((p.key, *_part(p)) for p in hours()))
    if table in parts:
        head, rows = parts[table]
        plain = table == "days"  # as the machine reads a date
        return _written(
            (head, *PART), ((part.key if plain else part.label, *_part(part)) for part in rows)
        )
    if table == "units":
        return _written(
            ("Model", "Unit", "Quantity", "Price, USD", "For", "Spend, USD", "Part estimated"),
            (_unit(use) for use in usage.units_shown),
        )
    if table == "meters":
        return _written(
            ("Meter", "Used", "Reserved", "Included", "Resets on"),
            (
                (m.label, m.used, m.reserved, "" if m.included is None else m.included, m.resets_on)
                for m in usage.meters
            ),
        )
    raise NotFound


PART: Final = ("Requests", "Tokens", "Spend, USD")


def _part(part: Part) -> tuple[Any, ...]:
    return part.requests, part.tokens, f"{part.usd:f}"


def _unit(use: UnitUse) -> tuple[Any, ...]:
    price = "" if use.price_usd is None else f"{use.price_usd:f}"
    estimated = "yes" if use.estimated else "no"
    return (
        use.model, use.unit, use.quantity, price, use.price_per or "", f"{use.usd:f}", estimated
    )  # fmt: skip


def _written(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(head)
    for row in rows:
        writer.writerow([cell_safe(cell) for cell in row])
    return file.getvalue()
