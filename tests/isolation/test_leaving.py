"""A workspace is erased in the middle of its work: all of it stops, and nothing of it is left."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from tests.support.cast import Person
    from tests.support.localaws import LocalAws
    from tests.support.services import Worker

QUEUED = int(os.environ.get("ISOLATION_QUEUED", "5"))  # tasks that wait when it leaves

pytestmark = pytest.mark.django_db(transaction=True)
Manage = Callable[..., str]


@pytest.fixture
def olga(worker: Worker, manage: Manage) -> Iterator[Person]:
    """The owner of a workspace that will leave, with a key."""
    from tenants.accounts.keys import digest_of
    from tenants.accounts.models import ApiKey
    from tenants.context import entered
    from tests.support.cast import Person
    from tests.support.clients import tenant_of, user_of

    person = Person("midway", "Olga", "owner")
    manage("owner", "create_workspace", "midway", "--name", "Midway", "--owner-email", person.email,
           "--plan", "enterprise")  # fmt: skip
    tenant = tenant_of(person)
    with entered(tenant):
        ApiKey.objects.create(
            user=user_of(person), name="tests", prefix=person.key[:12], digest=digest_of(person.key)
        )
    yield person
    # Roles are the cluster's: a test that failed leaves none to the next.
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as owner:
        if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", [tenant.schema]).rowcount:
            owner.execute(f"GRANT {tenant.schema} TO owner WITH INHERIT TRUE, SET TRUE")
            owner.execute(f"DROP OWNED BY {tenant.schema} CASCADE")
            owner.execute(f"DROP ROLE {tenant.schema}")


def test_a_workspace_erased_in_the_middle_of_its_work_stops_and_leaves_nothing(
    olga: Person, manage: Manage, localaws: LocalAws, capsys: Any
) -> None:
    from django.db import connection

    from bedrock.batch_submission import looked_up
    from tenants.context import entered
    from tests.assistant.talking import conversation_for
    from tests.documents import bulk
    from tests.documents.helpers import upload
    from tests.documents.test_batch import step
    from tests.isolation.attempts import by_key
    from tests.isolation.stateful.app import call, socket
    from tests.isolation.stateful.beside import taken
    from tests.support.clients import tenant_of
    from tests.support.waiting import eventually

    tenant = tenant_of(olga)
    bulk.rule()
    localaws.script(match={"operation": "ModelInvocationJob"}, delay_ms=20_000 + 300 * QUEUED)
    bulk.uploaded(2, 150, olga, bulk=True)
    (job,) = bulk.collected(olga)
    step(job, "submitted", olga)

    def processed() -> int:
        with entered(tenant):
            return int(looked_up(job)["processedRecordCount"])

    assert eventually(processed, saying="a running job") < 300
    while taken():
        pass
    for number in range(QUEUED):
        assert upload(f"waits-{number}.md", "It waits.", olga).status_code == 201
    conversation = str(conversation_for(olga))
    connection.close()

    async def left() -> tuple[str, float, list[int], dict[str, Any]]:
        line = socket(conversation, olga.host, by_key(olga.key))
        assert await line.opened() is True
        began, statuses = time.monotonic(), []
        erasing = asyncio.create_task(
            asyncio.to_thread(manage, "owner", "offboard_workspace", "midway", "--now")
        )
        last = await line.next()
        closed = time.monotonic() - began
        while not erasing.done():
            answer = await call("GET", "documents/", olga.host, by_key(olga.key))
            statuses.append(answer.status)
            await asyncio.wait([erasing], timeout=0.05)
        line.stop(exceptions=False)
        return await erasing, closed, statuses, last

    with ThreadPoolExecutor(1) as aside:  # beside a browser, the main thread has a running loop
        told, closed, statuses, last = aside.submit(asyncio.run, left()).result()
    assert last["type"] == "websocket.close"
    assert set(statuses) == {404}, "no request is served once its sockets have closed"
    receipt = json.loads(told[told.index("{\n") :])["receipt"]
    assert [line["count"] for line in receipt["erased"] if line["what"] == "batch jobs"] == [1]
    assert looked_up(job)["status"] == "Stopped"
    assert "Nothing of midway is left." in manage(
        "owner", "offboard_workspace", "midway", "--check"
    )
    ran = _performed(str(tenant.id))
    assert len(ran) >= QUEUED
    assert set(ran) == {"rejected"}
    with capsys.disabled():
        print(f"\nerased with a running batch job, {len(ran)} queued tasks and an open socket: the"
              f" socket closed in {closed:.1f} s, {len(statuses)} requests meanwhile, none served,"
              " no task run, nothing left")  # fmt: skip


def _performed(tenant_id: str) -> list[str]:
    """Perform what waits for the workspace, as a worker would, and return how each ended."""
    from celery.exceptions import Reject

    from config.celery import app as celery
    from tests.isolation.stateful.beside import taken

    ended = []
    while message := taken():
        name, arguments, _ = message
        if arguments[:1] != [tenant_id]:
            continue
        try:
            celery.tasks[name](*arguments)
            ended.append("ran")
        except Reject:
            ended.append("rejected")
    return ended
