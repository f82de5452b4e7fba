"""Ten million rows of one workspace's month, in minutes: a partition filled beside the ledger.

Rows are written to a table of its own, by two connections and without indexes or log; then it gets
the partition's keys and takes its place, with the rows that stood there. The roll-ups are summed
once over all of them, by the rule of the ledger's trigger, which would move them a call at a time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any
from uuid import UUID

import psycopg

WRITERS = 2
CALLS_AT_ONCE = 250_000  # of four rows each

WRITE = """
    INSERT INTO billing_ledgerentry_bench
           (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
            route, region, profile_arn, feature, user_id, reservation_id, price_id, price_usd,
            price_per, usd, created_at)
    SELECT gen_random_uuid(), %(tenant)s, %(month)s, r.request, 101, u.unit, 1000, 'usage', false,
           'amazon.nova-lite-v1:0', 'region', 'us-east-1', '',
           (ARRAY['ask', 'assistant', 'write', 'search'])[1 + r.i %% 4],
           ('00000000-0000-0000-0000-0000000000' || lpad((10 + r.i %% 20)::text, 2, '0'))::uuid,
           r.request, 1, 0.06, 1000000, 0.00006, r.at
      FROM (SELECT gen_random_uuid() AS request, i,
                   now() - random() * (now() - date_trunc('month', now())) AS at
              FROM generate_series(%(first)s::int, %(last)s::int) AS i OFFSET 0) AS r,
           (VALUES ('input_tokens'), ('output_tokens'), ('guardrail_content_units'),
                   ('guardrail_pii_units')) AS u(unit)
"""
KEYS = """
    SELECT pg_get_constraintdef(oid) FROM pg_constraint
     WHERE conrelid = %(old)s::regclass AND contype = 'p'
"""
INDEXES = """
    SELECT regexp_replace(pg_get_indexdef(indexrelid), '^CREATE INDEX .* ON \\S+ ',
                          'CREATE INDEX ON billing_ledgerentry_bench ')
      FROM pg_index WHERE indrelid = %(old)s::regclass AND NOT indisprimary
"""
# A call counts once in its feature and once under its model: with its first row, by unit.
DAYS = """
    INSERT INTO billing_usageday AS d
           (tenant_id, month, day, feature, user_id, api_key_id, model, unit, price_usd, price_per,
            quantity, usd, unpriced, estimated, requests, model_requests)
    SELECT tenant_id, month, (created_at AT TIME ZONE 'UTC')::date, feature, user_id,
           '00000000-0000-0000-0000-000000000000', model, unit, price_usd, price_per,
           sum(quantity), sum(usd), 0, 0,
           count(*) FILTER (WHERE unit = 'guardrail_content_units'),
           count(*) FILTER (WHERE unit = 'guardrail_content_units')
      FROM billing_ledgerentry_bench
     GROUP BY tenant_id, month, (created_at AT TIME ZONE 'UTC')::date, feature, user_id, model,
              unit, price_usd, price_per
    ON CONFLICT (tenant_id, month, day, feature, user_id, api_key_id, model, unit, price_usd,
                 price_per)
    DO UPDATE SET quantity = d.quantity + excluded.quantity, usd = d.usd + excluded.usd,
           requests = d.requests + excluded.requests,
           model_requests = d.model_requests + excluded.model_requests
"""
HOURS = """
    INSERT INTO billing_usagehour AS h (tenant_id, month, hour, requests, tokens, usd)
    SELECT tenant_id, month, date_trunc('hour', created_at, 'UTC'),
           count(*) FILTER (WHERE unit = 'guardrail_content_units'),
           coalesce(sum(quantity) FILTER (WHERE unit LIKE '%\\_tokens'), 0), sum(usd)
      FROM billing_ledgerentry_bench GROUP BY 1, 2, 3
    ON CONFLICT (tenant_id, month, hour)
    DO UPDATE SET requests = h.requests + excluded.requests, tokens = h.tokens + excluded.tokens,
           usd = h.usd + excluded.usd
"""
MEMBERS = """
    INSERT INTO billing_membercounter AS c (tenant_id, user_id, period, metric, used, reserved)
    SELECT tenant_id, user_id, month, m.metric,
           sum(CASE m.metric WHEN 'spend_usd' THEN usd ELSE quantity END), 0
      FROM billing_usageday d, (VALUES ('model_tokens'), ('spend_usd')) AS m(metric)
     WHERE user_id::text LIKE '00000000-0000-0000-0000-0000000000%'
       AND user_id <> '00000000-0000-0000-0000-000000000000'
       AND (m.metric = 'spend_usd' OR unit IN ('input_tokens', 'output_tokens'))
     GROUP BY 1, 2, 3, 4
    ON CONFLICT (tenant_id, user_id, period, metric) DO UPDATE SET used = excluded.used
"""


def fill(url: str, tenant: UUID, rows: int) -> int:
    """Add so many rows to this month of a workspace, as the superuser of `url`; return how many."""
    calls = rows // 4
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'")
        [[month]] = connection.execute("SELECT date_trunc('month', now())::date").fetchall()
        old = f"billing_ledgerentry_{month:%Y%m}"
        connection.execute(
            f"CREATE UNLOGGED TABLE billing_ledgerentry_bench"
            f" (LIKE {old} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        )

        def write(first: int) -> None:
            last = min(first + CALLS_AT_ONCE, calls) - 1
            asked = {"tenant": tenant, "month": month, "first": first, "last": last}
            with psycopg.connect(url, autocommit=True) as own:
                own.execute(WRITE, asked)

        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(write, range(0, calls, CALLS_AT_ONCE)))
        for statement in (DAYS, HOURS, MEMBERS):
            connection.execute(statement)
        _stands(connection, old, month)
        connection.execute("VACUUM ANALYZE billing_usageday, billing_usagehour")
        connection.execute(f"VACUUM ANALYZE {old}")
    return calls * 4


def _stands(connection: psycopg.Connection[Any], old: str, month: date) -> None:
    """Let the filled table take the month's place, with the rows that are there already."""
    new = "billing_ledgerentry_bench"
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    [[key]] = connection.execute(KEYS, {"old": old}).fetchall()
    indexes = [text for (text,) in connection.execute(INDEXES, {"old": old}).fetchall()]
    connection.execute(f"INSERT INTO {new} SELECT * FROM {old}")
    connection.execute(f"ALTER TABLE {new} ADD {key}")
    for text in indexes:
        connection.execute(text)
    connection.execute(
        f"ALTER TABLE {new} ADD CHECK (month >= '{month}' AND month < '{following}')"
    )
    with connection.transaction():
        connection.execute(f"ALTER TABLE billing_ledgerentry DETACH PARTITION {old}")
        connection.execute(f"DROP TABLE {old}; ALTER TABLE {new} RENAME TO {old}")
        connection.execute(
            f"ALTER TABLE billing_ledgerentry ATTACH PARTITION {old}"
            f" FOR VALUES FROM ('{month}') TO ('{following}')"
        )
