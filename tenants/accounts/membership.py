"""Who belongs to a workspace: roles, leaving and coming back, and handing the workspace on.

An admin sets roles up to admin and keeps people out; owners are an owner's business. Nobody changes
themselves, and the last active owner stays, so that a workspace cannot be locked from the inside.
"""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.services import user_disable, user_enable, user_role_set
from tenants.context import Actor
from tenants.errors import Forbidden, Invalid, NotFound
from tenants.signin.models import ProviderLink


def role_set(*, actor: Actor, user_id: UUID, role: str) -> User:
    """Give a member another role. Raises NotFound, Forbidden, Invalid.

    Their open connections end, so that the next message is judged by the new role.
    """
    with transaction.atomic():
        user = _changeable(actor, user_id)
        if role not in Role.values:
            raise Invalid(_("A role is one of %(roles)s.") % {"roles": ", ".join(Role.values)})
        if role == Role.OWNER and actor.role != Role.OWNER:
            raise Forbidden(_("Only an owner makes another owner."))
        if user.role == role:
            return user
        _owner_left(user, becomes=role, active=user.is_active)
        user_role_set(actor=actor, user=user, role=Role(role))
        if role == Role.OWNER:
            _unlinked(actor, user.id)
    return user


def active_set(*, actor: Actor, user_id: UUID, active: bool) -> User:
    """Keep a member out, or let them in again. Sessions, keys and sockets end at once."""
    with transaction.atomic():
        user = _changeable(actor, user_id)
        if user.is_active == active:
            return user
        _owner_left(user, becomes=user.role, active=active)
        if active:
            user_enable(actor=actor, user=user)
        else:
            user_disable(actor=actor, user=user)
    return user


def ownership_transfer(*, actor: Actor, user_id: UUID) -> None:
    """Make another member an owner and oneself an admin, in one step. Owners only."""
    if actor.role != Role.OWNER or actor.user_id is None:
        raise Forbidden(_("Only an owner hands the workspace on."))
    own = actor.user_id
    with transaction.atomic():
        _owners_lock()
        heir = member_of(user_id)
        if heir.id == own:
            raise Invalid(_("Choose somebody else to hand the workspace to."))
        if not heir.is_active:
            raise Invalid(
                _("%(email)s is deactivated; let them in again first.") % {"email": heir.email}
            )
        audit_write(
            actor, action="workspace.transfer", object_type="user", object_id=heir.id, was=heir.role
        )
        if heir.role != Role.OWNER:
            user_role_set(actor=actor, user=heir, role=Role.OWNER)
        user_role_set(actor=actor, user=member_of(own), role=Role.ADMIN)
        _unlinked(actor, heir.id)


def _unlinked(actor: Actor, user_id: UUID) -> None:
    """Forget whom the identity provider calls a new owner: owners link themselves.

    A member's link may be of the provider's choice alone, and whoever runs it is no owner by that.
    """
    if ProviderLink.objects.filter(user_id=user_id).delete()[0]:
        audit_write(actor, action="sso.unlink", object_type="user", object_id=user_id)


def member_of(user_id: UUID) -> User:
    """Return a member. Raises NotFound."""
    user = User.objects.filter(id=user_id, is_service=False).first()
    if user is None:
        raise NotFound
    return user


def _changeable(actor: Actor, user_id: UUID) -> User:
    """Return the member whom the actor may change, with the owners' rows locked."""
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden
    _owners_lock()
    user = member_of(user_id)
    if user.id == actor.user_id:
        raise Invalid(_("Nobody changes their own membership; ask another admin or owner."))
    if user.role == Role.OWNER and actor.role != Role.OWNER:
        raise Forbidden(_("Only an owner changes an owner."))
    return user


def _owners_lock() -> None:
    """Let two changes of owners wait for each other: each would see the other's owner left."""
    list(User.objects.select_for_update().filter(role=Role.OWNER).values_list("id", flat=True))


def _owner_left(user: User, *, becomes: str, active: bool) -> None:
    """Raise Invalid where the change would leave no active owner."""
    stays = active and becomes == Role.OWNER
    if user.role != Role.OWNER or not user.is_active or stays:
        return
    if not User.objects.filter(role=Role.OWNER, is_active=True).exclude(id=user.id).exists():
        raise Invalid(_("A workspace needs an active owner; make somebody else owner first."))
