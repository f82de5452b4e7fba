"""What staff's lists of money share."""

from decimal import Decimal
from typing import Protocol

from django.contrib import admin

from billing.money import all_digits


class _Costing(Protocol):
    usd: Decimal | None


class InDollars:
    """Has the column `usd_told`: a row's `usd` with the digits that it has, and no zeros more."""

    @admin.display(description="USD", ordering="usd")
    def usd_told(self, row: _Costing) -> str | None:
        return None if row.usd is None else all_digits(row.usd)
