"""Make users, sign in and out."""

from typing import Final
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth import SESSION_KEY, login, logout
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from tenants.accounts.addresses import address_add, address_remove
from tenants.accounts.audit import audit_write
from tenants.accounts.invitations import invitations_outlived
from tenants.accounts.models import Role, User
from tenants.context import SYSTEM, Actor, current
from tenants.errors import Invalid
from tenants.middleware import SESSION_TENANT
from tenants.naming import one_line
from tenants.sockets import sockets_close
from tenants.webhooks.publishing import publish

SECOND: Final = "second"  # in a session of staff: what was shown beside the password
PROVED: Final = "proved_at"  # when the password was shown


@transaction.atomic
def user_create(
    *,
    email: str,
    password: str | None = None,
    name: str,
    role: Role,
    password_hash: str | None = None,
    user_id: UUID | None = None,
    confirmed: bool = True,
) -> User:
    """Make a user of the entered tenant, with a password or the hash of one that was kept.

    `confirmed` says that somebody vouches for the address; otherwise a mail asks its reader to.
    """
    user = User(id=user_id or uuid4(), email=email.strip().lower(), name=one_line(name), role=role)
    user.password = make_password(password) if password_hash is None else password_hash
    user.email_confirmed_at = timezone.now() if confirmed else None
    user.save(force_insert=True)
    address_add(user.email)
    audit_write(SYSTEM, action="user.create", object_type="user", object_id=user.id, role=role)
    return user


def sign_in(request: HttpRequest, user: User, *, how: str = "") -> None:
    """Start a session that is bound to the entered tenant.

    `how` names what was shown beside the password; pages come here through `sign_in_begin`.
    """
    from tenants.signin.sessions import session_note

    with transaction.atomic():
        if SESSION_KEY in request.session:  # Django keeps the key when the same user comes again
            request.session.cycle_key()
        login(request, user)
        request.session[SESSION_TENANT] = str(current().id)
        session_note(request, user, how=how)
        actor = Actor(user_id=user.id, role=user.role, kind="session")
        audit_write(actor, action="session.start", object_type="user", object_id=user.id, how=how)


def staff_sign_in(request: HttpRequest, user: User, *, how: str = "") -> None:
    """Start a session of the operator's staff, in `public`; it opens the admin alone."""
    with transaction.atomic():
        if SESSION_KEY in request.session:
            request.session.cycle_key()
        login(request, user)
        request.session[SECOND] = how
        request.session[PROVED] = timezone.now().isoformat()
        actor = Actor(user_id=user.id, role="staff", kind="session")
        audit_write(actor, action="session.start", object_type="user", object_id=user.id, how=how)


@transaction.atomic
def email_confirm(*, user: User) -> None:
    """Note that the user reads mail to the address."""
    if user.email_confirmed_at is None:
        user.email_confirmed_at = timezone.now()
        user.save(update_fields=["email_confirmed_at"])
        actor = Actor(user_id=user.id, role=user.role, kind="session")
        audit_write(actor, action="user.confirm", object_type="user", object_id=user.id)


def language_choose(*, user: User, language: str) -> None:
    """Keep the user's language; empty: as their browser asks. Raises Invalid."""
    if language and language not in dict(settings.LANGUAGES):
        known = ", ".join(code for code, _ in settings.LANGUAGES)
        raise Invalid(
            gettext("There is no such language here; choose one of %(codes)s.") % {"codes": known}
        )
    user.language = language
    user.save(update_fields=["language"])


@transaction.atomic
def name_choose(*, user: User, name: str) -> None:
    """Keep what the user is called here; empty: their address stands for them. Raises Invalid."""
    name = one_line(name)
    most = User._meta.get_field("name").max_length or 0
    if len(name) > most:
        raise Invalid(
            gettext("A name has at most %(most)s characters; shorten it.") % {"most": most}
        )
    if name == user.name:
        return
    user.name = name
    user.save(update_fields=["name"])
    actor = Actor(user_id=user.id, role=user.role, kind="session")
    audit_write(actor, action="user.name", object_type="user", object_id=user.id)


def sign_out(request: HttpRequest) -> None:
    """End the session and close the user's open sockets."""
    user = request.user
    if isinstance(user, User):
        actor = Actor(user_id=user.id, role=user.role, kind="session")
        audit_write(actor, action="session.end", object_type="user", object_id=user.id)
    logout(request)
    if isinstance(user, User):
        sockets_close(user.id)  # last: the session ends even when Redis is away


def password_changed(user: User) -> None:
    """End what stands open under the old password."""
    from tenants.signin.sessions import sessions_end

    actor = Actor(user_id=user.id, role=user.role, kind="session")
    audit_write(actor, action="user.password", object_type="user", object_id=user.id)
    email_confirm(user=user)  # the link came by mail
    sessions_end(user_id=user.id)


@transaction.atomic
def user_role_set(*, actor: Actor, user: User, role: Role) -> None:
    """Give the user another role; what is open under the old one ends."""
    was = user.role
    user.role = role
    user.save(update_fields=["role"])
    audit_write(
        actor, action="user.role", object_type="user", object_id=user.id, was=was, role=role
    )
    invitations_outlived(actor, user.id, role=role)
    publish("member.changed", {"id": str(user.id), "was": was, "role": role})
    user_id = user.id
    transaction.on_commit(lambda: sockets_close(user_id))


@transaction.atomic
def user_enable(*, actor: Actor, user: User) -> None:
    """Let a user in again whom `user_disable` kept out."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    address_add(user.email)
    audit_write(actor, action="user.enable", object_type="user", object_id=user.id)


@transaction.atomic
def user_disable(*, actor: Actor, user: User) -> None:
    """Keep the user out from now on: sessions and sockets end, and keys are refused meanwhile."""
    from tenants.signin.sessions import sessions_end

    user.is_active = False
    user.save(update_fields=["is_active"])
    address_remove(user.email)
    audit_write(actor, action="user.disable", object_type="user", object_id=user.id)
    invitations_outlived(actor, user.id)
    publish("member.deactivated", {"id": str(user.id)})
    sessions_end(user_id=user.id)
