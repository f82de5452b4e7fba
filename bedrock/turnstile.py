"""The account's places for changing documents, shared by all processes and fair between tenants.

AWS lets an account run ten calls that ingest or delete at once, and start five of each a second;
more are refused. Two places and one start are left to others who use the account.
https://docs.aws.amazon.com/bedrock/latest/userguide/quotas.html
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

import redis
import structlog

from bedrock.deployment import account_id
from bedrock.errors import KnowledgeBusy
from tenants.context import current
from tenants.redis import redis_client

log = structlog.get_logger(__name__)

PLACES: Final = 8
STARTS_A_SECOND: Final = 4
LEASE_MS: Final = 30_000  # of a place whose holder died
PATIENCE_MS: Final = 1_000  # a tenant that asked within this time is waiting
WAIT_SECONDS: Final = 8.0  # longer, and the work is better done later

SCRIPT: Final = (Path(__file__).parent / "turnstile.lua").read_text()


@cache
def _script(client: redis.Redis) -> Any:
    return client.register_script(SCRIPT)


@contextmanager
def place(kind: Literal["ingest", "delete"]) -> Iterator[None]:
    """Hold one place during one call, after waiting for it. Raises KnowledgeBusy.

    Without Redis nobody can tell how many are inside, so nobody goes in; the changes wait in their
    table.
    """
    client, holder = redis_client(), uuid4().hex
    keys = [f"knowledge:{account_id()}:{name}" for name in ("places", "waiting", "let-in", kind)]
    arguments = [current().id.hex, holder, PLACES, LEASE_MS, STARTS_A_SECOND, PATIENCE_MS]
    give_up = time.monotonic() + WAIT_SECONDS
    try:
        while wait := int(_script(client)(keys=keys, args=arguments)):
            if time.monotonic() + wait / 1000 > give_up:
                raise KnowledgeBusy(retry_after=2)
            time.sleep(wait / 1000)
    except redis.RedisError as error:
        log.warning("knowledge.redis_lost", error=str(error))
        raise KnowledgeBusy(retry_after=5) from error
    try:
        yield
    finally:
        with suppress(redis.RedisError):  # its lease ends by itself
            client.zrem(keys[0], holder)
