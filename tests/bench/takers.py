"""Our token bucket, as the table of buckets asks it: `python -m tests.bench.takers`.

Speaks as `peers/limits/serve.py` does, from a process of its own too, so that both are alone with
their threads; `tokens` is the plan's model tokens a minute. `member` asks a member's buckets also.
"""

import json
import sys
import threading
from time import perf_counter
from uuid import UUID, uuid4

import django

COST = 1000  # tokens of a call


def main() -> None:
    """Serve until the input ends."""
    django.setup()
    from tenants.context import public_scope
    from tenants.registry.selectors import tenant_by_host

    with public_scope("app_public"):
        tenant = tenant_by_host("acme.localhost")
    for line in sys.stdin:
        print(json.dumps(answered(tenant, **json.loads(line))), flush=True)


def answered(tenant, threads: int, calls: int, requests: int, tokens: int, member: bool) -> dict:
    """Take as many times from as many threads."""
    from billing import bucket
    from billing.catalog import Rates
    from billing.units import Metric
    from tenants.context import entered
    from tenants.errors import RateLimited
    from tenants.redis import redis_client, tenant_key

    rates = Rates(requests, tokens or 10**9, 10**9, 10**9, 100, 100)
    whose: UUID | None = uuid4() if member else None
    amounts = {Metric.MODEL_TOKENS: COST} if tokens else {}
    granted = [0] * threads
    start = threading.Barrier(threads + 1)
    with entered(tenant):
        redis_client().delete(tenant_key("rates"))

    def work(number: int) -> None:
        with entered(tenant):
            start.wait()
            for _ in range(calls // threads):
                try:
                    bucket.take(rates, amounts, stream=None, member=whose)
                except RateLimited:
                    continue
                granted[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    began = perf_counter()
    for worker in workers:
        worker.join()
    return {"seconds": perf_counter() - began, "granted": sum(granted)}


if __name__ == "__main__":
    main()
