"""Operations beside HTTP and sockets: the broker's messages, tasks, cache, keys and objects."""

import asyncio
import base64
import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from celery.exceptions import Reject
from django.core.cache import cache
from django.db import connection

from config.celery import app as celery
from tenants.context import TenantContext, in_tenant
from tenants.objects import object_get, object_put
from tenants.redis import redis_client, tenant_key
from tests.isolation.stateful.canaries import found_in
from tests.isolation.stateful.run import Run, Turn
from tests.support.clients import tenant_of

QUEUE = "celery:default"


def taken() -> tuple[str, list[Any], str] | None:
    """Take a message off the queue, as a worker does: its task, arguments and everything in it."""
    raw = redis_client().rpop(QUEUE)
    if raw is None:
        return None
    message = json.loads(raw)
    body = base64.b64decode(message["body"]).decode()
    return message["headers"]["task"], json.loads(body)[0], f"{raw.decode()}\n{body}"


def performed(run: Run, name: str, arguments: list[Any]) -> None:
    """Run a task by its wire signature, on a worker's thread."""
    try:
        celery.tasks[name](*arguments)
        run.statuses[f"task {name} done"] += 1
    except Reject:
        run.statuses[f"task {name} rejected"] += 1
    except Exception as error:
        run.fail(f"the task {name} broke off with {type(error).__name__}: {error}")
    finally:
        connection.close()


async def work(turn: Turn) -> None:
    """Be the worker for a few messages. None holds a word of anybody's."""
    for _ in range(3):
        message = await asyncio.to_thread(taken)
        if message is None:
            return
        name, arguments, everything = message
        for canary, workspace in found_in(everything):
            turn.run.fail(f"LEAK of {canary} of {workspace} in a message of the task {name}")
        await asyncio.to_thread(performed, turn.run, name, arguments)


async def forged(turn: Turn) -> None:
    """Give a task another workspace's object, or no workspace: nothing happens."""
    foreign = turn.model.foreign(turn.person, "document", turn.rng)
    identifier = foreign.id if foreign else str(uuid4())
    here = str(turn.model.tenant_ids[turn.person.workspace])
    tenant = turn.rng.choice((here, str(uuid4()), "public", ""))
    arguments = [tenant, identifier]

    def rejected() -> bool:
        try:
            celery.tasks["documents.ingest"](*arguments)
        except Reject:
            return True
        finally:
            connection.close()
        return False

    if await asyncio.to_thread(rejected) is (tenant == here):
        turn.run.fail(f"documents.ingest for {tenant!r} is {'not ' * (tenant != here)}run")


async def upkeep(turn: Turn) -> None:
    """Do what the scheduler asks for from time to time."""
    names = ("documents.recover", "documents.objects_sweep", "search.copies_sync")
    name = turn.rng.choice(names)
    here = [] if name == "documents.recover" else [str(tenant_of_id(turn).id)]
    await asyncio.to_thread(performed, turn.run, name, here)


def tenant_of_id(turn: Turn) -> TenantContext:
    """Return the workspace as it is now, from its registry row."""

    def found() -> TenantContext:
        try:
            return tenant_of(turn.person)
        finally:
            connection.close()

    return found()


async def shared(turn: Turn) -> None:
    """Use the same names as everybody in cache, Redis and S3: each finds its own."""
    name = f"probe:{turn.rng.randrange(2)}"
    thing = turn.model.make("object", turn.person)
    tenant = await asyncio.to_thread(tenant_of_id, turn)

    def exchanged() -> list[str]:
        key = tenant_key(name)
        path = f"probes/{name.replace(':', '-')}"
        before = [
            str(cache.get(name)),
            str(redis_client().get(key)),
            str(object_get(path)),
        ]
        cache.set(name, thing.canary, 600)
        redis_client().set(key, thing.canary, 600)
        object_put(path, thing.canary.encode(), content_type="text/plain")
        return before

    before = await in_tenant(tenant, exchanged)
    for where, value in zip(("the cache", "Redis", "S3"), before, strict=True):
        for said in turn.model.judge(value, turn.person):
            turn.run.fail(f"{said}, under the name {name} in {where}")


def drain(run: Run) -> None:
    """Perform what still waits in the queue; not without end, as a task may send itself again."""
    for _ in range(200):
        message = taken()
        if message is None:
            return
        performed(run, message[0], message[1])


def buckets_refill(tenant_ids: Iterable[UUID]) -> None:
    """Let token buckets be full again, and leave all else in Redis as it is."""
    client = redis_client()
    client.delete(
        *[
            f"tenant:{each.hex}:{name}"
            for each in tenant_ids
            for name in ("bucket", "streams", "retries", "guardrail-share")
        ],
        *client.keys("region:*"),
    )
