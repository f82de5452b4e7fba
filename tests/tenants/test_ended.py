"""A workspace is erased between a request's seam and its query: it ends like any unknown one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from celery.exceptions import Reject
from django.conf import settings
from django.db import DatabaseError, InternalError, OperationalError, connection, transaction

from assistant.runner import turn_run
from assistant.services import turn_begin
from config.celery import app as celery
from config.errors import ours
from documents.models import Document
from tenants.accounts.keys import digest_of
from tenants.accounts.models import ApiKey
from tenants.aside import work_aside
from tenants.context import TenantContext, current, entered, public_scope
from tenants.lifecycle.retention import Kind, _kinds, kind_register
from tenants.lifecycle.standing import _at_head
from tenants.registry.models import RetentionReport
from tenants.registry.tasks import retention_nightly
from tenants.sse import MEDIA_TYPE
from tenants.tasks import in_each_tenant
from tests.assistant.talking import actor_for, conversation_for
from tests.isolation.attempts import by_key, by_session
from tests.isolation.stateful.app import Answer, call, request, socket
from tests.support.cast import ALICE, CHARLIE, PASSWORD, Person
from tests.support.clients import api, signed_in, tenant_of, user_of
from tests.support.services import Worker
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Person("passing", "Olga", "owner")
GONE = [("WARNING", "tenant.ended")]


@pytest.fixture
def owner(worker: Worker) -> Iterator[psycopg.Connection[Any]]:
    """The owner's login, which is let out of every lock at the end."""
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url) as holding:
        yield holding


@pytest.fixture
def passing(owner: psycopg.Connection[Any], manage: Callable[..., str]) -> Iterator[TenantContext]:
    """A workspace that will be erased, with its owner Olga, who has a key."""
    manage("owner", "create_workspace", "passing", "--name", "Passing",
           "--owner-email", OLGA.email, "--plan", "enterprise")  # fmt: skip
    tenant = tenant_of(OLGA)
    olga = user_of(OLGA)
    with entered(tenant):
        olga.set_password(PASSWORD)
        olga.save()
        ApiKey.objects.create(
            user=olga, name="tests", prefix=OLGA.key[:12], digest=digest_of(OLGA.key)
        )
    yield tenant
    owner.rollback()
    if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", [tenant.schema]).rowcount:
        _role_drop(owner, tenant)
    owner.commit()


def _role_drop(owner: psycopg.Connection[Any], tenant: TenantContext) -> None:
    owner.execute(f"GRANT {tenant.schema} TO owner WITH INHERIT TRUE, SET TRUE")
    owner.execute(f"DROP OWNED BY {tenant.schema} CASCADE")
    owner.execute(f"DROP ROLE {tenant.schema}")


def _erase(owner: psycopg.Connection[Any], tenant: TenantContext) -> None:
    """Do in one transaction what the erasing's last steps do one by one."""
    owner.execute("UPDATE registry_tenant SET status = 'deleted' WHERE id = %s", [tenant.id])
    owner.execute(f"DROP SCHEMA {tenant.schema} CASCADE")
    owner.execute("DELETE FROM registry_domain WHERE tenant_id = %s", [tenant.id])
    _role_drop(owner, tenant)
    owner.commit()


def _lock(owner: psycopg.Connection[Any], tenant: TenantContext, table: str) -> None:
    owner.execute(f"LOCK TABLE {tenant.schema}.{table} IN ACCESS EXCLUSIVE MODE")


