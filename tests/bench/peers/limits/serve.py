"""`limits` on Redis, as the table of buckets asks it; runs in an environment of its own.

`serve.py REDIS_URL`: answers each line of JSON, `{"kind", "threads", "calls", "requests",
"tokens"}`, with one of JSON: seconds, and how many calls were granted. A kind is a strategy's
name; `tokens` above 0 asks a second limit too, as a call that spends tokens must.
"""

import json
import sys
import threading
from time import perf_counter
from uuid import uuid4

from limits import RateLimitItemPerMinute, storage, strategies

KINDS = {
    "fixed": strategies.FixedWindowRateLimiter,
    "sliding": strategies.SlidingWindowCounterRateLimiter,
    "moving": strategies.MovingWindowRateLimiter,
}
COST = 1000  # tokens of a call


def main(url: str) -> None:
    """Serve until the input ends."""
    for line in sys.stdin:
        print(
            json.dumps(answered(storage.storage_from_string(url), **json.loads(line))), flush=True
        )


def answered(store, kind: str, threads: int, calls: int, requests: int, tokens: int) -> dict:
    """Call as many times from as many threads."""
    limiter, name = KINDS[kind](store), uuid4().hex
    by_request, by_token = RateLimitItemPerMinute(requests), RateLimitItemPerMinute(tokens or 1)
    granted = [0] * threads
    start = threading.Barrier(threads + 1)

    def work(number: int) -> None:
        start.wait()
        for _ in range(calls // threads):
            fine = limiter.hit(by_request, "requests", name)
            if fine and tokens:
                fine = limiter.hit(by_token, "tokens", name, cost=COST)
            granted[number] += fine

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    began = perf_counter()
    for worker in workers:
        worker.join()
    return {"seconds": perf_counter() - began, "granted": sum(granted)}


if __name__ == "__main__":
    main(sys.argv[1])
