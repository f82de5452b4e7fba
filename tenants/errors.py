"""The root of the product's error tree.

Each app grows its own branch in its `errors.py`. `config/errors.py` renders the whole tree, as
problem+json for REST and as a page for people; `assistant/errors.py` as a socket's `error` frame.
"""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class TenantryError(Exception):
    """Say what went wrong and what to do next.

    `code` is stable and part of the public contract; `status` is the HTTP status; `retryable` says
    whether the same request may succeed later. `extra` members appear in the problem document.
    """

    code: str = "error"
    status: int = 400
    retryable: bool = False
    title: "StrOrPromise" = _("The request could not be carried out")

    def __init__(self, detail: "StrOrPromise | None" = None, **extra: Any) -> None:
        self._detail = detail
        self.extra = extra
        super().__init__(detail)

    @property
    def detail(self) -> str:
        """What is said of this case, in the reader's language where the title says it."""
        return str(self._detail or self.title)

    def __str__(self) -> str:
        return self.detail


class Invalid(TenantryError):
    """A value in the request is missing or malformed; `errors` names the fields."""

    code = "invalid"
    status = 400
    title = _("A value in the request is missing or malformed")


class NotAuthenticated(TenantryError):
    code = "not_authenticated"
    status = 401
    title = _("Sign in, or send a valid API key")


class Forbidden(TenantryError):
    code = "forbidden"
    status = 403
    title = _("Your role does not allow this; ask an admin of your workspace")


class NotFound(TenantryError):
    """The object is missing or invisible to the user: both look the same."""

    code = "not_found"
    status = 404
    title = _("There is nothing here that you can see")


class Conflict(TenantryError):
    code = "conflict"
    status = 409
    title = _("The object has changed meanwhile; reload and try again")


class LegalHold(TenantryError):
    """Something was to be erased while an owner's legal hold stands; nothing was."""

    code = "legal_hold"
    status = 409
    title = _("This workspace is under a legal hold, so nothing is deleted")


class RateLimited(TenantryError):
    """Too fast for the plan; `retry_after` is in whole seconds.

    `until` is set where every request that takes from the same limit is refused until then
    (monotonic seconds).
    """

    code = "rate_limited"
    status = 429
    retryable = True
    title = _("Too many requests for your plan just now; wait and try again")
    until: float | None = None

    def __init__(
        self, detail: "StrOrPromise | None" = None, *, retry_after: int, **extra: Any
    ) -> None:
        super().__init__(detail, retry_after=retry_after, **extra)


class QuotaExhausted(TenantryError):
    """The plan's allowance is used up; `upgrade_url` leads to more."""

    code = "quota_exhausted"
    status = 402
    title = _("Your plan's allowance for this period is used up")

    def __init__(
        self, detail: "StrOrPromise | None" = None, *, upgrade_url: str, **extra: Any
    ) -> None:
        super().__init__(detail, upgrade_url=upgrade_url, **extra)


class Unavailable(TenantryError):
    """A part that the request needs does not answer just now."""

    code = "unavailable"
    status = 503
    retryable = True
    title = _("A service that this needs is not answering; try again shortly")


class NoTenant(TenantryError):
    """Code ran outside any tenant: a defect of ours, never a user's."""

    code = "no_tenant"
    status = 500
    title = _("No tenant is entered")


class WrongTenant(TenantryError):
    """A statement's connection stands elsewhere than the entered tenant: a defect of ours."""

    code = "wrong_tenant"
    status = 500
    title = _("The database connection stands in another tenant")


class TenantUnavailable(TenantryError):
    """The tenant does not exist, is suspended, or is being set up or removed."""

    code = "tenant_unavailable"
    status = 404
    title = _("This workspace is not available")


class UnderMaintenance(TenantryError):
    """The tenant's schema stands behind the code: an update is under way or was cut off."""

    code = "maintenance"
    status = 503
    retryable = True
    title = _("This workspace is being updated")

    def __init__(self) -> None:
        super().__init__(
            _(
                "This workspace is being updated to a newer version. Nothing is lost; try again in"
                " a minute."
            ),
            retry_after=30,
        )


class OutsideRegion(TenantryError):
    """The call would have left the tenant's Region or geography; it was not sent."""

    code = "outside_region"
    status = 500
    title = _("This request would have left your workspace's Region, so it was not sent")
