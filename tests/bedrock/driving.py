"""Mixed calls for a tenant: `python -m tests.bedrock.driving <tenant id> <calls> <seed> <point>`.

The process dies by SIGKILL in one call more, at the point: `admitted` (reserved, not sent),
`answered` (served, not settled), `streaming` (in the middle of a stream), `settled`. Calls are
throttled, their streams cut or left without usage, as the seed says.
"""

import os
import random
import signal
import sys
import uuid
from contextlib import suppress
from typing import Any

POINTS = ("admitted", "answered", "streaming", "settled")
FRESH_EVERY = 10  # calls after which the rates are as new: the plan's limits are not what is tested


def one_call(picked: random.Random, kind: str) -> None:
    """Make one call of a kind, whatever comes of it."""
    from bedrock import gateway
    from bedrock.errors import ModelError
    from tenants.context import SYSTEM
    from tenants.errors import QuotaExhausted, RateLimited
    from tests.bedrock.asking import question

    words = "word " * picked.randrange(1, 60)
    with suppress(ModelError, RateLimited, QuotaExhausted):
        if kind == "converse":
            gateway.converse(question(words))
        elif kind == "stream":
            stop = picked.randrange(1, 30)
            for number, _ in enumerate(gateway.converse_stream(question())):
                if number == stop and picked.random() < 0.3:
                    break
        elif kind == "embed":
            texts = [words] * picked.randrange(1, 4)
            request = uuid.uuid4()
            gateway.embed(
                texts, actor=SYSTEM, feature="ingest", request_id=request, purpose="document"
            )
        else:
            gateway.apply_guardrail(
                [words], source="INPUT", actor=SYSTEM, feature="tool", request_id=uuid.uuid4()
            )


def calls(count: int, seed: int) -> None:
    """Make `count` calls of mixed kinds for the entered tenant, with trouble in every fourth."""
    from bedrock.gateway import drains_finish
    from tenants.redis import redis_client
    from tests.support.localaws import LocalAws

    picked = random.Random(seed)
    kinds = ["converse", "converse", "stream", "stream", "embed", "guardrail"]
    localaws = LocalAws(os.environ["AWS_ENDPOINT_URL"])
    for number in range(count):
        if number % FRESH_EVERY == 0:
            redis_client().flushdb()
        kind = picked.choice(kinds)
        _trouble(localaws, picked, kind)
        one_call(picked, kind)
    assert drains_finish(30)
    redis_client().flushdb()
    localaws.close()


def _trouble(localaws: Any, picked: random.Random, kind: str) -> None:
    """Queue what some call meets next: this one, or one of another process."""
    draw = picked.random()
    if draw < 0.1:
        localaws.script(error={"code": "ThrottlingException"})
    elif kind == "stream" and draw < 0.25:
        localaws.script(
            match={"operation": "ConverseStream"},
            chunks=["a few ", "words "] * 5,
            truncate_after=picked.randrange(1, 9),
        )
    elif kind == "stream" and draw < 0.35:
        localaws.script(match={"operation": "ConverseStream"}, text="Quiet.", no_usage=True)


def _dying(name: str, when: str) -> None:
    from bedrock import conversing, metering, streaming

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def replace(module: Any, function: str, after: type = object) -> None:
        real = getattr(module, function)

        def dying(*args: Any, **kwargs: Any) -> Any:
            if when == "before":
                die()
            result = real(*args, **kwargs)
            if isinstance(result, after):
                die()
            return result

        setattr(module, function, dying)

    if name == "admitted":
        replace(metering, "admit")
    elif name == "answered":
        replace(conversing, "usage_of")
    elif name == "streaming":
        replace(streaming._Reading, "_taken", after=streaming.TextDelta)
    else:
        replace(metering, "settle")


if __name__ == "__main__":
    tenant_id, count, seed, point = sys.argv[1:]
    import django

    django.setup()
    from tenants.context import entered
    from tenants.registry.selectors import tenant_by_id

    with entered(tenant_by_id(uuid.UUID(tenant_id))):
        calls(int(count), int(seed))
        _dying(point, "after")
        while True:  # a call that meets another one's trouble does not come so far
            one_call(random.Random(1), "stream" if point == "streaming" else "converse")
