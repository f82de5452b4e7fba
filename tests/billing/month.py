"""A month of synthetic use, and the same month's invoices reckoned by brute force.

Nothing here shares code with `billing.invoices`: it walks call by call in the order of time, keeps
the meters as a person with a pencil would, and reckons in fractions.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid4

# AWS's bill of the month has been held against the ledger long after its end: nothing to say.
COMPARED = """
    INSERT INTO billing_reconciliationrun (period, reconciled_at, delivery, lines)
    VALUES (%s, now() + interval '40 days', '', 0) ON CONFLICT DO NOTHING
"""
STORED = "storage_byte_days"
METRIC = {
    "input_tokens": "model_tokens", "output_tokens": "model_tokens",
    "cache_read_tokens": "model_tokens", "embedding_tokens": "embedding_tokens",
    "guardrail_content_units": "guardrail_units", "guardrail_topic_units": "guardrail_units",
    "rerank_queries": "other", "kb_retrievals": "other",
}  # fmt: skip
PRICES = {  # dollars and for how many; odd on purpose
    ("nova", "input_tokens"): ("0.06", 1_000_000), ("nova", "output_tokens"): ("0.24", 1_000_000),
    ("nova", "cache_read_tokens"): ("0.015", 1_000_000),
    ("haiku", "input_tokens"): ("1.1", 1_000_000), ("haiku", "output_tokens"): ("5.5", 1_000_000),
    ("titan", "embedding_tokens"): ("0.02", 1_000_000),
    ("guard", "guardrail_content_units"): ("0.15", 1_000),
    ("guard", "guardrail_topic_units"): ("0.15", 1_000),
    ("rank", "rerank_queries"): ("2.00", 1_000), ("base", "kb_retrievals"): ("0.000333333", 1),
}  # fmt: skip
MODELS = {
    "sy-bundled": {"monthly_price": "49.90",
                   "limits": {"model_tokens": {"included": "3000000"}}},
    "sy-quota": {"monthly_price": "99.99", "limits": {
        "model_tokens": {"included": "1000000", "overage_price": "3.37", "overage_per": 1_000_000},
        "embedding_tokens": {"included": "70000", "overage_price": "0.013", "overage_per": 1_000},
        "guardrail_units": {"included": "500", "overage_price": "0.001234567", "overage_per": 1}}},
    "sy-metered": {"monthly_price": "10.00", "markup_percent": "17.50", "metered": [
        "model_tokens", "embedding_tokens", "guardrail_units", "other"], "limits": {}},
    "sy-seat": {"monthly_price": "19.00", "seat_price": "13.33", "seats_included": 2,
                "limits": {}},
    "sy-mixed": {"monthly_price": "7.77", "seat_price": "3.10", "seats_included": 4,
                 "markup_percent": "9.25", "metered": ["other", "guardrail_units"], "limits": {
                     "model_tokens": {"included": "800000", "overage_price": "2.71",
                                      "overage_per": 1_000_000},
                     "spend_usd": {"included": "1", "overage_price": "0.25", "overage_per": 1}}},
}  # fmt: skip
METRICS = ("model_tokens", "embedding_tokens", "guardrail_units", "spend_usd", "storage_bytes")


def terms_of(plan: str) -> dict[str, Any]:
    """Return a plan's terms, with what it says nothing of included without limit."""
    given: dict[str, Any] = json.loads(json.dumps(MODELS[plan]))
    for metric in METRICS:
        given["limits"].setdefault(metric, {"included": None})
    return given


@dataclass(frozen=True, slots=True)
class Row:
    """A ledger entry."""

    tenant: UUID
    request: UUID
    attempt: int
    model: str
    unit: str
    quantity: int
    at: datetime
    price: str | None
    per: int | None

    @property
    def usd(self) -> Decimal | None:
        return None if self.price is None else Decimal(self.price) * self.quantity / (self.per or 1)


def synthetic(picked: random.Random, tenant: UUID, month: datetime, calls: int) -> list[Row]:
    """Return a month of a workspace: calls, corrections that came later, members day by day."""
    rows = []
    units_of = defaultdict(list)
    for model, unit in PRICES:
        units_of[model].append(unit)
    end = month + timedelta(days=28)
    for _ in range(calls):
        at = month + (end - month) * picked.random()
        request, model = uuid4(), picked.choice(sorted(units_of))
        for unit in units_of[model]:
            most = {"input_tokens": 90_000, "embedding_tokens": 9_000}.get(unit, 900)
            price, per = PRICES[model, unit]
            quantity = picked.randrange(1, most)
            rows.append(Row(tenant, request, 101, model, unit, quantity, at, price, per))
            if picked.random() < 0.1:  # put right hours or days later, at the call's own price
                off = -picked.randrange(1, quantity + 1)
                later = at + timedelta(hours=picked.randrange(1, 60))
                rows.append(Row(tenant, request, 151, model, unit, off, later, price, per))
    members = picked.randrange(1, 9)
    for number in range(picked.randrange(1, 4), 28):
        members = max(1, members + picked.choice((-1, 0, 0, 0, 1)))
        day = month + timedelta(days=number, hours=2)
        rows.append(Row(tenant, uuid4(), 101, "members", "seats", members, day, "0", 1))
        stored = picked.randrange(10**11)
        rows.append(Row(tenant, uuid4(), 101, "disk", STORED, stored, day, "0.000000001", 1))
    return rows


