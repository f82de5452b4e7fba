"""Compare the ledger with what the local AWS has counted, call by call."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from uuid import UUID

from tests.support.live import LiveStack
from tests.support.waiting import eventually

SWEEP = (
    "from datetime import timedelta; from billing.sweeper import sweep; "
    "from tenants.context import public_scope\n"
    "with public_scope('ops'): sweep(timedelta(0))"
)
TOKENS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokens": "cache_read_tokens",
    "cacheWriteInputTokens": "cache_write_tokens",
}
HELD = "SELECT count(*) FROM billing_reservation WHERE tenant_id = %s AND state = 'held'"
RESERVED = "SELECT metric, reserved FROM billing_quotacounter WHERE tenant_id = %s AND reserved > 0"
LEDGER = """
    SELECT request_id, unit, sum(quantity), bool_or(estimated) FROM billing_ledgerentry
     WHERE tenant_id = %s AND unit LIKE '%%_tokens' GROUP BY request_id, unit
"""


@dataclass(frozen=True, slots=True)
class Books:
    """What one tenant's requests used: as the provider counted it, and as the ledger has it."""

    counted: dict[str, Counter[str]]
    entered: dict[str, Counter[str]]
    estimated: set[str]

    def check(self) -> None:
        """Check that every request is entered exactly, or, where its process died, not below."""
        for request_id, units in self.counted.items():
            entered = self.entered.get(request_id, Counter())
            if request_id in self.estimated:
                short = {unit: n for unit, n in units.items() if entered[unit] < n}
                assert not short, (request_id, units, entered)
            else:
                assert +entered == +units, (request_id, units, entered)


def balance(stack: LiveStack, tenant_id: UUID) -> Books:
    """Wait until every call has ended, sweep what dead processes left, and compare.

    The local AWS's list of calls must begin where the checked requests begin.
    """
    eventually(lambda: all(call["finished"] for call in stack.aws.requests()))
    if stack.sql(HELD, tenant_id) != [(0,)]:
        stack.manage("ops", "shell", "-c", SWEEP)  # what the schedule would do in ten minutes
        assert stack.sql(HELD, tenant_id) == [(0,)]
    assert stack.sql(RESERVED, tenant_id) == []
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for call in stack.aws.requests():
        stamp, usage = call["requestMetadata"], call["usage"]
        if call["operation"] == "ApplyGuardrail" or call["status"] != 200:
            continue
        assert stamp["tenant"] == str(tenant_id), call
        units = counted[stamp["request_id"]]
        if call["operation"] == "InvokeModel":
            units["embedding_tokens"] += usage["inputTokens"]
        else:
            for name, unit in TOKENS.items():
                units[unit] += usage.get(name, 0)
    entered: dict[str, Counter[str]] = defaultdict(Counter)
    estimated = set()
    for request_id, unit, quantity, estimate in stack.sql(LEDGER, tenant_id):
        entered[str(request_id)][unit] = int(quantity)
        if estimate:
            estimated.add(str(request_id))
    return Books(dict(counted), dict(entered), estimated)
