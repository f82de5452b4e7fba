"""Why an invoice may not be issued yet.

Apps and parts that know a reason register it here; drafting asks all of them. A hold that `blocks`
goes only when its cause goes; staff may release any other, on record.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason, in words for staff, under a stable code."""

    code: str
    text: str
    blocks: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


Reasons = Callable[[date, Sequence[UUID]], Mapping[UUID, Sequence[Hold]]]
_registered: dict[str, Reasons] = {}


def hold_register(name: str, reasons: Reasons) -> None:
    """Add a check: `reasons(month, tenants)` tells each tenant's holds, under the ops login."""
    _registered[name] = reasons


def holds_of(month: date, tenants: Sequence[UUID]) -> dict[UUID, list[Hold]]:
    """Return what every registered check says of each tenant."""
    found: dict[UUID, list[Hold]] = {}
    for reasons in _registered.values():
        for tenant, holds in reasons(month, tenants).items():
            found.setdefault(tenant, []).extend(holds)
    return found
