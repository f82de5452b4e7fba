"""Push down into billing what the invocation log counts of each workspace, model and day.

An attempt counts for the workspace that signed it, under the model that its reservation names, on
the day of that reservation. Runs under the ops login, whole months at a time, and can be repeated.
"""

from datetime import date
from typing import Final

from django.db import connection, transaction

from billing.meters import next_month

LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('billing.logged'))"
REMOVE: Final = """
    DELETE FROM billing_loggedusage WHERE day >= %(first)s AND day < %(next)s
"""
PUSH: Final = """
    INSERT INTO billing_loggedusage (id, day, tenant_id, model, unit, quantity)
    SELECT gen_random_uuid(), day, tenant_id, model, unit, sum(quantity)
      FROM (SELECT (r.created_at AT TIME ZONE 'UTC')::date AS day, c.tenant_id,
                   regexp_replace(split_part(r.model, '@', 1),
                                  '^(global|us|eu|apac|jp|au|ca|us-gov)[.]', '') AS model,
                   u.key AS unit, u.value::bigint AS quantity
              FROM bedrock_loggedcall c
              JOIN billing_reservation r ON r.id = c.reservation_id AND r.tenant_id = c.tenant_id
              CROSS JOIN LATERAL jsonb_each_text(c.units) u
             WHERE r.month = %(first)s) AS rows
     WHERE day >= %(first)s AND day < %(next)s
     GROUP BY day, tenant_id, model, unit
"""


def logged_usage_push(period: date) -> None:
    """Replace what billing knows of a month's log."""
    names = {"first": period, "next": next_month(period)}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute(REMOVE, names)
        cursor.execute(PUSH, names)