def test_whatever_was_under_way_when_a_workspace_was_erased_is_answered_as_by_the_seam(
    owner: psycopg.Connection[Any], passing: TenantContext, caplog: pytest.LogCaptureFixture
) -> None:
    conversation = str(conversation_for(OLGA))
    cookie = signed_in(OLGA).cookies[settings.SESSION_COOKIE_NAME].value
    connection.close()
    key, session = by_key(OLGA.key), by_session(cookie)
    question = b'{"question": "Is anything here?"}'

    def waiting(number: int) -> None:
        query = "SELECT FROM pg_locks WHERE NOT granted"
        try:
            eventually(lambda: owner.execute(query).rowcount == number, saying=f"{number} waiting")
        except AssertionError:
            owner.rollback()  # else whoever does wait would wait for ever
            raise

    async def told() -> tuple[list[Answer], Any, list[Any], Any]:
        line = socket(conversation, OLGA.host, key)
        assert await line.opened() is True
        for table in ("documents_document", "search_source", "search_chunk"):
            await asyncio.to_thread(_lock, owner, passing, table)
        under_way = [
            # Past everything, at the documents themselves.
            call("GET", "documents/", OLGA.host, key),
            request("GET", "/documents/", OLGA.host, session, accept="text/html"),
            request("POST", "/api/v1/ask/", OLGA.host, key, question, accept=MEDIA_TYPE),
        ]  # fmt: skip
        answers = [asyncio.create_task(each) for each in under_way]
        task = asyncio.create_task(asyncio.to_thread(_ingested, passing))
        await asyncio.to_thread(_lock, owner, passing, "assistant_conversation")
        entering = asyncio.create_task(socket(conversation, OLGA.host, session).opened())
        await asyncio.to_thread(waiting, 5)
        await asyncio.to_thread(_lock, owner, passing, "django_session")
        await asyncio.to_thread(_lock, owner, passing, "accounts_apikey")
        _at_head.discard(passing.schema)  # as in a process that has not served it yet
        await asyncio.to_thread(_lock, owner, passing, "django_migrations")
        under_way = [
            call("GET", "conversations/", OLGA.host, key),
            request("GET", "/assistant/", OLGA.host, session, accept="text/html"),
        ]
        answers += [asyncio.create_task(each) for each in under_way]
        another = asyncio.create_task(socket(conversation, OLGA.host, session).opened())
        await line.say(json.dumps({"type": "ask", "text": "Is anybody here?"}))
        await asyncio.to_thread(waiting, 9)
        await asyncio.to_thread(_erase, owner, passing)
        ended = await asyncio.gather(*answers)
        return ended, await line.next(), [await entering, await another], await task

    with ThreadPoolExecutor(1) as aside:  # beside a browser, the main thread has a running loop
        answers, last, entered_at_last, task = aside.submit(asyncio.run, told()).result()
        next_one = request("GET", "/documents/", OLGA.host, session, accept="text/html")
        after = aside.submit(asyncio.run, next_one).result()
    assert [answer.status for answer in answers] == [404] * 5
    codes = [json.loads(answer.text)["code"] for answer in answers if answer.text[0] == "{"]
    assert codes == ["tenant_unavailable"] * 3
    told_page = [_plain(answer.text) for answer in (*answers, after) if answer.text[0] != "{"]
    assert "There is no workspace at this address, or it is suspended" in told_page[0]
    assert told_page == [told_page[0]] * 3
    assert "Set-Cookie" not in "".join(answer.head for answer in answers)
    assert last == {"type": "websocket.close"}
    assert entered_at_last == [4403] * 2, "handshakes are refused, as any to an unknown workspace"
    assert task == "rejected, requeue=False"
    worse = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert worse == [], "the end of a workspace is no defect"
    assert sum("tenant.ended" in record.getMessage() for record in caplog.records) >= 5
    # Whoever borrows the connections next finds nothing of it on them.
    for _ in range(3):
        assert api(ALICE).get("/api/v1/documents/").status_code == 200


def _plain(page: str) -> str:
    """Return a page without what differs between any two of the same."""
    return re.sub(r'[0-9a-f-]{36}|(?<=csrf-token" content=")\w+', "", page)


def test_a_defect_of_a_living_workspace_stays_one(caplog: pytest.LogCaptureFixture) -> None:
    living = tenant_of(ALICE)
    erased = replace(living, id=uuid4())

    def answered(tenant: TenantContext, statement: str = "SELECT 1") -> int:
        caplog.clear()
        with entered(tenant):
            try:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
            except DatabaseError as error:
                return ours(error).status
        return 200

    assert answered(living, "SELECT FROM nowhere") == 500
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "UndefinedTable" in caplog.records[0].getMessage()
    assert answered(erased, "SELECT FROM nowhere") == 404
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "UndefinedTable" in caplog.records[0].getMessage()
    # A role that is missing is no value of the request's, which would be its sender's fault.
    assert answered(replace(living, schema="t_missing")) == 500
    assert answered(replace(erased, schema="t_missing")) == 404
    assert answered(living, "SELECT 'x'::uuid") == 400
    assert answered(erased, "SELECT 'x'::uuid") == 404


def _fails() -> None:
    raise RuntimeError("What was to be worked on is not there")


def test_work_beside_a_request_fails_as_a_defect_in_a_living_workspace_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    living = tenant_of(ALICE)
    erased = replace(living, id=uuid4())
    for tenant, failed, ended, code in (
        (living, [("ERROR", "work.failed")], [("ERROR", "turn.failed")], "server_error"),
        (erased, GONE, GONE, "tenant_unavailable"),
    ):
        caplog.clear()
        work_aside(tenant, _fails)
        eventually(lambda: caplog.records)
        assert _logged(caplog) == failed
        with entered(living):
            conversation = conversation_for(ALICE)
            turn = turn_begin(
                actor=actor_for(ALICE), conversation_id=conversation, text="Is it there?"
            )
        caplog.clear()
        running = turn_run(tenant, actor_for(ALICE), turn, lambda _: _fails())
        assert running.frames.wait(40)
        assert running.error is not None and running.error.code == code
        assert _logged(caplog) == ended


