"""Places at the Knowledge Bases, shared by all processes and fair between tenants.

AWS lets an account run ten calls that ingest or delete at once, and start five of each a second; of
one Knowledge Base's Retrieve it takes about twenty a second. More are refused. A little is left to
others who use the account.
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
RETRIEVALS_A_SECOND: Final = 18
RETRIEVALS_AT_ONCE: Final = 100  # AWS sets no such limit
LEASE_MS: Final = 30_000  # of a place whose holder died
PATIENCE_MS: Final = 1_000  # a tenant that asked within this time is waiting
WAIT_SECONDS: Final = 8.0  # longer, and the work is better done later

SCRIPT: Final = (Path(__file__).parent / "turnstile.lua").read_text()


@cache
def _script(client: redis.Redis) -> Any:
    return client.register_script(SCRIPT)


@contextmanager
def place(kind: Literal["ingest", "delete"]) -> Iterator[None]:
    """Hold one place for changing documents, after waiting for it. Raises KnowledgeBusy.

    Without Redis nobody can tell how many are inside, so nobody goes in; the changes wait in their
    table.
    """
    names = [f"knowledge:{account_id()}:{name}" for name in ("places", "waiting", "let-in", kind)]
    try:
        holder = _let_in(names, PLACES, STARTS_A_SECOND)
    except redis.RedisError as error:
        log.warning("knowledge.redis_lost", error=str(error))
        raise KnowledgeBusy(retry_after=5) from error
    with _held(names[0], holder):
        yield


@contextmanager
def retrieval_place(knowledge_base_id: str) -> Iterator[None]:
    """Wait for one's turn to retrieve: who asks often lets the others by. Raises KnowledgeBusy.

    Without Redis everybody goes in: AWS's own limit then refuses what is too much.
    """
    root = f"knowledge:{account_id()}:{knowledge_base_id}"
    names = [f"{root}:{name}" for name in ("asking", "waiting", "let-in", "retrieve")]
    try:
        holder = _let_in(names, RETRIEVALS_AT_ONCE, RETRIEVALS_A_SECOND)
    except redis.RedisError as error:
        log.warning("knowledge.redis_lost", error=str(error))
        yield
        return
    with _held(names[0], holder):
        yield


def _let_in(names: list[str], places: int, starts: int) -> str:
    """Return the holder's name once it has a place. Raises KnowledgeBusy."""
    script, holder = _script(redis_client()), uuid4().hex
    arguments = [current().id.hex, holder, places, LEASE_MS, starts, PATIENCE_MS]
    give_up = time.monotonic() + WAIT_SECONDS
    while wait := int(script(keys=names, args=arguments)):
        if time.monotonic() + wait / 1000 > give_up:
            raise KnowledgeBusy(retry_after=2)
        time.sleep(wait / 1000)
    return holder


@contextmanager
def _held(places: str, holder: str) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(redis.RedisError):  # its lease ends by itself
            redis_client().zrem(places, holder)
