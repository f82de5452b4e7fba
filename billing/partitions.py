"""The ledger's partitions: one a month, made ahead of time under the owner's login.

Rows of a month that has no partition of its own go into the default one and are found there; when
the partition is made they move into it. Nothing is ever lost for want of a partition.
"""

from typing import Final

from django.db import connection, transaction

from billing.meters import next_month

AHEAD: Final = 12
KEPT_MONTHS: Final = 3
"""Resolved reservations older than this say nothing that the ledger does not."""

MONTHS: Final = """
    SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + i * interval '1 month')::date,
           to_regclass('public.billing_ledgerentry_' || to_char(
               date_trunc('month', now() AT TIME ZONE 'UTC') + i * interval '1 month', 'YYYYMM'))
           IS NOT NULL
      FROM generate_series(0, %s) AS i ORDER BY i
"""
MAKE: Final = """
    LOCK TABLE billing_ledgerentry_rest IN ACCESS EXCLUSIVE MODE;
    CREATE TABLE {name} (LIKE billing_ledgerentry INCLUDING ALL);
    WITH moved AS (
        DELETE FROM billing_ledgerentry_rest
         WHERE month >= '{first}' AND month < '{next}' RETURNING *
    )
    INSERT INTO {name} SELECT * FROM moved;
    ALTER TABLE billing_ledgerentry
        ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{next}')
"""
PURGE: Final = """
    DELETE FROM billing_reservation
     WHERE state <> 'held'
       AND month < date_trunc('month', now() AT TIME ZONE 'UTC') - %s * interval '1 month'
       -- In a month of several plans it tells under which one the call was admitted.
       AND NOT EXISTS (SELECT FROM billing_planchange c
                        WHERE c.tenant_id = billing_reservation.tenant_id AND c.at > month
                          AND c.at < month + interval '1 month')
"""


def partitions_ensure(ahead: int = AHEAD) -> list[str]:
    """Make the missing partitions of this and the next `ahead` months; return their names."""
    with connection.cursor() as cursor:
        cursor.execute(MONTHS, [ahead])
        missing = [month for month, exists in cursor.fetchall() if not exists]
    made = []
    for month in missing:
        name = f"billing_ledgerentry_{month:%Y%m}"
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(MAKE.format(name=name, first=month, next=next_month(month)))
        made.append(name)
    return made


def reservations_purge() -> int:
    """Delete resolved reservations of months past; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(PURGE, [KEPT_MONTHS])
        return int(cursor.rowcount)