def test_tasks_that_look_after_all_workspaces_pass_by_the_one_that_ended(
    owner: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def looked_after() -> None:
        seen.append(current().slug)
        if current().slug == CHARLIE.workspace:
            _suspend(owner, current())
        _fails()

    in_each_tenant(looked_after, failed="tests.failed")
    assert {ALICE.workspace, CHARLIE.workspace} < set(seen)
    living = [("ERROR", "tests.failed")] * (len(seen) - 1)
    assert sorted(_logged(caplog)) == [*living, *GONE]
    named = " ".join(record.getMessage() for record in caplog.records if record.levelname[0] == "E")
    assert ALICE.workspace in named and CHARLIE.workspace not in named


def test_what_is_erased_while_its_old_data_is_being_erased_fails_no_night(
    owner: psycopg.Connection[Any], passing: TenantContext, caplog: pytest.LogCaptureFixture
) -> None:
    def erase(tenant: TenantContext, before: datetime) -> int:
        if tenant.id == passing.id:
            _erase(owner, passing)
        return Document.objects.filter(created_at__lt=before).count() * 0

    kind_register(
        Kind("passing", "Passing", "", lambda *_: 0, erase, order=-1, usual=lambda _: 3_650)
    )
    try:
        retention_nightly()
    finally:
        del _kinds["passing"]
    logged = _logged(caplog)
    assert [each for each in logged if each[0] == "ERROR"] == []
    # The kind that was at it, each after it that has an age, and the report.
    assert logged.count(GONE[0]) >= 2
    with public_scope("staff"):
        assert RetentionReport.objects.exclude(tenant_id=passing.id).exists()
        assert not RetentionReport.objects.filter(tenant_id=passing.id).exists()


def test_a_session_that_ended_with_its_workspace_is_answered_as_by_the_seam(
    owner: psycopg.Connection[Any],
) -> None:
    tenant = tenant_of(CHARLIE)

    def confirmed(*, suspended: bool) -> Any:
        """Confirm the password, which writes to the session; it has gone by then."""
        client, gone = signed_in(CHARLIE), []

        def interrupted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if "django_session" in sql and sql.startswith("UPDATE") and not gone:
                gone.append(owner.execute(f"DELETE FROM {tenant.schema}.django_session").rowcount)
                owner.commit()
                if suspended:
                    _suspend(owner, tenant)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(interrupted):
            answer = client.post("/settings/security/confirm/", {"password": PASSWORD})
        assert gone == [1]
        return answer

    assert confirmed(suspended=False).status_code == 400
    answer = confirmed(suspended=True)
    assert answer.status_code == 404
    assert "There is no workspace at this address" in answer.content.decode()


def test_only_what_a_failed_transaction_refuses_is_left_to_the_next_statement() -> None:
    there, elsewhere = tenant_of(ALICE), tenant_of(CHARLIE)
    opened: list[Any] = []
    refused = pytest.raises(InternalError, match="transaction is aborted")
    with entered(there), refused, transaction.atomic(), connection.cursor() as cursor:
        with pytest.raises(DatabaseError):
            cursor.execute("SELECT FROM nowhere")
        with entered(elsewhere):
            opened.append(connection.cursor())
        opened[0].execute("SELECT 1")
    assert opened, "the refusal came with its statement"


def test_a_session_that_the_server_has_ended_passes_by_itself(
    owner: psycopg.Connection[Any],
) -> None:
    def has_ended() -> bool:
        owner.commit()  # else the same is seen again
        return not owner.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [mine]).rowcount

    there, elsewhere = tenant_of(ALICE), tenant_of(CHARLIE)
    passing_by = pytest.raises(OperationalError, match="closed the connection")
    with entered(there), passing_by, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 10")
        mine = connection.connection.info.backend_pid
        eventually(has_ended)
        with entered(elsewhere):
            connection.cursor()


def _suspend(owner: psycopg.Connection[Any], tenant: TenantContext) -> None:
    owner.execute("UPDATE registry_tenant SET status = 'suspended' WHERE id = %s", [tenant.id])
    owner.commit()


def _logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what was logged of failures: how grave, and which event."""
    events = "tenant.ended", "work.failed", "turn.failed", "tests.failed", "retention.failed"
    return [
        (record.levelname, event)
        for record in caplog.records
        for event in events
        if event in record.getMessage()
    ]


def _ingested(tenant: TenantContext) -> str:
    """Perform a task of the workspace as a worker would, and return how it ended."""
    try:
        celery.tasks["documents.ingest"](str(tenant.id), "0" * 32)
    except Reject as error:
        return f"rejected, requeue={error.requeue}"
    finally:
        connection.close()
    return "ran"
