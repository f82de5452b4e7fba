"""Service accounts: programs that belong to the workspace, not to whoever set them up.

A program has a role up to admin and keys; it has no password, no mail and no seat, and stays when
people leave.
"""

from uuid import UUID, uuid4

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext as _

from tenants.accounts.audit import audit_write
from tenants.accounts.invitations import invitations_outlived
from tenants.accounts.models import ApiKey, Role, User, role_reaches
from tenants.context import Actor
from tenants.errors import Conflict, Forbidden, Invalid, NotFound
from tenants.naming import one_line
from tenants.sockets import sockets_close
from tenants.turns import turn_take

MOST = 50


def programs(actor: Actor) -> list[User]:
    """Return the workspace's active service accounts, by name. Raises Forbidden."""
    _admin(actor)
    return list(User.objects.filter(is_service=True, is_active=True).order_by("name"))


def program_of(actor: Actor, user_id: UUID) -> User:
    """Return an active service account. Raises NotFound, Forbidden."""
    _admin(actor)
    found = User.objects.filter(id=user_id, is_service=True, is_active=True).first()
    if found is None:
        raise NotFound
    return found


@transaction.atomic
def program_create(*, actor: Actor, name: str, role: str) -> User:
    """Make a service account. Raises Invalid, Conflict, Forbidden."""
    _admin(actor)
    name = one_line(name)
    if not 1 <= len(name) <= 120:
        raise Invalid(_("Give the service account a name of 1 to 120 characters."))
    if role not in (Role.VIEWER, Role.MEMBER, Role.ADMIN):
        raise Invalid(_("The role of a service account is viewer, member or admin."))
    turn_take("programs")
    if User.objects.filter(is_service=True, is_active=True).count() >= MOST:
        raise Conflict(
            _("A workspace has at most %(most)s service accounts; delete one first.")
            % {"most": MOST}
        )
    user_id = uuid4()
    user = User(
        id=user_id,
        email=f"{user_id.hex}@programs.invalid",  # RFC 2606: no mail ever leaves for it
        name=name,
        role=role,
        is_service=True,
        password=make_password(None),
    )
    user.save(force_insert=True)
    audit_write(actor, action="program.create", object_type="user", object_id=user.id, role=role)
    return user


@transaction.atomic
def program_delete(*, actor: Actor, user_id: UUID) -> None:
    """End a service account: its keys and sockets end at once. What it made stays."""
    user = program_of(actor, user_id)
    User.objects.filter(id=user.id).update(is_active=False)
    keys = ApiKey.objects.filter(user=user, revoked_at=None)
    audit_write(
        actor, action="program.delete", object_type="user", object_id=user.id, keys=keys.count()
    )
    invitations_outlived(actor, user.id)
    transaction.on_commit(lambda: sockets_close(user_id))


def _admin(actor: Actor) -> None:
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden
