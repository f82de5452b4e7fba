"""What a test puts wrong with the bill, at `/_localaws/cost`."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from localaws.cost.book import Row
from localaws.errors import invalid
from localaws.wire import Json

_SCOPE = {"tenant", "model", "day"}


@dataclass
class Injected:
    """Drifts and rows that are late, each for a tenant, a model, a day, or any of them.

    `duplicate_rows` and `duplicate_files` hold for the exports that follow.
    """

    drift: list[Json] = field(default_factory=list)
    late: list[Json] = field(default_factory=list)
    duplicate_rows: bool = False
    duplicate_files: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, document: Json) -> None:
        """Take switches: `drift` and `late` are a scope or a list of them, None or [] ends them."""
        with self._lock:
            if "drift" in document:
                self.drift = _scopes(document["drift"], {"percent"})
                try:
                    self.drift = [{**d, "percent": Decimal(str(d["percent"]))} for d in self.drift]
                except (InvalidOperation, KeyError):
                    raise invalid("A drift has a percentage") from None
            if "late" in document:
                self.late = _scopes(document["late"], set())
            for name in ("duplicate_rows", "duplicate_files"):
                if name in document:
                    setattr(self, name, bool(document[name]))

    def withholds(self, row: Row) -> bool:
        """Whether the row has not arrived in billing yet."""
        return any(_fits(scope, row) for scope in self.late)

    def drifted(self, row: Row, amount: Decimal) -> Decimal:
        """The amount that AWS bills instead of what was used."""
        for scope in self.drift:
            if _fits(scope, row):
                amount *= 1 + scope["percent"] / 100
        return amount


def _scopes(given: Any, more: set[str]) -> list[Json]:
    scopes = given if isinstance(given, list) else [given] if given else []
    for scope in scopes:
        if not isinstance(scope, dict) or set(scope) - _SCOPE - more:
            raise invalid(f"A scope has the members {sorted(_SCOPE | more)}")
    return scopes


def _fits(scope: Json, row: Row) -> bool:
    tenant = str(scope.get("tenant", ""))
    return (
        scope.get("model", "") in row.model
        and scope.get("day", "") in f"{row.hour:%Y-%m-%d}"
        and (not tenant or tenant.replace("-", "") in row.principal)
    )
