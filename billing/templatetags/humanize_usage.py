"""Numbers, sums and names of units as the usage pages write them."""

from decimal import Decimal

from django import template
from django.utils.translation import get_language, gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from billing.money import all_digits, cents_told, money
from billing.monthly import FEATURES
from billing.refusals import stored
from tenants.numbers import written

register = template.Library()

ROUTES = {"region": _("in one Region"), "geo": _("within a geography"), "global": _("globally")}


# What `unit_name` makes of the units.
UNITS = (
    gettext_noop("input tokens"),
    gettext_noop("output tokens"),
    gettext_noop("cache read tokens"),
    gettext_noop("cache write tokens"),
    gettext_noop("cache write 1h tokens"),
    gettext_noop("batch input tokens"),
    gettext_noop("batch output tokens"),
    gettext_noop("embedding tokens"),
    gettext_noop("batch embedding tokens"),
    gettext_noop("guardrail units"),
    gettext_noop("guardrail content units"),
    gettext_noop("guardrail image units"),
    gettext_noop("guardrail topic units"),
    gettext_noop("guardrail PII units"),
    gettext_noop("guardrail PII regex units"),
    gettext_noop("guardrail word units"),
    gettext_noop("guardrail grounding units"),
    gettext_noop("guardrail check content units"),
    gettext_noop("guardrail check attack units"),
    gettext_noop("guardrail check PII units"),
    gettext_noop("rerank queries"),
    gettext_noop("knowledge base retrievals"),
    gettext_noop("storage byte days"),
    gettext_noop("seats"),
)

# Where the prices that come with the product are from: notes of billing/data/rate_card.json.
NOTES = (
    gettext_noop("Public price tables of autumn 2026; us-east-1, on-demand, standard tier"),
    gettext_noop(
        "Public price tables of autumn 2026; us-east-1; flex half, priority 1.75 times the standard"
        " tier"
    ),
    gettext_noop("Provisioned throughput is billed by the hour; its tokens cost nothing more"),
    gettext_noop(
        "Public price tables of autumn 2026; us-east-1, on-demand, standard tier; preview, one"
        " source"
    ),
    gettext_noop(
        "Public price tables of autumn 2026; us-east-1, on-demand, standard tier; one source"
    ),
    gettext_noop(
        "Public price tables of autumn 2026; us-east-1, on-demand, standard tier; cache read from"
        " 0.10 to 0.20, the dearer taken"
    ),
    gettext_noop(
        "Public price tables of autumn 2026; us-east-1, on-demand, standard tier; 1.00 or 2.00, the"
        " dearer taken"
    ),
    gettext_noop(
        "Public price tables of autumn 2026 name no charge for Retrieve itself; embedding the query"
        " costs the embedding model's price of a few tokens"
    ),
    gettext_noop(
        "Public price tables of August 2026; us-east-1. The general unit is the dearest policy, for"
        " estimates"
    ),
    gettext_noop(
        "Public price tables of autumn 2026; us-east-1; latency-optimized, 1.25 times standard"
    ),
    gettext_noop(
        "S3 Standard, us-east-1, first 50 TB: 0.023 dollars a GB and month, of 2^30 bytes and"
        " 365/12 days"
    ),
)


@register.filter
def whole(value: int | Decimal) -> str:
    """Return a count with separators; a part of one only where there is one."""
    return written(f"{value.normalize():,f}" if isinstance(value, Decimal) else f"{value:,}")


@register.filter
def signed_dollars(value: Decimal) -> str:
    """Return a difference of money with its sign."""
    return f"+{money(value)}" if value > 0 else money(value)


@register.filter
def dollars(value: Decimal | str) -> str:
    """Return a sum of money; a request's own costs come as text."""
    return money(Decimal(value))


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
    return str(FEATURES.get(value, value.replace("_", " ").capitalize()))


@register.filter
def price(value: Decimal | str) -> str:
    """Return a price with all its digits, two at least: it is multiplied as it stands."""
    return all_digits(Decimal(value))


@register.filter
def unit_name(value: str) -> str:
    """Return a unit's name in words: `cache_read_tokens` becomes `cache read tokens`."""
    text = str(value).replace("_", " ").replace("pii", "PII").replace("kb ", "knowledge base ")
    return gettext(text)


@register.filter
def route_name(value: str) -> str:
    """Return how a model is reached, in words."""
    return str(ROUTES.get(value, value))


@register.filter
def invoiced(value: Decimal) -> str:
    """Return an invoice's sum as the page's reader writes it; its file is its account's."""
    return cents_told(value)


@register.filter
def price_note(value: str) -> str:
    """Return where a price is from; staff's own notes stay as they wrote them."""
    return gettext(value) if value else ""


@register.filter
def amount_text(value: Decimal) -> str:
    """Return a quantity without zeros at its end, with separators."""
    return written(f"{value.normalize():,f}")


@register.filter
def percent_text(value: Decimal | float | int) -> str:
    """Return a share of a hundred as the reader's language sets it: 83%, 17.5%, 83\u00a0%."""
    number = written(f"{Decimal(str(value)).normalize():,f}")
    return f"{number}\u00a0%" if get_language() == "de" else f"{number}%"


@register.filter
def bytes_text(value: int) -> str:
    """Return bytes in the unit that people use for them: 1,023.9 GB, 1 TB."""
    return stored(value)
