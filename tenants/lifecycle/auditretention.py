"""Let old audit go: whole sealed runs, whose seals and anchors stay, so that the chain goes on."""

from datetime import datetime
from typing import Final

from django.db import connection

from tenants.accounts.models import AuditEvent, AuditSeal
from tenants.context import TenantContext

LEAST_DAYS: Final = 90
PRUNE: Final = "SELECT registry_audit_prune(%s, %s)"


def _over(before: datetime) -> AuditSeal | None:
    """Return the last seal all of whose rows are older; none where no whole run is over."""
    first_kept = AuditEvent.objects.filter(at__gte=before).order_by("id").first()
    seals = AuditSeal.objects.order_by("-number")
    if first_kept is not None:
        seals = seals.filter(last_id__lt=first_kept.id)
    return seals.first()


def audit_count(tenant: TenantContext, before: datetime) -> int:
    """Return how many rows of the entered tenant would go."""
    seal = _over(before)
    return AuditEvent.objects.filter(id__lte=seal.last_id).count() if seal else 0


def audit_prune(tenant: TenantContext, before: datetime) -> int:
    """Delete the rows of the entered tenant's sealed runs that are over; return how many.

    The database's function does it, which the policy binds; the anchors then say what went when.
    """
    seal = _over(before)
    if seal is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(PRUNE, [tenant.id, seal.number])
        return int(cursor.fetchone()[0])
