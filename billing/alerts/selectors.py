"""Which alerts somebody sees, and what the workspace chose."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from billing.alertmodels import THRESHOLDS, Alert, AlertSettings, AlertsRead
from billing.alerts.words import Said
from billing.limitmodels import EVERYONE
from tenants.accounts.models import Role, User, role_reaches
from tenants.context import Actor, current
from tenants.errors import Forbidden

SHOWN: Final = 50
COUNTED: Final = 99


@dataclass(frozen=True, slots=True)
class Choice:
    """Thresholds in percent of one kind of limit."""

    kind: str
    label: str
    percents: list[int]

    @property
    def text(self) -> str:
        return ", ".join(map(str, self.percents))


def alerts_of(actor: Actor) -> QuerySet[Alert]:
    """Return what the actor sees: admins all of the workspace's, others what is about them."""
    found = Alert.objects.filter(tenant_id=current().id)
    return found if role_reaches(actor.role, "admin") else found.filter(user_id=reader(actor))


def alerts_latest(actor: Actor) -> list[Said]:
    """Return the latest, newest first: three statements."""
    read = read_until(actor)
    found = list(alerts_of(actor)[:SHOWN])
    users = User.objects.filter(pk__in={row.user_id for row in found} - {EVERYONE})
    emails = {user.pk: user.email for user in users}
    return [Said(row, emails.get(row.user_id, ""), read is None or row.at > read) for row in found]


def alerts_unread(actor: Actor) -> int:
    """Return how many the actor has not read, up to `COUNTED`."""
    read = read_until(actor)
    found = alerts_of(actor) if read is None else alerts_of(actor).filter(at__gt=read)
    return found[: COUNTED + 1].count()


def reader(actor: Actor) -> UUID:
    """Return the user who reads. Raises Forbidden for who is none: alerts are for people."""
    if actor.user_id is None:
        raise Forbidden
    return actor.user_id


def read_until(actor: Actor) -> datetime | None:
    """Return until when the actor has read them."""
    rows = AlertsRead.objects.filter(tenant_id=current().id, user_id=reader(actor))
    return rows.values_list("until", flat=True).first()


def alert_settings() -> AlertSettings:
    """Return what the entered workspace chose, or what holds without a choice (unsaved)."""
    found = AlertSettings.objects.filter(tenant_id=current().id).first()
    return found or AlertSettings(tenant_id=current().id)


def choices(chosen: AlertSettings) -> list[Choice]:
    """Return the thresholds of every kind of limit."""
    return [
        Choice(kind.value, str(kind.label), chosen.thresholds.get(kind.value, list(THRESHOLDS)))
        for kind in Alert.Kind
    ]


def recipients(alert: Alert) -> list[str]:
    """Return the addresses that are told by mail: active members alone."""
    chosen = alert_settings()
    wanted = Q(pk__in=[UUID(member) for member in chosen.members])
    if chosen.to_admins:
        wanted |= Q(role__in=(Role.OWNER, Role.ADMIN))
    if alert.user_id != EVERYONE:
        wanted |= Q(pk=alert.user_id)
    users = User.objects.filter(wanted, is_active=True, is_service=False)
    return list(users.order_by("email").values_list("email", flat=True))
