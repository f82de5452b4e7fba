"""Settings that are kept in versions: the second of two who change one at once is told."""

from django.utils.translation import gettext as _

from tenants.errors import Conflict, TenantryError


def version_check(
    in_force: int, expected: int | None, refusal: type[TenantryError] = Conflict
) -> None:
    """Refuse a change made from another version than the one in force.

    `expected` is the version that was looked at; None asks for no check. Raises `refusal`, with
    the `version` in force.
    """
    if expected is None or expected == in_force:
        return
    raise refusal(
        _(
            "This was changed meanwhile, by somebody else or in another tab: version %(version)s"
            " is in force, you looked at version %(expected)s. Nothing of yours was saved; look at"
            " it again."
        )
        % {"version": in_force, "expected": expected},
        version=in_force,
    )
