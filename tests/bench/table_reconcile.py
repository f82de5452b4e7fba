"""A month of AWS's bill, a million lines of it, read and held against the ledger."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import resource
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.bench import stack
from tests.bench.table import Table

LINES = int(os.environ.get("BENCH_CUR_LINES", "1000000"))
FILES, AT_ONCE = 20, 4
TENANTS = 600
SECONDS, MEGABYTES = 120, 500
MODELS = ("amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0")
UNITS = (("input-tokens", "input_tokens"), ("output-tokens", "output_tokens"))
REGION = "us-east-1"
DRIFTED = 3  # tenants whose lines AWS bills 10 % higher


def run() -> Table:
    """Deliver the lines to the local AWS, then read and compare in a process of the ops login."""
    worker = stack.worker()
    for first in range(0, FILES, AT_ONCE):
        worker.manage("ops", "shell", "-c", DELIVER.format(first))
    for first in range(0, LINES, LINES // 4):
        worker.manage("owner", "shell", "-c", BOOK.format(first, first + LINES // 4))
    cases = {(tenant, model, hour.date()) for _, tenant, model, _, hour in _lines(0, LINES)}
    drifted = {case for case in cases if case[0] in _tenants()[:DRIFTED]}
    told = json.loads(worker.manage("ops", "shell", "-c", READ).split("TOLD ", 1)[1])
    whole = told["read"] + told["compared"]
    right = (told["open"], told["equal"]) == (len(drifted), len(cases) - len(drifted))
    return Table(
        title="Reconciliation of a month",
        includes=(
            f"{LINES:,} lines of CUR 2.0 in {FILES} files for {TENANTS} workspaces, delivered by"
            " the local AWS over S3 and read, staged, added up and compared by one process. Memory"
            " is that process's highest RSS, Django and boto3 in it."
        ),
        columns=("", "figure"),
        rows=[
            ("read and staged, s", f"{told['read']:.1f}"),
            ("compared with the ledger, s", f"{told['compared']:.1f}"),
            ("highest RSS, MB (10⁶ bytes)", f"{told['rss'] / 1e6:.0f}"),
            ("RSS before, MB", f"{told['rest'] / 1e6:.0f}"),
            ("lines of the delivery", f"{told['lines']:,}"),
            ("cases: workspace, model and day", f"{told['equal'] + told['open']:,}"),
            ("of them open, as injected", f"{told['open']:,}"),
        ],
        target=f"within {SECONDS} s and {MEGABYTES} MB, and the injected drift found, no more",
        reached=whole <= SECONDS and told["rss"] / 1e6 <= MEGABYTES and right,
    )


DELIVER = "from tests.bench.table_reconcile import deliver; deliver({0})"
BOOK = "from tests.bench.table_reconcile import book; book({0}, {1})"
READ = "from tests.bench.table_reconcile import read; read()"


def _tenants() -> list[str]:
    return [f"{number:08x}-0000-4000-8000-000000000000" for number in range(1, TENANTS + 1)]


def _period() -> date:
    return (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)


def _lines(first: int, end: int) -> Iterator[tuple[int, str, str, int, datetime]]:
    """Yield line number, tenant, model, unit's place and hour; every line has 1,000 tokens."""
    tenants, start = _tenants(), datetime.combine(_period(), datetime.min.time(), UTC)
    hours = 28 * 24
    for number in range(first, end):
        rest, place = divmod(number, len(UNITS))
        rest, tenant = divmod(rest, TENANTS)
        model, hour = rest % len(MODELS), rest // len(MODELS) * 11 % hours
        yield number, tenants[tenant], MODELS[model], place, start + timedelta(hours=hour)


