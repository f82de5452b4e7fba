"""Billing's branch of the error tree: what is wrong with our own data, never with a request.

Refusals of a tenant's request are the root's RateLimited and QuotaExhausted.
"""

from tenants.errors import TenantryError


class PlanMissing(TenantryError):
    """A tenant's plan has no row: nothing is admitted, since no limit would hold."""

    code = "plan_missing"
    status = 500
    title = "The plan of this workspace is not set up; the operator has to add it"


class PriceMissing(TenantryError):
    """A model or unit has no price on this day: it is not called, since its cost is unknown."""

    code = "price_missing"
    status = 500
    title = "This model has no price yet; the operator has to add it to the rate card"
