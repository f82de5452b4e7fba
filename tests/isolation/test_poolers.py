"""Connections that tenants take over from each other: Django's pool and PgBouncer's.

`POOL_SWITCHES` says how often the tenant changes on one server connection, 500 times for each
pool unless given.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from config.stack.ports import LOOPBACK
from tests.support.pgbouncer import pooled
from tests.support.services import Worker

pytestmark = pytest.mark.django_db(transaction=True)
SWITCHES = int(os.environ.get("POOL_SWITCHES", "500"))


class Boom(Exception):
    """Ends a block on purpose."""


def switched(times: int, close: Callable[[], None]) -> tuple[int, int]:
    """Change the tenant so often; return (reads, server processes). Fails at a foreign row."""
    from django.db import DatabaseError, connection, transaction

    from tenants.accounts.models import User
    from tenants.context import TenantContext, entered
    from tests.support.cast import ALICE, CHARLIE
    from tests.support.clients import tenant_of

    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    other = {acme.schema: globex, globex.schema: acme}
    expected: dict[str, set[str]] = {}
    pids: set[int] = set()
    chance = random.Random(4)
    reads = 0

    def look(tenant: TenantContext) -> None:
        nonlocal reads
        reads += 1
        found = set(User.objects.values_list("email", flat=True))
        assert found == expected.setdefault(tenant.schema, found), f"{found} in {tenant.slug}"
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user, current_schema(), pg_backend_pid()")
            role, schema, pid = cursor.fetchone()
        assert (role, schema) == (tenant.schema, tenant.schema)
        pids.add(pid)

    def plainly(tenant: TenantContext) -> None:
        look(tenant)

    def rolled_back(tenant: TenantContext) -> None:
        with pytest.raises(Boom), transaction.atomic():
            look(tenant)
            raise Boom
        look(tenant)

    def savepoints(tenant: TenantContext) -> None:
        with transaction.atomic():
            look(tenant)
            sid = transaction.savepoint()
            with entered(other[tenant.schema]):
                look(other[tenant.schema])
                transaction.savepoint_rollback(sid)
                look(other[tenant.schema])
            look(tenant)

    def failed(tenant: TenantContext) -> None:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM there_is_no_such_table")
        look(tenant)

    def streamed(tenant: TenantContext) -> None:
        with transaction.atomic():
            assert {u.email for u in User.objects.iterator(chunk_size=1)} == expected.get(
                tenant.schema, {u.email for u in User.objects.all()}
            )

    def lazily(tenant: TenantContext) -> None:
        users = User.objects.all()
        with entered(other[tenant.schema]):
            look(other[tenant.schema])
            assert {u.email for u in users} == expected[other[tenant.schema].schema]

    def committed(tenant: TenantContext) -> None:
        after: list[set[str]] = []
        with transaction.atomic():
            transaction.on_commit(lambda: after.append({u.email for u in User.objects.all()}))
            look(tenant)
        assert after == [expected[tenant.schema]]

    for tenant in (acme, globex):
        with entered(tenant):
            look(tenant)
    assert expected[acme.schema].isdisjoint(expected[globex.schema])
    ways = (plainly, rolled_back, savepoints, failed, streamed, lazily, committed)
    tenant = acme
    for _ in range(times):
        tenant = other[tenant.schema] if chance.random() < 0.9 else tenant
        with entered(tenant):
            chance.choice(ways)(tenant)
        if chance.random() < 0.3:
            close()
    close()
    return reads, len(pids)


def in_threads(work: Callable[[], Any]) -> list[Any]:
    """Do the work in two threads at once; they take turns on what they share."""
    done: list[Any] = []
    failures: list[BaseException] = []

    def run() -> None:
        from django.db import connection

        try:
            done.append(work())
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    return done


def test_one_connection_of_djangos_pool_serves_two_tenants(capsys: Any) -> None:
    from django.db import connection

    from tests.isolation.switchedoff import connected

    pool = {"min_size": 1, "max_size": 1, "timeout": 60}
    with connected(OPTIONS={"pool": pool}):
        done = in_threads(lambda: switched(SWITCHES // 2, connection.close))
    with capsys.disabled():
        print(f"\nDjango's pool: {SWITCHES} switches, {sum(r for r, _ in done)} reads, 0 foreign")
    assert {pids for _, pids in done} == {1}


def test_a_connection_goes_back_without_role_path_or_transaction() -> None:
    from django.db import connection

    from tenants.context import entered
    from tests.isolation.switchedoff import connected
    from tests.support.cast import ALICE
    from tests.support.clients import tenant_of

    acme = tenant_of(ALICE)
    with connected(OPTIONS={"pool": {"min_size": 1, "max_size": 1, "timeout": 10}}):
        pool = connection.pool  # type: ignore[attr-defined]
        for leave in ("", "BEGIN", "SELECT 1/0"):
            with entered(acme), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                if leave:
                    connection.connection.execute("BEGIN")
                with suppress(psycopg.Error):
                    connection.connection.execute(leave or "SELECT 1")
            connection.close()
            with pool.connection() as raw:
                [standing] = raw.execute(
                    "SELECT current_user, current_setting('role'), current_setting('search_path')"
                )
            assert standing == ("app", "none", "pg_catalog"), leave


def test_a_plan_that_is_kept_is_of_the_tables_of_whoever_is_entered(worker: Worker) -> None:
    from django.db import connection

    from tenants.context import entered
    from tenants.statements import rows_planned
    from tests.isolation.switchedoff import connected
    from tests.support.cast import ALICE, CHARLIE
    from tests.support.clients import tenant_of

    people = {person.email: tenant_of(person) for person in (ALICE, CHARLIE)}
    asked = "SELECT current_user, email FROM accounts_user WHERE email = ANY(%s)"
    pool = {"min_size": 1, "max_size": 1, "timeout": 10}
    staff = psycopg.connect(
        worker.served.cluster().url("postgres", worker.database), autocommit=True
    )
    with staff, connected(OPTIONS={"pool": pool, "prepare_threshold": 5}):
        for _ in range(8):  # more often than PostgreSQL needs to settle on a plan
            for email, tenant in people.items():
                with entered(tenant):
                    assert rows_planned(asked, [list(people)]) == [(tenant.schema, email)]
                connection.close()
        acme = people[ALICE.email]
        probe = f'"{acme.schema}".planned_probe'
        staff.execute(
            f'CREATE TABLE {probe} AS SELECT 1 AS a; GRANT SELECT ON {probe} TO "{acme.schema}"'
        )
        with entered(acme):
            assert rows_planned("SELECT a FROM planned_probe", []) == [(1,)]
            kept = rows_planned("SELECT count(*) FROM pg_prepared_statements", [])
            staff.execute(f"ALTER TABLE {probe} ALTER a TYPE text")
            assert rows_planned("SELECT a FROM planned_probe", []) == [("1",)]
        staff.execute(f"DROP TABLE {probe}")
    assert kept >= [(2,)]


def test_a_connection_whose_server_left_is_given_to_nobody(worker: Worker) -> None:
    from django.db import connection

    from tenants.context import entered
    from tests.isolation.switchedoff import connected
    from tests.support.cast import ALICE
    from tests.support.clients import tenant_of

    acme = tenant_of(ALICE)
    with connected(OPTIONS={"pool": {"min_size": 1, "max_size": 1, "timeout": 10}}):

        def pid() -> int:
            with entered(acme), connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                return int(cursor.fetchone()[0])

        first = pid()
        connection.close()
        with psycopg.connect(worker.served.cluster().url("postgres", worker.database)) as staff:
            staff.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
        assert pid() != first
        connection.close()


def test_one_connection_of_pgbouncers_serves_two_tenants(worker: Worker, capsys: Any) -> None:
    from django.db import connection

    from tenants.backend.sessions import sessions_kept
    from tests.isolation.switchedoff import connected

    with pooled(worker, "session") as port, connected(HOST=LOOPBACK, PORT=str(port), OPTIONS={}):
        reads, pids = switched(SWITCHES, connection.close)
        with capsys.disabled():
            print(f"\nPgBouncer, session: {SWITCHES} switches, {reads} reads, 0 foreign")
        assert pids == 1
    with (
        pooled(worker, "session", size=2) as port,
        connected(HOST=LOOPBACK, PORT=str(port), OPTIONS={}),
    ):
        assert sessions_kept()


def test_a_pooler_in_transaction_mode_is_refused_at_start(worker: Worker) -> None:
    from celery.signals import worker_init
    from django.core.management import call_command
    from django.core.management.base import SystemCheckError

    from config.stack.web import main
    from tenants.backend.pool import set_standing
    from tenants.backend.sessions import sessions_kept
    from tests.isolation.switchedoff import connected
    from tests.support.cast import ALICE, CHARLIE
    from tests.support.clients import tenant_of

    assert sessions_kept()
    acme, globex = tenant_of(ALICE).schema, tenant_of(CHARLIE).schema
    for mode, size in (("transaction", 1), ("transaction", 5), ("statement", 1)):
        with (
            pooled(worker, mode, size) as port,
            connected(HOST=LOOPBACK, PORT=str(port), OPTIONS={}),
        ):
            assert not sessions_kept()
            if mode == "transaction":  # why: the first stands where the second went
                address = f"host={LOOPBACK} port={port} dbname={worker.database} user=app"
                password = worker.served.passwords["app"]
                with (
                    psycopg.connect(address, password=password, autocommit=True) as first,
                    psycopg.connect(address, password=password, autocommit=True) as second,
                ):
                    set_standing(first, acme, acme)
                    set_standing(second, globex, globex)
                    assert first.execute("SELECT current_user").fetchone() == (globex,)
            with pytest.raises(SystemCheckError, match=r"tenants\.E001.*pool_mode = session"):
                call_command("check", databases=["default"])
            with pytest.raises(SystemExit, match="pool_mode = session"):
                worker_init.send(sender=None)
            go, closed = os.pipe()
            os.close(closed)
            with pytest.raises(SystemExit, match="pool_mode = session"):
                main([str(go)])
            os.close(go)
