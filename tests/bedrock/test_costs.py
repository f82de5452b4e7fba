"""AWS's bill, per tenant, model and day, equals the ledger where AWS attributes."""

import json
import uuid
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bedrock import gateway
from billing.models import LedgerEntry
from tenants.context import SYSTEM, TenantContext, entered
from tests.bedrock.asking import question
from tests.support.localaws import LocalAws

pytestmark = pytest.mark.django_db(transaction=True)
Manage = Callable[..., str]
Sums = dict[tuple[str, ...], tuple[Decimal, Decimal]]

READ = """
import json
from bedrock.costs import cur_read, explorer_read
from bedrock.provisioning import costs_ensure
from billing.models import AwsCostDelivery, AwsCostLine
from tenants.context import public_scope
with public_scope("ops"):
    told = {{"made": costs_ensure(), "explored": explorer_read() if {explore} else 0}}
    told["taken"] = cur_read() if {cur} else 0
    told["lines"] = [
        [row.source, str(row.tenant_id or ""), row.model, row.unit, str(row.quantity), str(row.usd),
         row.attributed_by, row.entity, row.estimated]
        for row in AwsCostLine.objects.all()
    ]
    told["deliveries"] = [[row.lines, row.repeated] for row in AwsCostDelivery.objects.all()]
print("TOLD", json.dumps(told))
"""


def reading(manage: Manage, *, explore: bool = False, cur: bool = True) -> dict[str, Any]:
    said = manage("ops", "shell", "-c", READ.format(explore=explore, cur=cur))
    told: dict[str, Any] = json.loads(said.split("TOLD ", 1)[1])
    return told


def billed(told: dict[str, Any], source: str = "cur") -> Sums:
    """The bill's quantities and dollars by tenant, model and unit."""
    sums: Sums = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for found, tenant, model, unit, quantity, usd, *_ in told["lines"]:
        if found == source and tenant:
            before = sums[tenant, model, unit]
            sums[tenant, model, unit] = (before[0] + Decimal(quantity), before[1] + Decimal(usd))
    return dict(sums)


def booked(*tenants: TenantContext) -> Sums:
    """The ledger's, without what AWS attributes to nobody."""
    sums: Sums = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for tenant in tenants:
        with entered(tenant):
            for row in LedgerEntry.objects.exclude(unit__startswith="guardrail_"):
                key = (str(tenant.id), row.model, row.unit)
                sums[key] = (sums[key][0] + row.quantity, sums[key][1] + (row.usd or 0))
    return {key: value for key, value in sums.items() if value[0]}


def mixed(tenant: TenantContext) -> None:
    with entered(tenant):
        gateway.converse(question())
        gateway.converse(question(grounding=0.0))
        list(gateway.converse_stream(question()))
        gateway.embed(
            ["one", "two"], actor=SYSTEM, feature="ingest", request_id=uuid.uuid4(), purpose="query"
        )


def minus(after: Sums, before: Sums) -> Sums:
    """What came between two bills."""
    nothing = (Decimal(0), Decimal(0))
    left = {
        key: (value[0] - before.get(key, nothing)[0], value[1] - before.get(key, nothing)[1])
        for key, value in after.items()
    }
    return {key: value for key, value in left.items() if value != nothing}


def test_the_bill_equals_the_ledger_and_nothing_that_comes_twice_or_late_doubles_it(
    acme: TenantContext, globex: TenantContext, localaws: LocalAws, manage: Manage
) -> None:
    reading(manage)
    localaws.cost(deliver=True)
    earlier = reading(manage)  # the local AWS bills what other tests used, too
    before = billed(earlier)
    for tenant in (acme, globex):
        mixed(tenant)
    localaws.cost(deliver=True)
    told = reading(manage)
    ledger = booked(acme, globex)
    assert {key[0] for key in ledger} == {str(acme.id), str(globex.id)}
    assert minus(billed(told), before) == ledger
    new = [row for row in told["lines"] if row not in earlier["lines"]]
    assert {row[2] for row in new if not row[1]} == {"amazon.bedrock-guardrails"}
    assert {row[6] for row in new if row[1]} == {"principal"}
    ((lines, repeated),) = told["deliveries"]
    assert reading(manage)["taken"] == 0
    localaws.cost(duplicate_rows=True, duplicate_files=True, deliver=True)
    again = reading(manage)
    assert again["taken"] == 1
    ((kept, dropped),) = again["deliveries"]
    assert (kept, dropped - repeated >= 2 * lines) == (lines, True)
    assert billed(again) == billed(told)
    localaws.cost(late={"tenant": str(globex.id)}, drift={"percent": "10", "tenant": str(acme.id)})
    localaws.cost(deliver=True)
    factor = defaultdict(lambda: Decimal(1), {str(acme.id): Decimal("1.1")})
    assert billed(reading(manage)) == {
        key: (quantity * factor[key[0]], usd * factor[key[0]])
        for key, (quantity, usd) in billed(told).items()
        if key[0] != str(globex.id)
    }
    localaws.cost(late=[], drift=[], deliver=True)
    assert billed(reading(manage)) == billed(told)


def test_cost_explorer_says_the_same_once_the_tags_count(
    acme: TenantContext, localaws: LocalAws, manage: Manage
) -> None:
    mixed(acme)  # so that AWS has seen the tags
    before = billed(reading(manage, explore=True, cur=False), "ce")
    with entered(acme):
        LedgerEntry.objects.count()
    seen = booked(acme)
    mixed(acme)
    told = reading(manage, explore=True, cur=False)
    assert minus(billed(told, "ce"), before) == minus(booked(acme), seen)
    assert {row[8] for row in told["lines"]} == {True}
    again = reading(manage, explore=True, cur=False)
    assert sorted(again["lines"]) == sorted(told["lines"])
