"""Hold ledger, invocation log and AWS's bill side by side for a period, unit by unit.

One statement replaces a period's lines, so that it can run again at any time, twice at once, and
after any late or repeated delivery: what it says rests on the three sides alone. Runs under the
ops login. A call counts on the day of its reservation, which is the day of its price.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from billing.meters import database_now, next_month
from billing.models import (
    AwsCostDelivery,
    AwsCostLine,
    ReconciliationPolicy,
    ReconciliationRun,
)
from billing.units import GUARDRAIL_KEY, KNOWLEDGE_KEY, Unit

SHARED: Final = (
    Unit.BATCH_INPUT, Unit.BATCH_OUTPUT, Unit.BATCH_EMBEDDING, Unit.RERANK, Unit.RETRIEVAL,
    Unit.EMBEDDING,
    *(unit for unit in Unit if unit.startswith("guardrail_")),
)  # fmt: skip
"""What AWS attributes to nobody: shared out by what the ledger holds, and labelled so.

Embedding tokens are nobody's where a Knowledge Base used them, under its own role: those are shared
by what the ledger holds as estimates, since a Knowledge Base tells no usage.
"""
NOT_AWS: Final = (Unit.STORAGE, Unit.SEAT)
"""In the ledger, but not on Bedrock's bill."""
LOGGED: Final = (
    Unit.INPUT, Unit.OUTPUT, Unit.CACHE_READ, Unit.CACHE_WRITE, Unit.CACHE_WRITE_1H, Unit.EMBEDDING,
)  # fmt: skip
"""What the invocation log counts of every call. It knows guardrails only in part."""

LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext(%s))"
ROOM: Final = "SET LOCAL work_mem = '64MB'"
REMOVE: Final = "DELETE FROM billing_reconciliationline WHERE period = %(period)s"
COMPARE: Final = """
WITH ledger AS (
    SELECT day, tenant_id, model, unit, sum(quantity) AS quantity, coalesce(sum(usd), 0) AS usd,
           coalesce(sum(quantity) FILTER (WHERE estimated), 0) AS estimated,
           bool_or(usd IS NULL) AS unpriced,
           coalesce(sum(quantity) FILTER (WHERE estimated OR unit <> %(embedding)s), 0) AS sharing,
           coalesce(sum(usd) FILTER (WHERE estimated OR unit <> %(embedding)s), 0) AS sharing_usd
      FROM (SELECT e.tenant_id, e.unit, e.quantity, e.usd, e.estimated,
                   CASE WHEN e.unit LIKE 'guardrail_%%' THEN %(guardrails)s
                        WHEN e.unit = 'kb_retrievals' THEN %(knowledge)s
                        ELSE split_part(e.model, '@', 1) END AS model,
                   coalesce((r.created_at AT TIME ZONE 'UTC')::date,
                            least((e.created_at AT TIME ZONE 'UTC')::date, %(last)s)) AS day
              FROM billing_ledgerentry e
              LEFT JOIN billing_reservation r ON r.id = e.reservation_id
             WHERE e.month = %(period)s AND e.unit <> ALL(%(not_aws)s)) AS rows
     GROUP BY day, tenant_id, model, unit
), billed_days AS (
    SELECT DISTINCT day FROM billing_awscostline
     WHERE source = 'cur' AND period = %(period)s AND kind = ANY(%(usage)s)
), bill AS (
    SELECT day, tenant_id, unit, source, sum(quantity) AS quantity, sum(usd) AS usd,
           CASE WHEN model <> '' THEN model WHEN unit LIKE 'guardrail_%%' THEN %(guardrails)s
                WHEN unit = 'kb_retrievals' THEN %(knowledge)s
                WHEN unit = '' THEN usage_type ELSE '' END AS model
      FROM billing_awscostline l
     WHERE period = %(period)s AND kind = ANY(%(usage)s)
       AND (source = 'cur' OR day NOT IN (SELECT day FROM billed_days))
     GROUP BY day, tenant_id, unit, source, 7
), nobodys AS (  -- to be shared out; a bill that names no model is shared over all
    SELECT * FROM bill WHERE tenant_id IS NULL AND unit = ANY(%(shared)s)
), sharing AS (
    SELECT n.day, n.model AS of_model, n.unit, n.source, n.quantity AS whole, n.usd AS whole_usd,
           l.tenant_id, l.model,
           sum(l.sharing) OVER part AS upto, sum(l.sharing) OVER part - l.sharing AS before,
           l.sharing AS own, l.sharing_usd AS own_usd, sum(l.sharing_usd) OVER whole AS all_usd,
           sum(l.sharing) OVER whole AS all_of_it, count(*) OVER whole AS parts
      FROM nobodys n
      JOIN ledger l ON l.day = n.day AND l.unit = n.unit AND l.model = coalesce(
               nullif(n.model, ''), l.model) AND l.sharing > 0
    WINDOW whole AS (PARTITION BY n.day, n.model, n.unit, n.source),
           part AS (whole ORDER BY l.tenant_id, l.model)
), shares AS (  -- differences of running sums, so that the parts come to the whole exactly
    SELECT day, tenant_id, model, unit, source,
           CASE WHEN agrees THEN own
                ELSE round(whole * upto / all_of_it, 9) - round(whole * before / all_of_it, 9)
           END AS quantity,
           CASE WHEN agrees THEN own_usd
                ELSE round(whole_usd * upto / all_of_it, 15)
                     - round(whole_usd * before / all_of_it, 15) END AS usd
      FROM (SELECT *, abs(whole - all_of_it) < parts AND whole_usd = all_usd AS agrees
              FROM sharing) AS s
), aws AS (
    SELECT day, tenant_id, model, unit, sum(quantity) AS quantity, sum(usd) AS usd,
           max(source) AS source, bool_or(allocated) AS allocated
      FROM (SELECT day, tenant_id, model, unit, quantity, usd, source, false AS allocated FROM bill
             WHERE NOT (tenant_id IS NULL AND unit = ANY(%(shared)s))
             UNION ALL
            SELECT day, tenant_id, model, unit, quantity, usd, source, true FROM shares
             UNION ALL
            SELECT day, NULL, model, unit, quantity, usd, source, false FROM nobodys n
             WHERE NOT EXISTS (SELECT FROM sharing s WHERE s.day = n.day AND s.unit = n.unit
                                  AND s.of_model = n.model AND s.source = n.source)) AS parts
     GROUP BY day, tenant_id, model, unit
), sides AS (
    SELECT coalesce(l.day, a.day) AS day,
           CASE WHEN l.day IS NULL THEN a.tenant_id ELSE l.tenant_id END AS tenant_id,
           coalesce(l.model, a.model) AS model, coalesce(l.unit, a.unit) AS unit,
           coalesce(l.quantity, 0) AS booked, coalesce(l.usd, 0) AS booked_usd,
           coalesce(l.estimated, 0) AS estimated, coalesce(l.unpriced, false) AS unpriced,
           coalesce(a.quantity, 0) AS billed, coalesce(a.usd, 0) AS billed_usd,
           coalesce(a.source, '') AS source, coalesce(a.allocated, false) AS allocated
      FROM ledger l
      FULL JOIN aws a ON a.day = l.day AND a.tenant_id = l.tenant_id
                     AND a.model = l.model AND a.unit = l.unit
), three AS (
    SELECT s.*, abs(billed - booked) < 1 AS same,
           CASE WHEN s.unit = ANY(%(logged)s) THEN coalesce(g.quantity, 0) END AS logged,
           lag(billed - booked) OVER around AS day_before,
           lag(s.day) OVER around = s.day - 1 AS has_before,
           lead(billed - booked) OVER around AS day_after,
           lead(s.day) OVER around = s.day + 1 AS has_after,
           EXISTS (SELECT FROM registry_tenant t WHERE t.id = s.tenant_id) AS known,
           EXISTS (SELECT FROM bill b WHERE b.day = s.day) AS delivered
      FROM sides s
      LEFT JOIN billing_loggedusage g ON g.day = s.day AND g.tenant_id = s.tenant_id
                                     AND g.model = s.model AND g.unit = s.unit
    WINDOW around AS (PARTITION BY s.tenant_id, s.model, s.unit ORDER BY s.day)
)
INSERT INTO billing_reconciliationline
       (id, period, day, tenant_id, model, unit, ledger_quantity, ledger_usd, estimated_quantity,
        log_quantity, aws_quantity, aws_usd, aws_source, allocated, cause)
SELECT gen_random_uuid(), %(period)s, day, tenant_id, model, unit, booked, booked_usd, estimated,
       logged, billed, billed_usd, source, allocated,
       CASE WHEN same AND billed_usd = booked_usd AND NOT unpriced THEN 'equal'
            WHEN unit = '' THEN 'unknown_usage'
            WHEN tenant_id IS NULL THEN 'unattributed'
            WHEN NOT known THEN 'unknown_tenant'
            WHEN same AND unpriced THEN 'unpriced'
            WHEN same THEN 'price'
            WHEN NOT delivered THEN CASE WHEN day >= %(settled)s THEN 'pending' ELSE 'absent' END
            WHEN has_before AND day_before = booked - billed
              OR has_after AND day_after = booked - billed THEN 'midnight'
            WHEN billed < booked AND day >= %(settled)s THEN 'late'
            WHEN allocated AND unit <> %(embedding)s THEN 'share'
            WHEN billed > 0 AND booked = 2 * billed
             AND coalesce(logged, billed) = billed THEN 'duplicate_ledger'
            WHEN booked > 0 AND billed > booked AND mod(billed, booked) = 0
             AND coalesce(logged, booked) = booked THEN 'duplicate_bill'
            WHEN estimated <> 0 THEN 'estimated'
            WHEN billed > booked AND (booked = 0 OR logged = billed) THEN 'missing'
            WHEN billed < booked AND logged = billed THEN 'overbooked'
            WHEN billed = 0 THEN 'absent'
            ELSE 'drift' END
  FROM three
 WHERE booked <> 0 OR billed <> 0 OR booked_usd <> 0 OR billed_usd <> 0 OR coalesce(logged, 0) <> 0
"""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a run found of a period."""

    period: date
    lines: int


def period_reconcile(period: date, *, now: datetime | None = None) -> Reconciled:
    """Replace what is known of a period, `now` by the database's clock unless it is given."""
    now = now or database_now()
    policy = ReconciliationPolicy.objects.get()
    settled = (now - timedelta(hours=policy.settle_hours)).astimezone(UTC).date()
    names: dict[str, Any] = {
        "period": period,
        "last": next_month(period) - timedelta(days=1),
        "settled": settled,  # a day that ended less than `settle_hours` ago is this one or later
        "guardrails": GUARDRAIL_KEY,
        "knowledge": KNOWLEDGE_KEY,
        "embedding": Unit.EMBEDDING.value,
        "shared": [unit.value for unit in SHARED],
        "not_aws": [unit.value for unit in NOT_AWS],
        "logged": [unit.value for unit in LOGGED],
        "usage": list(AwsCostLine.USAGE),
    }
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(LOCK, [f"billing.reconciliation.{period}"])
        cursor.execute(ROOM)
        cursor.execute(REMOVE, names)
        cursor.execute(COMPARE, names)
        lines = cursor.rowcount
        delivery = AwsCostDelivery.objects.filter(period=period).first()
        billed = AwsCostLine.objects.filter(period=period).order_by("-day").first()
        ReconciliationRun.objects.update_or_create(
            period=period,
            defaults={
                "reconciled_at": now,
                "delivery": delivery.execution_id if delivery else "",
                "billed_until": billed.day if billed else None,
                "lines": lines,
            },
        )
    return Reconciled(period, lines)


def periods_open(now: datetime | None = None) -> list[date]:
    """Return the months whose bills still change: AWS closes a month within ten days."""
    today = (now or database_now()).astimezone(UTC).date()
    this = today.replace(day=1)
    before = (this - timedelta(days=1)).replace(day=1)
    return [before, this] if today.day <= 12 else [this]
