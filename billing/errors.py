"""Billing's branch of the error tree: what is wrong with our own data, never with a request.

Refusals of a tenant's request are the root's RateLimited and QuotaExhausted.
"""

from django.utils.translation import gettext_lazy as _

from tenants.errors import TenantryError


class PlanMissing(TenantryError):
    """A tenant's plan has no row: nothing is admitted, since no limit would hold."""

    code = "plan_missing"
    status = 500
    title = _("The plan of this workspace is not set up; the operator has to add it")


class PriceMissing(TenantryError):
    """A model or unit has no price on this day: it is not called, since its cost is unknown."""

    code = "price_missing"
    status = 500
    title = _("This model has no price yet; the operator has to add it to the rate card")


class TermsMissing(TenantryError):
    """A plan has no dated terms for a day: what it charges is unknown, so nothing is charged."""

    code = "terms_missing"
    status = 500
    title = _("This plan has no terms for that day; the operator has to add them")


class NotAllowed(TenantryError):
    """An invoice's state does not allow the step; the detail says which one does."""

    code = "invoice_state"
    status = 409
    title = _("The invoice's state does not allow this")


class PlanNotOffered(TenantryError):
    """The plan cannot be chosen: it is unknown, not offered, or the workspace is on it."""

    code = "plan_not_offered"
    status = 422
    title = _("This plan cannot be chosen")


class SignatureRefused(TenantryError):
    """A webhook's signature is missing, wrong, or too old; `code` says which."""

    code = "signature_invalid"
    status = 401
    title = _("The signature does not match the body")


class SignatureExpired(SignatureRefused):
    code = "signature_expired"
    title = _("The signature's time is too far from ours")


class SignatureMissing(SignatureRefused):
    code = "signature_missing"
    title = _("The request is not signed")


class ReconciliationChanged(TenantryError):
    """A decision was made on figures that are no longer those of the ledger and the bill."""

    code = "reconciliation_changed"
    status = 409
    title = _("The figures have changed since this page was opened; look at them again and decide")
