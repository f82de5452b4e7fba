"""A month of 600 workspaces drafted as invoices, and drafted again."""

from __future__ import annotations

import json
import random
import re
from datetime import timedelta
from time import perf_counter

import psycopg

from tests.bench import stack
from tests.bench.table import Table
from tests.billing.month import book, last_month, on_plans, plans_of_all_models, workspaces

WORKSPACES, ROWS = 600, 3_000_000
LIMIT = 120  # seconds
DRAFT = """
import json, resource, time
from billing.invoices.drafting import invoices_draft
from tenants.context import public_scope
with public_scope("ops"):
    begun = time.perf_counter()
    first = dict(invoices_draft())
    between = time.perf_counter()
    second = dict(invoices_draft())
    ended = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print("TOLD", json.dumps([first, between - begun, second, ended - between, peak]))
"""
FILL = """
    INSERT INTO billing_ledgerentry (id, tenant_id, month, request_id, attempt, unit, quantity,
        kind, estimated, model, route, region, profile_arn, feature, reservation_id, price_usd,
        price_per, usd, created_at)
    SELECT gen_random_uuid(), tenant, %(month)s, gen_random_uuid(), 101, unit, 1000 + n %% 977,
           'usage', false, 'amazon.nova-lite-v1:0', 'region', 'us-east-1', '', 'ask',
           gen_random_uuid(), 0.06, 1000000, (1000 + n %% 977) * 0.06 / 1000000,
           %(month)s::timestamptz + (n %% 28) * interval '1 day' + (n %% 80000) * interval '1 s'
      FROM unnest(%(tenants)s::uuid[]) AS tenant,
           unnest(ARRAY['input_tokens', 'output_tokens', 'guardrail_content_units']) AS unit,
           generate_series(1, %(each)s) AS n
"""


def run() -> Table:
    """Fill the ledger, draft in a process of its own under the ops login, and time it."""
    worker = stack.worker()
    month = last_month()
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as owner:
        plans = sorted(plans_of_all_models(owner))
        picked = random.Random(600)
        long_ago = month - timedelta(days=60)
        made = workspaces(owner, WORKSPACES, plans[0], long_ago)
        changes = {}
        for number, tenant in enumerate(made):
            changes[tenant] = [(long_ago, plans[number % len(plans)])]
            if number % 10 == 0:  # a tenth changes its plan in the middle
                at = month + timedelta(days=picked.uniform(1, 26))
                changes[tenant].append((at, plans[(number + 1) % len(plans)]))
        on_plans(owner, changes)
        each = ROWS // WORKSPACES // 3
        owner.execute(FILL, {"month": month.date(), "tenants": made, "each": each})
        from tests.billing.month import Row

        seats = [
            Row(tenant, tenant, 101, "members", "seats", 9, month + timedelta(days=3), "0", 1)
            for tenant in made
        ]
        book(owner, seats, month)
        owner.execute("ANALYZE billing_ledgerentry")
        [(rows,)] = owner.execute("SELECT count(*) FROM billing_ledgerentry").fetchall()
    begun = perf_counter()
    said = worker.manage("ops", "shell", "-c", DRAFT)
    whole = perf_counter() - begun
    found = re.search(r"TOLD (.*)", said)
    assert found, said
    first, took, second, again, peak = json.loads(found[1])
    assert first["drafted"] == WORKSPACES, first
    assert second["unchanged"] >= WORKSPACES, second
    return Table(
        title="Invoices of a month",
        includes=(
            f"Drafted by the task under the ops login from {rows:,} ledger entries of"
            f" {WORKSPACES} workspaces, under five plans of all pricing models; a tenth changed"
            " its plan within the month. A second run finds nothing to do. With the start of the"
            f" process: {whole:.1f} s."
        ),
        columns=("", "seconds", "invoices", "peak MB"),
        rows=[
            ("drafting", f"{took:.1f}", str(first["drafted"]), f"{peak:.0f}"),
            ("drafting again", f"{again:.1f}", str(second["unchanged"]), f"{peak:.0f}"),
        ],
        target=f"{WORKSPACES} workspaces within {LIMIT} s",
        reached=took <= LIMIT,
    )
