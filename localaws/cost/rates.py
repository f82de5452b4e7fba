"""What AWS charges: its own copy of the rate card, kept equal to the product's by a test."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

# Where a route has no price of its own, another stands in.
_ROUTES = {
    "region": ("region", "geo", "global"),
    "geo": ("geo", "region", "global"),
    "global": ("global", "region", "geo"),
}
GUARDRAILS = "amazon.bedrock-guardrails"


class Rate(NamedTuple):
    """`usd` buys `per` units from `starts` on."""

    starts: date
    usd: Decimal
    per: int

    def of(self, amount: Decimal) -> Decimal:
        """What an amount costs, exactly."""
        return self.usd * amount / self.per


@cache
def _card() -> dict[tuple[str, str, str], list[Rate]]:
    path = Path(__file__).parent.parent / "data" / "rate_card.json"
    card: dict[tuple[str, str, str], list[Rate]] = {}
    for row in json.loads(path.read_text()):
        for unit, usd in row["prices"].items():
            rate = Rate(date.fromisoformat(row["from"]), Decimal(usd), int(row["per"]))
            card.setdefault((row["model"], row["route"], unit), []).append(rate)
    for rates in card.values():
        rates.sort(reverse=True)
    return card


@cache
def rate_of(model: str, route: str, unit: str, day: date) -> Rate | None:
    """The rate of a unit of a model on a day; None where it costs nothing.

    A model's tier follows an `@`. Guardrail units cost the same with every model.
    """
    name = GUARDRAILS if unit.startswith("guardrail_") else model
    for candidate in _ROUTES[route]:
        for rate in _card().get((name, candidate, unit), ()):
            if rate.starts <= day:
                return rate
    return None
