"""The database refuses what the application should never ask."""

import threading
from contextvars import copy_context
from types import SimpleNamespace

import pytest
from django.db import ProgrammingError, connection, transaction

from tenants.accounts.models import User
from tenants.context import current, entered, public_scope
from tenants.errors import NoTenant, WrongTenant
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of

pytestmark = pytest.mark.django_db


def emails() -> set[str]:
    return set(User.objects.values_list("email", flat=True))


def refused(sql: str) -> str:
    with pytest.raises(ProgrammingError) as caught, transaction.atomic(), connection.cursor() as c:
        c.execute(sql)
    return str(caught.value)


def test_each_tenant_sees_its_own_users() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with entered(acme):
        assert ALICE.email in emails()
        with entered(globex):
            assert emails() == {CHARLIE.email}
        assert ALICE.email in emails()


def test_every_table_of_another_schema_is_denied() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with entered(acme):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE nspname = %s AND relkind IN ('r', 'p')",
                [globex.schema],
            )
            tables = [name for (name,) in cursor.fetchall()]
        assert len(tables) > 10
        for table in tables:
            assert "permission denied" in refused(f'SELECT * FROM "{globex.schema}"."{table}"')


def test_a_tenant_cannot_read_the_registry_or_the_staff() -> None:
    with entered(tenant_of(ALICE)):
        assert "permission denied" in refused("SELECT * FROM public.registry_tenant")
        assert "permission denied" in refused("SELECT * FROM public.accounts_user")
        assert "permission denied" in refused("SELECT * FROM public.django_session")


def test_a_tenant_cannot_change_its_record_of_migrations() -> None:
    with entered(tenant_of(ALICE)):
        assert "permission denied" in refused("DELETE FROM django_migrations")


def test_the_host_lookup_sees_hosts_and_no_staff() -> None:
    with public_scope("app_public"):
        assert "permission denied" in refused("SELECT * FROM accounts_user")


def test_a_statement_outside_any_tenant_is_refused() -> None:
    with pytest.raises(NoTenant):
        emails()


def test_no_tenant_is_an_error_never_a_default() -> None:
    with pytest.raises(NoTenant):
        current()
    with public_scope("app_public"), pytest.raises(NoTenant):
        current()


def test_a_thread_that_only_inherits_the_context_is_refused() -> None:
    caught: list[type[BaseException]] = []

    def query() -> None:
        try:
            emails()
        except Exception as error:
            caught.append(type(error))
        finally:
            connection.close()

    with entered(tenant_of(ALICE)):
        context = copy_context()
    thread = threading.Thread(target=lambda: context.run(query))
    thread.start()
    thread.join()
    assert caught == [WrongTenant]


def test_a_connection_that_stands_elsewhere_is_refused() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with entered(acme):
        before = connection.tenant
        connection.set_schema(globex.schema)
        try:
            with pytest.raises(WrongTenant):
                emails()
        finally:
            connection.set_tenant(before)


@pytest.mark.parametrize("right", ["schema", "role"])
def test_a_connection_whose_schema_or_role_alone_is_right_is_refused(right: str) -> None:
    acme, globex = tenant_of(ALICE).schema, tenant_of(CHARLIE).schema
    schema, role = (acme, globex) if right == "schema" else (globex, acme)
    with entered(tenant_of(ALICE)):
        before = connection.tenant
        connection.set_tenant(SimpleNamespace(schema_name=schema, role=role))
        try:
            with pytest.raises(WrongTenant):
                emails()
        finally:
            connection.set_tenant(before)


def test_role_and_path_stay_together_after_a_savepoint_rollback() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with transaction.atomic():
        with entered(acme):
            assert ALICE.email in emails()
            sid = transaction.savepoint()
        with entered(globex):
            assert emails() == {CHARLIE.email}
            transaction.savepoint_rollback(sid)
            assert emails() == {CHARLIE.email}
        with entered(acme):
            assert ALICE.email in emails()


def test_a_failed_transaction_does_not_leave_the_next_one_in_the_wrong_tenant() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with entered(acme):
        refused("SELECT * FROM there_is_no_such_table")
    with entered(globex):
        assert emails() == {CHARLIE.email}


def test_a_lazy_query_built_for_one_tenant_runs_as_the_one_that_is_entered() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with entered(acme):
        query = User.objects.all()
    with entered(globex):
        assert [user.email for user in query] == [CHARLIE.email]
