"""Staff look at a workspace as one of its members, where its owner allows it.

Each time for a reason, for half an hour, as no more than a member, and on both records; where the
workspace asks for a second factor or for its own provider, with a second factor of staff's own.

A visit begins in the admin with a link that opens once, within a minute, on the workspace's own
host. There it is an ordinary session of the member's that names its row in `public`; each request
and each message of a socket asks that row again. It ends by its button, by time, when the member of
staff signs out, is disabled or loses the role, and when the owner takes the permission back or the
workspace begins to ask for a second factor that was not shown; then for good.
"""

from datetime import timedelta
from secrets import token_urlsafe
from typing import Final
from uuid import UUID

from django.contrib.auth import SESSION_KEY, login, logout
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tenants.accounts.audit import audit_write
from tenants.accounts.models import Role, User, role_reaches
from tenants.accounts.selectors import impersonating_actor
from tenants.accounts.tasks import staff_visit_mail
from tenants.context import Actor, current, entered
from tenants.errors import Forbidden, Invalid, NotFound
from tenants.lifecycle.holding import data_policy_of
from tenants.lifecycle.naming import url_for
from tenants.lifecycle.visiting import visits_close
from tenants.middleware import IMPERSONATION, SESSION_TENANT
from tenants.redis import redis_client, tenant_key
from tenants.registry.datamodels import StaffAccess
from tenants.registry.models import Impersonation, Status, Tenant
from tenants.signin.policy import second_of_visitors
from tenants.signin.sessions import session_note
from tenants.sockets import sockets_close

LENGTH: Final = timedelta(minutes=30)
LINK: Final = timedelta(seconds=60)
REASON: Final = range(10, 501)  # characters
MOST: Final = Role.MEMBER  # staff are never more than this
SHOWN: Final = 20


def visit_begin(*, staff: Actor, tenant: Tenant, email: str, reason: str, second: bool) -> str:
    """Note a visit and return the address that opens it once; in the staff's scope.

    `second`: who begins it has shown a second factor. Raises Forbidden where the workspace does
    not allow it, NotFound, Invalid.
    """
    assert staff.user_id is not None
    why, address = " ".join(reason.replace("\x00", "").split()), email.strip().lower()
    if len(why) not in REASON:
        raise Invalid(f"Say why in {REASON.start} to {REASON.stop - 1} characters.")
    access = _allowed(tenant)
    with entered(tenant.context):
        if second_of_visitors() and not second:
            raise Forbidden(
                "This workspace asks for more than a password. Set up a second factor of your own,"
                " sign in with it, and begin again."
            )
        user = User.objects.filter(email=address, is_active=True, is_service=False).first()
    if user is None:
        raise NotFound("No active member has this address; ask whoever wrote to us for it.")
    with transaction.atomic():
        visit = Impersonation.objects.create(
            tenant_id=tenant.id,
            user_id=user.id,
            staff_id=staff.user_id,
            address=address,
            reason=why,
            writes=access == StaffAccess.WRITE,
            second=second,
            expires_at=timezone.now() + LENGTH,
        )
        audit_write(
            staff, action="workspace.visit", object_type="workspace", object_id=tenant.id,
            reason=why, visit=str(visit.id), writes=visit.writes,
        )  # fmt: skip
        with entered(tenant.context):
            audit_write(
                impersonating_actor(user, visit), action="staff.visit", object_type="user",
                object_id=user.id, reason=why, visit=str(visit.id), writes=visit.writes,
            )  # fmt: skip
            staff_visit_mail.dispatch(str(visit.id))
    return f"{url_for(tenant.slug)}/staff-visit/{visit_token(visit)}/"


def visit_token(visit: Impersonation) -> str:
    """Return what opens the visit once, within a minute, on its workspace's host."""
    told = {"visit": visit.id.hex, "once": token_urlsafe(16)}
    return signing.dumps(told, salt=_salt(visit.tenant_id))


def _allowed(tenant: Tenant) -> str:
    if tenant.status != Status.ACTIVE:
        raise Forbidden(f"It is {tenant.get_status_display().lower()}.")
    access = data_policy_of(tenant.id).staff_access
    if access == StaffAccess.NONE:
        raise Forbidden(
            "This workspace does not let staff in. An owner can allow it in Settings, Data."
        )
    return str(access)


def _salt(tenant_id: UUID) -> str:
    return f"tenantry.visit:{tenant_id.hex}"


def visit_open(request: HttpRequest, token: str) -> bool:
    """Spend a link of the entered tenant and begin the session; False where it opens nothing."""
    try:
        told = signing.loads(token, salt=_salt(current().id), max_age=LINK)
    except signing.BadSignature:
        return False
    spent = tenant_key("visit", told["once"])
    if not redis_client().set(spent, b"1", nx=True, ex=int(LINK.total_seconds()) + 5):
        return False
    visit = visit_of(told["visit"])
    user = User.objects.filter(id=visit.user_id, is_active=True).first() if visit else None
    if visit is None or user is None:
        return False
    with transaction.atomic():
        if SESSION_KEY in request.session:
            request.session.flush()  # whoever was signed in here is signed out
        last = user.last_login
        login(request, user)
        User.objects.filter(id=user.id).update(last_login=last)  # it is staff who came
        request.session[SESSION_TENANT] = str(current().id)
        request.session[IMPERSONATION] = visit.id.hex
        request.session.set_expiry(int(LENGTH.total_seconds()))
        session_note(request, user, how="staff")
        audit_write(
            impersonating_actor(capped(user), visit), action="staff.enter", object_type="user",
            object_id=user.id, visit=str(visit.id),
        )  # fmt: skip
    return True


def visit_of(visit_id: str) -> Impersonation | None:
    """Return the entered tenant's visit if it goes on: a few short statements."""
    visit = Impersonation.objects.filter(
        id=UUID(visit_id), tenant_id=current().id, ended_at=None, expires_at__gt=timezone.now()
    ).first()
    if visit is None:
        return None
    access = data_policy_of(current().id).staff_access
    if access == StaffAccess.NONE or (visit.writes and access != StaffAccess.WRITE):
        return None
    if not visit.second and second_of_visitors():
        return None
    return visit


def capped(user: User) -> User:
    """Return the user with no more rights than a member, in memory alone."""
    if role_reaches(user.role, MOST):
        user.role = MOST
    return user


def visit_end(request: HttpRequest, visit: Impersonation) -> None:
    """End the visit by its button."""
    user = request.user
    assert isinstance(user, User)
    with transaction.atomic():
        visits_close(Impersonation.objects.filter(id=visit.id))
        audit_write(
            impersonating_actor(user, visit), action="staff.leave", object_type="user",
            object_id=user.id, visit=str(visit.id),
        )  # fmt: skip
    logout(request)
    sockets_close(visit.user_id)


def visits_end(staff_id: UUID) -> None:
    """End all visits of a member of staff who signs out or may no more; in the staff's scope.

    Requests are refused from then on; open sockets at their next message, and by the clock.
    """
    visits_close(Impersonation.objects.filter(staff_id=staff_id))


def visits_stop(rows: QuerySet[Impersonation]) -> list[Impersonation]:
    """End these visits; return those that went on until now."""
    open_ones = list(rows.filter(ended_at=None, expires_at__gt=timezone.now()))
    visits_close(Impersonation.objects.filter(id__in=[visit.id for visit in open_ones]))
    return open_ones


def visits_of(tenant_id: UUID) -> list[Impersonation]:
    """Return the latest visits to a workspace, newest first."""
    return list(Impersonation.objects.filter(tenant_id=tenant_id)[:SHOWN])
