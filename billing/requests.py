"""Requests as the ledger has them: the latest ones, and one down to its entries and prices."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from billing.models import LedgerEntry, Price
from tenants.accounts.models import User, role_reaches
from tenants.context import Actor, current
from tenants.errors import NotFound

SHOWN: Final = 50
ROWS_READ: Final = 1_000

LATEST: Final = """
    SELECT request_id, max(created_at), min(feature), (array_agg(user_id))[1],
           coalesce(sum(quantity) FILTER (WHERE unit LIKE '%%\\_tokens'), 0)::bigint,
           coalesce(sum(usd), 0), bool_or(estimated)
      FROM (SELECT * FROM billing_ledgerentry
             WHERE tenant_id = %(tenant)s AND created_at < coalesce(%(before)s, now() + '1 day')
               AND (%(user)s::uuid IS NULL OR user_id = %(user)s)
               AND unit NOT IN ('storage_byte_days', 'seats')
             ORDER BY created_at DESC LIMIT %(rows)s) AS rows
     GROUP BY 1 ORDER BY 2 DESC LIMIT %(shown)s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request in the list."""

    request_id: UUID
    at: datetime
    feature: str
    who: str
    tokens: int
    usd: Decimal
    estimated: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger row with the price row that priced it."""

    row: LedgerEntry
    price: Price | None

    @property
    def call(self) -> int:
        return self.row.attempt // 100

    @property
    def attempt(self) -> int:
        return self.row.attempt % 100


def requests_latest(actor: Actor, before: datetime | None) -> list[Asked]:
    """Return the latest requests, newest first: an admin sees everyone's, others their own."""
    everyone = role_reaches(actor.role, "admin")
    values = {
        "tenant": current().id,
        "user": None if everyone else actor.user_id,
        "before": before,
        "rows": ROWS_READ,
        "shown": SHOWN,
    }
    with connection.cursor() as cursor:
        cursor.execute(LATEST, values)
        rows = cursor.fetchall()
    users = {user.pk: str(user) for user in User.objects.all()}
    return [
        Asked(row[0], row[1], row[2], users.get(row[3], "The workspace itself"), *row[4:])
        for row in rows
    ]


def request_entries(actor: Actor, request_id: UUID) -> list[Entry]:
    """Return a request's ledger rows in their order. Raises NotFound, also for a colleague's."""
    rows = LedgerEntry.objects.filter(tenant_id=current().id, request_id=request_id)
    if not role_reaches(actor.role, "admin"):
        rows = rows.filter(user_id=actor.user_id)
    found = list(rows.order_by("attempt", "unit"))
    if not found:
        raise NotFound
    prices: dict[Any, Price] = Price.objects.in_bulk({row.price_id for row in found} - {None})
    return [Entry(row, prices.get(row.price_id)) for row in found]