def charged(
    rows: Iterable[Row],
    changes: Sequence[tuple[datetime, str]],
    month: datetime,
    length: int,
    plans: Mapping[str, dict[str, Any]],
) -> int:
    """Return what a month costs, in cents: `changes` are the plans, in order, from the sign-up."""
    calls: dict[tuple[UUID, int], list[Row]] = defaultdict(list)
    seats: dict[int, int] = {}
    for row in rows:
        if row.unit == "seats":
            seats[(row.at - month).days] = row.quantity
        elif row.unit != STORED:  # which plans limit and none charges
            calls[row.request, row.attempt // 100].append(row)
    begun = {key: min(row.at for row in parts) for key, parts in calls.items()}
    lines: dict[tuple[Any, ...], Fraction] = defaultdict(Fraction)

    def number_at(at: datetime) -> int:
        return max(n for n, (since, _) in enumerate(changes) if n == 0 or since <= at)

    meters: dict[str, Fraction] = defaultdict(Fraction)
    for key in sorted(calls, key=lambda one: begun[one]):
        number = number_at(begun[key])
        terms = plans[changes[number][1]]
        moved: dict[str, Fraction] = defaultdict(Fraction)
        for row in calls[key]:
            cost = Fraction(row.price or 0) * row.quantity / (row.per or 1)
            metric = METRIC[row.unit]
            moved[metric] += row.quantity
            moved["spend_usd"] += cost
            if metric in terms.get("metered", ()):
                markup = 1 + Fraction(terms.get("markup_percent", "0")) / 100
                lines[number, "usage", row.model] += cost * markup
        for metric, amount in moved.items():
            limit = terms["limits"].get(metric, {})
            before = meters[metric]
            meters[metric] += amount
            if limit.get("overage_price") and metric not in terms.get("metered", ()):
                included = Fraction(limit["included"])
                beyond = max(meters[metric], included) - max(before, included)
                price = Fraction(limit["overage_price"]) / limit.get("overage_per", 1)
                lines[number, "overage", metric] += beyond * price
    for day in range(length):
        ends = month + timedelta(days=day + 1)
        numbers = [n for n, (since, _) in enumerate(changes) if since < ends]
        if not numbers:
            continue
        terms = plans[changes[numbers[-1]][1]]
        members = 0
        if seats:
            before = [one for one in seats if one <= day]
            members = seats[max(before) if before else min(seats)]
        lines[numbers[-1], "fee"] += Fraction(terms["monthly_price"]) / length
        beyond = max(0, members - terms.get("seats_included", 0))
        lines[numbers[-1], "seats"] += Fraction(terms.get("seat_price", "0")) * beyond / length
    return sum(int(amount * 100 + Fraction(1, 2)) for amount in lines.values())


LEDGER = """
    COPY billing_ledgerentry (id, tenant_id, month, request_id, attempt, unit, quantity, kind,
        estimated, model, route, region, profile_arn, feature, reservation_id, price_usd,
        price_per, usd, created_at) FROM STDIN
"""


def book(connection: Any, rows: Iterable[Row], month: datetime) -> None:
    """Write the rows into the ledger; `connection` is psycopg's, of who may."""
    with connection.cursor() as cursor, cursor.copy(LEDGER) as copy:
        for row in rows:
            copy.write_row(
                (uuid4(), row.tenant, month.date(), row.request, row.attempt, row.unit,
                 row.quantity, "usage" if row.attempt % 100 < 51 else "correction", False,
                 row.model, "region", "us-east-1", "", "seats" if row.unit == "seats" else "ask",
                 uuid4(), row.price, row.per, row.usd, row.at)
            )  # fmt: skip


def workspaces(connection: Any, count: int, plan: str, since: datetime) -> list[UUID]:
    """Register workspaces that exist for the invoice alone: no schema, no host, no people."""
    made = []
    for number in range(count):
        tenant = uuid4()
        made.append(tenant)
        connection.execute(
            "INSERT INTO registry_tenant (id, schema_name, slug, name, plan, posture, region,"
            " retrieval, status, created_at) VALUES (%s, %s, %s, %s, %s, 'general', 'us-east-1',"
            " 'schema', 'suspended', %s)",
            [
                tenant,
                f"t_{tenant.hex}",
                f"sy-{tenant.hex[:12]}",
                f"Synthetic {number}",
                plan,
                since,
            ],
        )
    on_plans(connection, {tenant: [(since, plan)] for tenant in made})
    return made


def on_plans(connection: Any, plans: Mapping[UUID, Sequence[tuple[datetime, str]]]) -> None:
    """Write on which plans workspaces were, over what the registry's trigger has noted."""
    for tenant, changes in plans.items():
        connection.execute("DELETE FROM billing_planchange WHERE tenant_id = %s", [tenant])
        for at, plan in changes:
            connection.execute(
                "INSERT INTO billing_planchange (id, tenant_id, plan, at)"
                " VALUES (gen_random_uuid(), %s, %s, %s)", [tenant, plan, at],
            )  # fmt: skip


def plans_of_all_models(connection: Any) -> dict[str, dict[str, Any]]:
    """Make a plan of each pricing model and a mixed one; return their terms."""
    made = {}
    for code in MODELS:
        made[code] = terms_of(code)
        own = {"code": code, "name": code, "position": 50, "offered": False}
        connection.execute(
            "INSERT INTO billing_plan SELECT (jsonb_populate_record(NULL::billing_plan,"
            " to_jsonb(p) || %s::jsonb)).* FROM billing_plan p WHERE code = 'growth'",
            [json.dumps(own)],
        )
        connection.execute(
            "INSERT INTO billing_planversion (plan_id, effective_from, terms, source)"
            " VALUES (%s, '2020-01-01', %s, 'synthetic')", [code, json.dumps(made[code])],
        )  # fmt: skip
    return made


def last_month(now: datetime | None = None) -> datetime:
    """Return the first instant of the month before this one."""
    first = (now or datetime.now(UTC)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first - timedelta(days=1)).replace(day=1)
