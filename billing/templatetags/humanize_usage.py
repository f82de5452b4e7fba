"""Numbers, sums and names of units as the usage pages write them."""

from decimal import Decimal

from django import template

from billing.invoices.money import money_in
from billing.monthly import FEATURES
from billing.refusals import money
from tenants.numbers import written

register = template.Library()

ROUTES = {"region": "in one Region", "geo": "within a geography", "global": "globally"}


@register.filter
def whole(value: int | Decimal) -> str:
    """Return a count with separators; a part of one only where there is one."""
    return written(f"{value.normalize():,f}" if isinstance(value, Decimal) else f"{value:,}")


@register.filter
def signed_dollars(value: Decimal) -> str:
    """Return a difference of money with its sign."""
    sign = "+" if value > 0 else "\u2212" if value < 0 else ""
    return f"{sign}{money(abs(value))}"


@register.filter
def dollars(value: Decimal) -> str:
    """Return a sum of money."""
    return money(value)


@register.filter
def whole_number(value: Decimal) -> str:
    """Return a whole amount that is kept as a decimal, with separators."""
    return written(f"{value:,.0f}")


@register.filter
def sum_text(value: Decimal) -> str:
    """Return a sum for a field: all its digits, and nothing else."""
    return written(f"{value.normalize():f}")


@register.filter
def feature_name(value: str) -> str:
    """Return a feature as people call it."""
    return FEATURES.get(value, value.replace("_", " ").capitalize())


@register.filter
def price(value: Decimal) -> str:
    """Return a price with all its digits, two at least: it is multiplied as it stands."""
    text = f"{value.normalize():f}"
    decimals = len(text.partition(".")[2])
    return f"${written(f'{value:.{max(2, decimals)}f}')}"


@register.filter
def unit_name(value: str) -> str:
    """Return a unit's name in words: `cache_read_tokens` becomes `cache read tokens`."""
    return str(value).replace("_", " ").replace("pii", "PII").replace("kb ", "knowledge base ")


@register.filter
def route_name(value: str) -> str:
    """Return how a model is reached, in words."""
    return ROUTES.get(value, value)


@register.filter
def money_as(value: Decimal, locale: str) -> str:
    """Return an invoice's sum as its reader's country writes it."""
    return money_in(locale, value)


@register.filter
def amount_text(value: Decimal) -> str:
    """Return a quantity without zeros at its end, with separators."""
    return written(f"{value.normalize():,f}")
