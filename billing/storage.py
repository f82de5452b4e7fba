"""The storage quota: a level that uploads raise and deletions lower.

Unlike a call's usage, bytes are known beforehand, so there is nothing to settle: a reservation is
the charge. It joins the caller's transaction and is undone with it, so the level always equals the
documents that exist.
"""

from decimal import Decimal
from typing import Final
from uuid import UUID, uuid5

from django.db import connection
from django.utils.translation import gettext as _

from billing.catalog import plan_terms, price_of
from billing.clock import database_now
from billing.refusals import UPGRADE_URL, number, stored
from billing.units import STORAGE_KEY, Metric, Unit
from tenants.context import current
from tenants.errors import QuotaExhausted

STANDING: Final = "1970-01-01"
"""The period of counters that never reset."""

RAISE: Final = f"""
    INSERT INTO billing_quotacounter AS c (tenant_id, period, metric, used, reserved, included)
    SELECT %(tenant)s, '{STANDING}', 'storage_bytes', %(bytes)s::numeric, 0, %(included)s::numeric
     WHERE %(included)s::numeric IS NULL OR %(bytes)s::numeric <= %(included)s::numeric
    ON CONFLICT (tenant_id, period, metric) DO UPDATE
       SET used = c.used + excluded.used, included = excluded.included
     WHERE excluded.included IS NULL OR c.used + excluded.used <= excluded.included
    RETURNING used
"""  # noqa: S608 - the only part that is put in is the constant above
LOWER: Final = """
    UPDATE billing_quotacounter SET used = greatest(0, used - %s)
     WHERE tenant_id = %s AND metric = 'storage_bytes'
"""
LEVEL: Final = """
    SELECT used FROM billing_quotacounter WHERE tenant_id = %s AND metric = 'storage_bytes'
"""


def reserve_storage(size: int) -> None:
    """Add `size` bytes to what the entered tenant stores.

    Raises QuotaExhausted beyond the plan's storage. The counter's row stays locked until the
    transaction ends: keep it short, and never call AWS inside.
    """
    plan = plan_terms(current().plan)
    included = plan.included[Metric.STORAGE]
    with connection.cursor() as cursor:
        cursor.execute(RAISE, {"tenant": current().id, "bytes": size, "included": included})
        if cursor.fetchone() is not None:
            return
    used = stored_bytes()
    left = max(Decimal(0), (included or Decimal(0)) - used)
    raise QuotaExhausted(
        _(
            "The %(plan)s plan stores %(stored)s and %(free)s of it are free; this needs "
            "%(needed)s. Delete documents you no longer need, or move to a larger plan."
        )
        % {
            "plan": plan.name,
            "stored": stored(included or 0),
            "free": stored(left),
            "needed": stored(size),
        },
        upgrade_url=UPGRADE_URL,
        metric=Metric.STORAGE.value,
        used=number(used),
        included=number(included or Decimal(0)),
        needed=size,
    )


def release_storage(size: int) -> None:
    """Take `size` bytes off what the entered tenant stores, in the transaction of the deletion."""
    with connection.cursor() as cursor:
        cursor.execute(LOWER, [size, current().id])


NAMESPACE: Final = UUID("0c6a2f57-33b8-4a0e-9a55-1c2f5d9ad0e4")
KEEP: Final = """
    INSERT INTO billing_ledgerentry
           (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
            route, region, profile_arn, feature, reservation_id, price_id, price_usd, price_per,
            usd)
    VALUES (gen_random_uuid(), %(tenant)s, %(month)s, %(request)s, 101, %(unit)s, %(quantity)s,
            'usage', false, %(model)s, 'region', %(region)s, '', 'storage', %(request)s,
            %(price_id)s, %(price_usd)s, %(price_per)s, %(usd)s)
    ON CONFLICT DO NOTHING
"""


def storage_count() -> None:
    """Book the bytes that the entered workspace stores today; the day's first count stands.

    They are no use of AI: they move no quota and no cap, and stand apart on the usage page.
    """
    today = database_now().date()
    tenant = current()
    size = int(stored_bytes())
    price = price_of(STORAGE_KEY, Unit.STORAGE, today)
    with connection.cursor() as cursor:
        cursor.execute(
            KEEP,
            {
                "tenant": tenant.id,
                "month": today.replace(day=1),
                "request": uuid5(NAMESPACE, f"{tenant.id} {today}"),
                "unit": Unit.STORAGE.value,
                "quantity": size,
                "model": STORAGE_KEY,
                "region": tenant.region,
                "price_id": price.id if price else None,
                "price_usd": price.usd if price else None,
                "price_per": price.per if price else None,
                "usd": price.of(size) if price else None,
            },
        )


def stored_bytes() -> Decimal:
    """Return what the entered tenant stores now."""
    with connection.cursor() as cursor:
        cursor.execute(LEVEL, [current().id])
        row = cursor.fetchone()
    return row[0] if row else Decimal(0)
