"""What the account's tenants share in a Region: the guardrails' text units a second.

AWS counts each policy of a guardrail for itself (content, words and personal data 25 units a second
in most Regions), so a call takes as many as its largest policy counts, not their sum. What is taken
is an upper bound; the rest comes back when the call is settled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from billing.catalog import region_quota
from billing.units import Unit

# Regular expressions are free of units; pictures and grounding have quotas of their own.
UNCOUNTED: Final = frozenset(
    {Unit.GUARDRAIL_PII_REGEX, Unit.GUARDRAIL_GROUNDING, Unit.GUARDRAIL_IMAGE}
)
PATIENCE: Final = 3.0  # seconds that a person's call waits in line
PATIENCE_OF_TASKS: Final = 30.0
BURST_PATIENCE: Final = 0.5  # for the plan's own rates: a burst is late rather than refused


@dataclass(frozen=True, slots=True)
class Shared:
    """Units taken from a Region, or given back; `capacity` is what its bucket holds."""

    region: str
    units: int
    per_second: int
    capacity: int


NOTHING_SHARED: Final = Shared("", 0, 1, 1)


def shared_of(region: str, units: Mapping[Unit, int]) -> Shared:
    """Return what a call of these units takes from its Region."""
    taken = _largest(units)
    return _of(region, taken) if taken else NOTHING_SHARED


def unshared_of(region: str, before: Mapping[Unit, int], after: Mapping[Unit, int]) -> Shared:
    """Return what a call that was to use `before` and used `after` gives back."""
    return _of(region, left) if (left := _largest(before) - _largest(after)) else NOTHING_SHARED


def _largest(units: Mapping[Unit, int]) -> int:
    return max(
        (
            quantity
            for unit, quantity in units.items()
            if unit.startswith("guardrail_") and unit not in UNCOUNTED
        ),
        default=0,
    )


def _of(region: str, units: int) -> Shared:
    quota = region_quota(region)
    return Shared(region, units, quota.per_second, quota.per_second * quota.burst_seconds)
