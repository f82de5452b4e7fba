"""Members are counted several times a day, into the ledger; what a seat costs is the plan's matter.

A day is charged for the most that were counted on it: whoever is deactivated over midnight and let
in again later takes a seat on either day.
"""

from typing import Final
from uuid import UUID, uuid5

from django.db import connection

from billing.meters import database_now
from billing.units import Unit
from tenants.accounts.models import User
from tenants.context import current

NAMESPACE: Final = UUID("6f1d1a51-9f0c-4a86-8a52-0f2b6b7f3b11")
COUNT: Final = """
    INSERT INTO billing_ledgerentry
           (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
            route, region, profile_arn, feature, reservation_id, usd)
    VALUES (gen_random_uuid(), %(tenant)s, %(month)s, %(request)s, 101, %(unit)s, %(quantity)s,
            'usage', false, 'members', 'region', '', '', 'seats', %(request)s, 0)
    ON CONFLICT DO NOTHING
"""


def seats_count() -> None:
    """Book the entered workspace's active members of now; each number once a day."""
    today, tenant = database_now().date(), current().id
    members = User.objects.filter(is_active=True, is_service=False).count()
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT,
            {
                "tenant": tenant,
                "month": today.replace(day=1),
                "request": uuid5(NAMESPACE, f"{tenant} {today} {members}"),
                "unit": Unit.SEAT.value,
                "quantity": members,
            },
        )
