"""Visits of staff that end before their time: for good, whatever is allowed later."""

from django.db.models import QuerySet
from django.utils import timezone

from tenants.registry.datamodels import StaffAccess
from tenants.registry.models import Impersonation


def visits_close(rows: QuerySet[Impersonation]) -> None:
    """End those of the visits that go on; requests and sockets' messages are refused from now."""
    now = timezone.now()
    rows.filter(ended_at=None, expires_at__gt=now).update(ended_at=now)


def visits_allow(rows: QuerySet[Impersonation], access: str) -> None:
    """End those of the visits that `access` does not cover."""
    if access == StaffAccess.NONE:
        visits_close(rows)
    elif access == StaffAccess.READ:
        visits_close(rows.filter(writes=True))
