"""Mixed calls, throttled, cut and killed: the ledger, the invocation log and the bill agree.

Three processes at a time make them, and each dies at last at a point of a call. 200 calls here; a
hundred thousand, whose log is read for longer than a command may usually take:
`BOOK_CALLS=100000 COMMAND_WITHIN=14400 python -m pytest -n 0 -s tests/bedrock/test_books.py`
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import cycle
from time import perf_counter

import pytest
from django.db.models import Sum

from billing.models import LedgerEntry
from tenants.context import TenantContext, entered
from tenants.registry.selectors import tenant_by_host
from tests.bedrock import driving, test_costs
from tests.bedrock.logreader import reading
from tests.support.localaws import LocalAws
from tests.support.services import Worker

Manage = Callable[..., str]
CALLS = int(os.environ.get("BOOK_CALLS", "200"))
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(900 + 2 * CALLS),  # seconds, on a machine that does other things
]
AT_ONCE = 3
KILLS = max(6, CALLS // 5_000)


@pytest.fixture
def three(acme: TenantContext, globex: TenantContext) -> list[TenantContext]:
    """A third workspace beside the two that the gateway's tests know."""
    return [acme, globex, tenant_by_host("hooli.localhost")]


def test_ledger_log_and_bill_agree_after_throttling_cut_streams_and_kills(
    three: list[TenantContext], localaws: LocalAws, manage: Manage, worker: Worker
) -> None:
    localaws.logs()
    found = reading(manage)  # what other tests left
    earlier, findings = {call for call, *_ in found["calls"]}, len(found["findings"])
    localaws.cost(deliver=True)
    before = test_costs.billed(test_costs.reading(manage))

    def make(number: int, point: str, tenant: TenantContext) -> None:
        status, said = worker.run(
            "app", "tests.bedrock.driving", str(tenant.id), str(CALLS // KILLS), str(number), point
        )
        assert status == -signal.SIGKILL, said[-2000:]

    worker.empty_redis()
    began = perf_counter()
    deaths = zip(range(KILLS), cycle(driving.POINTS), cycle(three), strict=False)
    with ThreadPoolExecutor(AT_ONCE) as processes:
        list(processes.map(lambda death: make(*death), deaths))
    took = perf_counter() - began
    localaws.reset()
    with entered(three[0]):
        driving.one_call(random.Random(9), "converse")  # what is older than it was logged or never
    localaws.logs()
    told = reading(manage, grace=-2, check=True, sweep=True)
    told["calls"] = [call for call in told["calls"] if call[0] not in earlier]
    assert {state for _, state, *_ in told["calls"]} <= {"matched", "trued"}
    kinds = {kind for kind, _ in told["findings"][findings:]}
    assert kinds - {"unknown_resource"} <= {"never_sent"}  # the bill names what others called
    assert sum(told[region]["trued"] for region in ("us-east-1", "eu-central-1")) > 2
    logged: Counter[str] = Counter()
    for _, _, _, units, _ in told["calls"]:
        logged.update({unit: n for unit, n in units.items() if not unit.startswith("guardrail_")})
    booked: Counter[str] = Counter()
    for tenant in three:
        with entered(tenant):
            rows = LedgerEntry.objects.exclude(unit__startswith="guardrail_")
            booked.update(dict(rows.values_list("unit").annotate(Sum("quantity"))))
    assert +booked == +logged
    localaws.cost(deliver=True)
    bill = test_costs.minus(test_costs.billed(test_costs.reading(manage)), before)
    assert bill == test_costs.booked(*three)
    print(f"{CALLS} calls in {took:.0f} s, {KILLS} killed, {len(told['calls'])} logged, {logged}")
    assert sum(usd for _, usd in bill.values()) > Decimal(0)
