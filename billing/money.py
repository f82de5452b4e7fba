"""Sums of US dollars as the reader's language writes them: −$1,234.50, or −1.234,50 $.

The file of an invoice is written as in its account's country instead: `billing.invoices.money`.
"""

from decimal import Decimal
from typing import Final

from django.utils.translation import pgettext

from tenants.numbers import written

MINUS: Final = "\u2212"


def money(value: Decimal) -> str:
    """Return dollars to the cent, and small sums with as many digits as say something."""
    size = abs(value)
    if size == 0:
        return _dollars("0.00")  # a difference of nothing may be a negative zero
    if size >= 1:
        return _dollars(f"{value:,.2f}")
    for places in (4, 6):
        if size >= Decimal(10) ** (1 - places):
            return _dollars(f"{value:.{places}f}")
    return _dollars(f"{round(value, 2 - value.adjusted()).normalize():f}")


def cents_told(value: Decimal) -> str:
    """Return dollars and cents, as sums of invoices are: never a part of a cent."""
    return _dollars(f"{value:,.2f}")


def whole_dollars(value: Decimal) -> str:
    """Return dollars without cents, as prices of plans are."""
    return _dollars(f"{value:,.0f}")


def all_digits(value: Decimal) -> str:
    """Return dollars with every digit that they have, two decimals at least."""
    decimals = len(f"{value.normalize():f}".partition(".")[2])
    return _dollars(f"{value:,.{max(2, decimals)}f}")


def _dollars(number: str) -> str:
    """Return a number that is written as in English as a sum; a minus stands before all of it."""
    # Translators: a sum of US dollars.
    text = pgettext("money", "$%(sum)s") % {"sum": written(number.removeprefix("-"))}
    return f"{MINUS}{text}" if number.startswith("-") else text
