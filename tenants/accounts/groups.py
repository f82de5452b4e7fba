"""Make groups of people and say who is in them. In force with the next request."""

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext

from tenants.accounts.audit import audit_write
from tenants.accounts.models import GroupMember, MemberGroup, Role, User, role_reaches
from tenants.context import Actor
from tenants.errors import Conflict, Forbidden, Invalid, NotFound
from tenants.naming import one_line
from tenants.turns import turn_take

NAME_CHARACTERS: Final = 80
MOST: Final = 200  # groups of a workspace

_follow: list[Callable[[], None]] = []


def groups_follow(changed: Callable[[], None]) -> None:
    """Call `changed` in the transaction of every change of groups or of who is in them."""
    _follow.append(changed)


def groups() -> QuerySet[MemberGroup]:
    """Return the workspace's groups by name, each with how many are in it as `size`."""
    return MemberGroup.objects.annotate(size=Count("memberships"))


def group_of(group_id: UUID | str) -> MemberGroup:
    """Return the group. Raises NotFound."""
    group = groups().filter(id=group_id).first()
    if group is None:
        raise NotFound(gettext("There is no such group in this workspace."))
    return group


@transaction.atomic
def group_create(*, actor: Actor, name: str) -> MemberGroup:
    """Make a group. Raises Forbidden, Invalid, Conflict."""
    _require_admin(actor)
    turn_take("groups")
    if MemberGroup.objects.count() >= MOST:
        raise Conflict(
            gettext("A workspace has %(most)s groups at most; delete one first.") % {"most": MOST}
        )
    group = MemberGroup(name=_named(name))
    _save(group)
    _audit(actor, group, "create", name=group.name)
    return group


@transaction.atomic
def group_rename(*, actor: Actor, group_id: UUID, name: str) -> MemberGroup:
    """Give a group another name. Raises Forbidden, NotFound, Invalid, Conflict."""
    _require_admin(actor)
    group = group_of(group_id)
    group.name = _named(name)
    _save(group)
    _audit(actor, group, "rename", name=group.name)
    return group


@transaction.atomic
def group_delete(*, actor: Actor, group_id: UUID) -> None:
    """Delete a group: what was shared with it is shared with it no more. Raises NotFound."""
    _require_admin(actor)
    group = group_of(group_id)
    _audit(actor, group, "delete", name=group.name)
    group.delete()
    _changed()


@transaction.atomic
def group_add(*, actor: Actor, group_id: UUID, user_id: UUID) -> None:
    """Put a member into a group; nothing where they are. Raises Forbidden, NotFound."""
    _require_admin(actor)
    group = group_of(group_id)
    if not User.objects.filter(id=user_id, is_active=True, is_service=False).exists():
        raise NotFound(gettext("There is no such active member in this workspace."))
    _, new = GroupMember.objects.get_or_create(group=group, user_id=user_id)
    if new:
        _audit(actor, group, "add", user_id=str(user_id))
        _changed()


@transaction.atomic
def group_take(*, actor: Actor, group_id: UUID, user_id: UUID) -> None:
    """Take a member out of a group. Raises Forbidden, NotFound."""
    _require_admin(actor)
    group = group_of(group_id)
    taken, _ = GroupMember.objects.filter(group=group, user_id=user_id).delete()
    if not taken:
        raise NotFound(gettext("This member is not in the group."))
    _audit(actor, group, "take", user_id=str(user_id))
    _changed()


def groups_named(names: Iterable[str]) -> list[MemberGroup]:
    """Return the groups of these names, in any case. Raises Invalid for one that is none."""
    wanted = [name for each in names if (name := one_line(each))]
    known = {group.name.lower(): group for group in MemberGroup.objects.all()} if wanted else {}
    for name in wanted:
        if name.lower() not in known:
            raise Invalid(
                gettext("There is no group %(name)s; make it first.") % {"name": name[:80]}
            )
    return [known[name.lower()] for name in wanted]


def groups_join(user: User, group_ids: Iterable[str]) -> None:
    """Put who was invited into the groups that are still there, in the caller's transaction."""
    there = list(MemberGroup.objects.filter(id__in=list(group_ids)))
    for group in there:
        GroupMember.objects.get_or_create(group=group, user=user)
    if there:
        _changed()


def _changed() -> None:
    for follow in _follow:
        follow()


def _audit(actor: Actor, group: MemberGroup, deed: str, **data: str) -> None:
    audit_write(actor, action=f"group.{deed}", object_type="group", object_id=group.id, **data)


def _require_admin(actor: Actor) -> None:
    if not role_reaches(actor.role, Role.ADMIN):
        raise Forbidden


def _named(name: str) -> str:
    name = one_line(name)
    if not 1 <= len(name) <= NAME_CHARACTERS:
        raise Invalid(
            gettext("Give the group a name of 1 to %(most)s characters.")
            % {"most": NAME_CHARACTERS}
        )
    return name


def _save(group: MemberGroup) -> None:
    try:
        with transaction.atomic():
            group.save()
    except IntegrityError as error:
        raise Conflict(
            gettext("A group of this name exists already; choose another name.")
        ) from error
