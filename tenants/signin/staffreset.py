"""A colleague of staff who has lost every second factor: taken from them, and all that is open.

By an administrator in the list of users, or by `manage.py reset_staff_factors` under the owner's
login, for whom nobody else can help.
"""

from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from tenants.accounts.audit import audit_write
from tenants.accounts.models import User
from tenants.context import Actor
from tenants.signin.impersonating import visits_end
from tenants.signin.second import PENDING


@transaction.atomic
def staff_factors_reset(*, actor: Actor, user: User) -> int:
    """Take factors and recovery codes, and end the sessions and visits; return how many sessions.

    In the staff's scope, or the owner's. The next sign-in sets a new factor up where one is
    required.
    """
    user.factors.all().delete()
    user.recovery_codes.all().delete()
    visits_end(user.id)
    ended = staff_sessions_end(user.id)
    audit_write(actor, action="factor.reset", object_type="user", object_id=user.id, sessions=ended)
    return ended


def staff_sessions_end(user_id: UUID) -> int:
    """End every session of a member of staff, one between password and factor too.

    Those of `public` are staff's and of browsers that sign up: few enough to look through.
    """
    ended = 0
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        told = session.get_decoded()
        half = told.get(PENDING) or {}
        if str(user_id) in (told.get(SESSION_KEY), half.get("user")):
            session.delete()
            ended += 1
    return ended
