"""Who must have a second factor, and whose password signs in."""

from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.accounts.models import Role, User, role_reaches
from tenants.context import Actor, current, in_staff_scope
from tenants.errors import Conflict, Forbidden, Invalid
from tenants.lifecycle.visiting import visits_close
from tenants.registry.models import Impersonation
from tenants.signin.models import Factor, Provider, SignInPolicy
from tenants.signin.sessions import sessions_end_of

Second = SignInPolicy.Second
FRESH: Final = 900  # seconds after the password was shown in which factors may be changed


def policy() -> str:
    """Return who must: `optional`, `admins` or `everyone`."""
    found = SignInPolicy.objects.values_list("second", flat=True).first()
    return found or Second.OPTIONAL.value


def asked_by() -> str:
    """Return who asks for the factor, as apps and keys list it."""
    return "Tenantry staff" if in_staff_scope() else current().name


def second_needed(user: User) -> bool:
    """Return whether this user must have a second factor; of staff, whether the deployment says so.

    The policy may ask for one. Whose password opens a workspace that requires its provider has one
    in any case: a password alone would be the way around the provider.
    """
    if in_staff_scope():
        return bool(settings.STAFF_SECOND_FACTOR == "required")
    if needed_by(policy(), user):
        return True
    provider = _provider_required()
    return provider is not None and _keeps_the_way_in(provider, user)


def password_lets_in(user: User) -> bool:
    """Return whether this user may sign in with a password.

    Where the provider is required, the break-glass owner alone may; every owner, should that one
    be no active owner any more, so that a workspace is never locked.
    """
    provider = _provider_required()
    return provider is None or _keeps_the_way_in(provider, user)


def _provider_required() -> Provider | None:
    required = Provider.objects.filter(state=Provider.State.REQUIRED)
    return required.select_related("break_glass").first()


def _keeps_the_way_in(provider: Provider, user: User) -> bool:
    keeper = provider.break_glass
    if keeper is None or not keeper.is_active or keeper.role != Role.OWNER:
        return user.role == Role.OWNER
    return user.id == keeper.id


def needed_by(asked: str, user: User) -> bool:
    """Return whether a policy asks this user of a workspace for a second factor."""
    return asked == Second.EVERYONE or (
        asked == Second.ADMINS and role_reaches(user.role, Role.ADMIN)
    )


def second_of_visitors() -> bool:
    """Return whether staff on a visit must have shown a second factor of their own.

    Where the workspace asks anybody for one, or lets nobody in but by its provider, which cannot
    vouch for staff: a password alone, of whoever it is, opens nothing there.
    """
    required = Provider.objects.filter(state=Provider.State.REQUIRED)
    return policy() != Second.OPTIONAL or required.exists()


def visits_without_end() -> None:
    """End the visits that began without a second factor where one is asked for by now."""
    if second_of_visitors():
        visits_close(Impersonation.objects.filter(tenant_id=current().id, second=False))


def policy_set(*, actor: Actor, second: str) -> None:
    """Set who must. Sessions of those who then must and have none end: they set one up at sign-in.

    Whoever sets it has a factor, so that the workspace is not locked from the inside.
    """
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden
    if second not in Second.values:
        raise Invalid(_("Choose one of %(choices)s.") % {"choices": ", ".join(Second.values)})
    own = Factor.objects.filter(user_id=actor.user_id) if actor.user_id else Factor.objects.none()
    if second != Second.OPTIONAL and not own.exists():
        raise Conflict(_("Add a second factor of your own first, so that you are not locked out."))
    with transaction.atomic():
        was = policy()
        SignInPolicy.objects.update_or_create(id=1, defaults={"second": second})
        audit_write(actor, action="policy.sign_in", object_type="policy", was=was, second=second)
        without = User.objects.filter(is_active=True, is_service=False, factors=None)
        sessions_end_of({user.id for user in without if needed_by(second, user)})
        visits_without_end()
