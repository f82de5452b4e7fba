"""Reservations of work that outlives the process which began it, as batch jobs do."""

from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now

from billing import models
from billing.reservations import Estimate, Reservation
from billing.units import Unit
from tenants.context import current


def reservation_patience(reservation: Reservation, lasting: timedelta) -> None:
    """Keep the sweeper away from a reservation for so long; what is later still, it settles."""
    models.Reservation.objects.filter(id=reservation.id, tenant_id=current().id).update(
        sweep_after=Now() + lasting
    )


def reservation_of(request_id: UUID) -> Reservation | None:
    """Return the first reservation of a request, as another process left it, to be settled here."""
    tenant = current()
    row = (
        models.Reservation.objects.filter(tenant_id=tenant.id, request_id=request_id)
        .order_by("created_at")
        .first()
    )
    if row is None:
        return None
    return Reservation(
        id=row.id,
        request_id=row.request_id,
        month=row.month,
        day=row.created_at.date(),
        tenant_id=row.tenant_id,
        plan=tenant.plan,
        feature=row.feature,
        user_id=row.user_id,
        api_key_id=row.api_key_id,
        estimate=Estimate(
            row.model, {Unit(unit): quantity for unit, quantity in row.estimate.items()}
        ),
        call=row.call,
        streams=False,
        paced=False,
    )