def deliver(first: int) -> None:
    """Write some files of the export as AWS does; its manifest with the last of them."""
    from bedrock.costsetup import COLUMNS
    from bedrock.deployment import BILLING_REGION, COSTS_PREFIX, export_name
    from bedrock.provisioning import costs_ensure
    from tenants.context import public_scope
    from tenants.deployment_objects import deployment_object_put
    from tenants.objects import bucket

    prices = {MODELS[0]: ("0.06", "0.24"), MODELS[1]: ("0.8", "3.2")}
    drifted = set(_tenants()[:DRIFTED])
    with public_scope("ops"):
        costs_ensure()
        for file in range(first, first + AT_ONCE):
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerow(COLUMNS)
            start, end = LINES * file // FILES, LINES * (file + 1) // FILES
            for number, tenant, model, place, hour in _lines(start, end):
                factor = 1.1 if tenant in drifted else 1.0
                usd = float(prices[model][place]) / 1000 * factor
                stamp = hour.strftime("%Y-%m-%dT%H:%M:%SZ")
                name = "NovaLite" if model == MODELS[0] else "NovaPro"
                values = {
                    "identity_line_item_id": f"{number:052x}",
                    "identity_time_interval": f"{stamp}/{stamp}",
                    "bill_billing_entity": "AWS",
                    "line_item_line_item_type": "Usage",
                    "line_item_usage_start_date": stamp,
                    "line_item_product_code": "AmazonBedrock",
                    "line_item_usage_type": f"USE1-{name}-{UNITS[place][0]}",
                    "line_item_resource_id": f"arn:aws:bedrock:{REGION}::foundation-model/{model}",
                    "line_item_iam_principal": "arn:aws:sts::000000000000:assumed-role/tenant/"
                    f"tenant-{tenant.replace('-', '')}",
                    "line_item_usage_amount": f"{factor:.1f}",
                    "line_item_unblended_cost": f"{usd:.9f}",
                    "line_item_currency_code": "USD",
                    "pricing_unit": "1K tokens",
                    "product": json.dumps({"product_name": "Amazon Bedrock", "region": REGION}),
                    "product_region_code": REGION,
                    "resource_tags": "{}",
                    "tags": json.dumps({"iamPrincipal/TenantId": tenant}),
                }
                writer.writerow([values.get(column, "") for column in COLUMNS])
            root = f"{COSTS_PREFIX}/{export_name()}"
            folder = f"BILLING_PERIOD={_period():%Y-%m}/bench"
            key = f"{root}/data/{folder}/{file:05d}.csv.gz"
            deployment_object_put(
                BILLING_REGION, key, gzip.compress(text.getvalue().encode(), 6),
                content_type="application/gzip",
            )  # fmt: skip
        if first + AT_ONCE < FILES:
            return
        data = f"s3://{bucket(BILLING_REGION)}/{root}/data/{folder}"
        files = [f"{data}/{number:05d}.csv.gz" for number in range(FILES)]
        manifest = {"executionId": "bench", "dataFiles": files}
        deployment_object_put(
            BILLING_REGION, f"{root}/metadata/{folder}/bench-Manifest.json",
            json.dumps(manifest).encode(), content_type="application/json",
        )  # fmt: skip


def book(first: int, end: int) -> None:
    """Put into the ledger what the lines were for, and the workspaces into the registry."""
    from django.db import connection

    from tenants.context import public_scope

    day = """(%(period)s + (n / 2 / 600 / 2 * 11 %% 672) * interval '1 hour')"""
    statement = f"""
        INSERT INTO billing_ledgerentry
               (id, tenant_id, month, request_id, attempt, unit, quantity, kind, estimated, model,
                route, region, profile_arn, feature, reservation_id, price_usd, price_per, usd,
                created_at)
        SELECT gen_random_uuid(), (lpad(to_hex(n / 2 %% 600 + 1), 8, '0')
                                   || '-0000-4000-8000-000000000000')::uuid,
               %(period)s::date, gen_random_uuid(), 101,
               (ARRAY['input_tokens', 'output_tokens'])[n %% 2 + 1], 1000, 'usage', false,
               (ARRAY['{MODELS[0]}', '{MODELS[1]}'])[n / 1200 %% 2 + 1], 'region', 'us-east-1', '',
               'ask', gen_random_uuid(), null, null,
               (ARRAY[0.06, 0.24, 0.8, 3.2])[n / 1200 %% 2 * 2 + n %% 2 + 1] / 1000,
               {day}::timestamp AT TIME ZONE 'UTC'
          FROM generate_series(%(first)s, %(end)s - 1) AS n
    """
    with public_scope("owner"), connection.cursor() as cursor:
        # The roll-ups are not what is measured here.
        cursor.execute("ALTER TABLE billing_ledgerentry DISABLE TRIGGER billing_roll_up")
        cursor.execute(statement, {"period": _period(), "first": first, "end": end})
        if first:
            return
        cursor.execute(
            """INSERT INTO registry_tenant
                      SELECT (jsonb_populate_record(t, jsonb_build_object(
                              'id', lpad(to_hex(n), 8, '0') || '-0000-4000-8000-000000000000',
                              'slug', 'bench-' || n, 'name', 'Bench ' || n,
                              'schema_name', 't_bench_' || n))).*
                        FROM registry_tenant t, generate_series(1, %s) AS n
                       WHERE t.id = (SELECT id FROM registry_tenant
                                      WHERE schema_name <> 'public' LIMIT 1)""",
            [TENANTS],
        )


def read() -> None:
    """Read the delivery and compare it; tell times, memory and what was found."""
    from bedrock.costs import cur_read
    from billing.models import AwsCostDelivery
    from billing.reconciliation.cases import cases_of
    from billing.reconciliation.comparing import period_reconcile
    from tenants.context import public_scope

    def highest() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    told: dict[str, Any] = {"rest": highest()}
    with public_scope("ops"):
        began = time.perf_counter()
        assert cur_read() >= 1, "the delivery was not read"
        told["read"] = time.perf_counter() - began
        began = time.perf_counter()
        period_reconcile(_period())
        told["compared"] = time.perf_counter() - began
        told["rss"] = highest()
        told["lines"] = AwsCostDelivery.objects.get(period=_period()).lines
        ours = set(_tenants())  # the ledger may hold other tables' entries
        states = [case.state for case in cases_of(_period()) if str(case.tenant_id) in ours]
    told |= {"open": states.count("open"), "equal": states.count("equal")}
    print("TOLD", json.dumps(told))
