"""What an admission hands to the caller and a settlement takes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from django.db import connection

from billing.units import Unit

ATTEMPTS_PER_CALL: Final = 100
"""The ledger's `attempt` is `call` × this + the attempt at that call: 203 is call 2, attempt 3."""
SWEPT_ATTEMPT: Final = 99
REVERSAL_ATTEMPT: Final = 98
LAST_ATTEMPT: Final = 50
"""Above it, up to 97, stand the corrections by which a call was trued up."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An upper bound of what a call can use. `model` is the price key: a base or prefixed id."""

    model: str
    units: Mapping[Unit, int]


@dataclass(frozen=True, slots=True)
class Reservation:
    """Usage that is set aside for one call.

    `month` and `day` are the database's, fixed when it was reserved: the usage belongs to that
    month and is priced as of that day, whenever the call ends. `call` numbers the calls of the
    request. One that is not `paced` took nothing from the buckets and gives nothing back.
    """

    id: UUID
    request_id: UUID
    month: date
    day: date
    tenant_id: UUID
    plan: str
    feature: str
    user_id: UUID | None
    api_key_id: UUID | None
    estimate: Estimate
    call: int
    streams: bool
    paced: bool = True


def outside_transactions() -> None:
    """Raise RuntimeError inside a transaction: its rollback would undo what money depends on.

    Django's own transaction around a test does not count, as for `atomic(durable=True)`.
    """
    blocks = connection.atomic_blocks
    if blocks and not blocks[-1]._from_testcase:  # type: ignore[attr-defined]
        raise RuntimeError("Admission and settlement commit by themselves, outside transactions.")
