"""Tasks that failed for good: noted without content, sent again once, or discarded."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from celery import current_app, shared_task
from celery.exceptions import Reject
from django.db import connection
from kombu.exceptions import OperationalError

from config.stack.options import REPOSITORY
from tenants.accounts.models import AuditEvent
from tenants.context import entered, public_scope
from tenants.redis import redis_client
from tenants.registry.deadtasks import failure_note
from tenants.registry.models import DeadTask, Status, Tenant
from tenants.tasks import tenant_task
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import staff_client, tenant_of
from tests.support.killable import never_ends
from tests.support.services import Worker
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/registry/deadtask/"
ID = "7f4d1c1e-3a57-4a4e-9d5a-0b6a1f6f5a11"


@tenant_task(name="tests.breaks", max_retries=1)
def breaks(thing_id: str, *, word: str = "") -> None:
    raise ValueError(f"a secret text about {word}")


@shared_task(name="tests.breaks_for_all", bind=True, max_retries=1)
def breaks_for_all(self: Any, address: str) -> None:
    raise self.retry(exc=KeyError(address), countdown=0)


def fail(person: Any = ALICE) -> None:
    breaks.task.apply(args=(str(tenant_of(person).id), ID), kwargs={"word": "zebras"})


def rows() -> list[DeadTask]:
    with public_scope("staff"):
        return list(DeadTask.objects.order_by("task"))


def queue() -> str:
    from config.celery import app

    return f"{app.conf.broker_transport_options['global_keyprefix']}default"


def waiting() -> int:
    return int(redis_client().llen(queue()))


def last_sent() -> list[Any]:
    """Return the arguments, by place and by name, of what was sent last."""
    body = json.loads(redis_client().lindex(queue(), 0))["body"]
    sent: list[Any] = json.loads(base64.b64decode(body))
    return sent[:2]


def act(name: str, row: DeadTask, who: str = "support") -> str:
    form = {"action": name, "_selected_action": str(row.id)}
    return staff_client(who).post(LIST, form, follow=True).content.decode()


def test_what_failed_is_noted_once_with_its_ids_and_no_content() -> None:
    fail()
    fail()
    fail(CHARLIE)
    breaks_for_all.apply(args=("someone@secret.example",))
    first, other, everybodys = rows()
    acmes = first if first.tenant_id == tenant_of(ALICE).id else other
    assert {first.tenant_id, other.tenant_id} == {tenant_of(ALICE).id, tenant_of(CHARLIE).id}
    assert (acmes.times, acmes.attempts, acmes.error) == (2, 1, "ValueError")
    assert acmes.arguments["args"] == [ID]
    assert (everybodys.tenant_id, everybodys.attempts, everybodys.error) == (None, 2, "KeyError")
    client = staff_client("support")
    page = client.get(LIST).content.decode()
    page += client.get(f"{LIST}{acmes.id}/change/").content.decode()
    page += "".join(str(row.arguments) for row in rows())
    assert ID in page and "word=(not shown)" in page
    assert "zebras" not in page and "secret" not in page
    assert "tasks that failed for good" in client.get("/admin/").content.decode()
    with entered(tenant_of(CHARLIE)):
        assert DeadTask.objects.filter(tenant_id=acmes.tenant_id).count() == 0


def test_of_two_who_retry_at_once_one_sends_and_the_task_gets_what_it_had() -> None:
    fail()
    [row] = rows()
    clients = [staff_client("support"), staff_client()]
    form = {"action": "retry", "_selected_action": str(row.id)}

    def post(client: Any) -> None:
        try:
            client.post(LIST, form)
        finally:
            connection.close()

    before = waiting()
    with ThreadPoolExecutor(2) as both:
        list(both.map(post, clients))
    assert waiting() == before + 1
    assert last_sent() == [[str(tenant_of(ALICE).id), ID], {"word": "zebras"}]
    [row] = rows()
    assert row.state == "retried" and row.decided_by is not None
    assert row.arguments == {"args": [ID], "kwargs": {"word": {"sealed": ""}}}
    with public_scope("staff"):
        event = AuditEvent.objects.get(action="task.retry", object_id=str(row.id))
        assert event.data["task"] == "tests.breaks"
    assert "decided on already" in act("discard", row)
    # It fails again: a new row, since somebody should look again.
    fail()
    assert sorted(each.state for each in rows()) == ["open", "retried"]


def test_a_suspended_workspaces_task_waits_for_it_and_who_may_not_decides_nothing() -> None:
    fail()
    [row] = rows()
    act("discard", row, "security")
    assert rows()[0].state == "open"
    with public_scope("staff"):
        Tenant.objects.filter(slug="acme").update(status=Status.SUSPENDED)
    assert "suspended or gone" in act("retry", row)
    assert rows()[0].state == "open"
    assert "1 discarded." in act("discard", row)
    assert rows()[0].state == "discarded"


def test_a_task_that_the_product_has_no_more_is_not_sent() -> None:
    fail()
    [row] = rows()
    known = current_app.tasks.pop("tests.breaks")
    try:
        assert "has no task tests.breaks any more" in act("retry", row)
    finally:
        current_app.tasks["tests.breaks"] = known
    assert rows()[0].state == "open"


@pytest.fixture
def celery_worker(worker: Worker) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of Celery's own, with one child, which knows a task that does not end."""
    log = worker.options.var / "celery.log"
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "config.celery",
        "worker",
        "-Q",
        "default",
        "-c",
        "1",
        "-I",
        "tests.support.killable",
        "--without-gossip",
        "--without-mingle",
    ]
    with log.open("wb") as out:
        running = subprocess.Popen(
            command, cwd=REPOSITORY, env=os.environ | worker.environment("app"), stdout=out,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    yield running
    running.send_signal(signal.SIGQUIT)
    running.wait(60)


def test_what_the_time_limit_killed_is_noted_by_another_child(
    celery_worker: subprocess.Popen[bytes],
) -> None:
    with entered(tenant_of(ALICE)):
        never_ends.dispatch(ID, word="zebras")
    eventually(lambda: rows() or celery_worker.poll() is not None, within=40)
    [row] = rows()
    assert (row.task, row.tenant_id) == ("tests.never_ends", tenant_of(ALICE).id)
    assert (row.error, row.queue, row.attempts) == ("TimeLimitExceeded", "default", 1)
    assert row.arguments["args"] == [ID] and "zebras" not in str(row.arguments)


def test_a_task_of_a_suspended_workspace_is_no_dead_one() -> None:
    acme, globex = str(tenant_of(ALICE).id), str(tenant_of(CHARLIE).id)
    with public_scope("staff"):
        Tenant.objects.filter(slug="acme").update(status=Status.SUSPENDED)
    breaks.task.apply(args=(acme, ID))
    failure_note(breaks.task, Reject("the tenant is not available"), [globex, ID])
    assert rows() == []


def test_what_the_queue_does_not_take_is_open_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    fail()
    [row] = rows()

    def away(**_: Any) -> None:
        raise OperationalError("the broker is away")

    with monkeypatch.context() as broken:  # Celery's own, which speaks to the broker
        broken.setattr(breaks.task, "apply_async", away)
        assert "nothing was sent" in act("retry", row)
    [row] = rows()
    assert row.state == "open" and row.arguments["kwargs"]["word"]["sealed"]
    assert "1 sent again." in act("retry", row)
