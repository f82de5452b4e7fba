"""Spend of the month against the owner's cap, for staff."""

from billing.limits import own_limits
from billing.money import money
from tenants.lifecycle.health import BAD, FINE, LOOK, Finding


def spend_probe() -> Finding:
    """What is used and reserved of the cap; without one, what is used. `count` is per cent."""
    limits = own_limits(None)
    used = limits.spend + limits.reserved
    if limits.cap_usd is None:
        return Finding(0, f"{money(used)}, no cap")
    percent = int(used * 100 / limits.cap_usd) if limits.cap_usd else 100
    level = BAD if percent >= 100 else LOOK if percent >= 80 else FINE
    return Finding(percent, f"{money(used)} of {money(limits.cap_usd)}", level)
