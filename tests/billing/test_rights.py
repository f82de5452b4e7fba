"""The database itself keeps the ledger append-only and tenants apart."""

from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction

from billing.models import LedgerEntry, LedgerLine, QuotaCounter, Reservation
from billing.settlement import settle
from billing.units import Unit
from tenants.context import entered, public_scope
from tests.billing.calls import MODEL, reserve
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of

pytestmark = pytest.mark.django_db

INSERT = """
    INSERT INTO billing_ledgerentry (id, tenant_id, month, request_id, attempt, unit, quantity,
           kind, estimated, model, route, region, profile_arn, feature, reservation_id)
    VALUES (gen_random_uuid(), %s, '2026-11-01', gen_random_uuid(), 101, 'input_tokens', 1,
            'usage', false, 'm', 'region', '', '', 'ask', gen_random_uuid())
"""


def refusal(sql: str, params: list | None = None) -> str:
    with pytest.raises(ProgrammingError) as caught, transaction.atomic(), connection.cursor() as c:
        c.execute(sql, params)
    return str(caught.value)


def used(person: object) -> None:
    with entered(tenant_of(person)):  # type: ignore[arg-type]
        settle(reserve(), model=MODEL, units={Unit.INPUT: 700})


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE billing_ledgerentry SET quantity = 0",
        "DELETE FROM billing_ledgerentry",
        "TRUNCATE billing_ledgerentry",
    ],
)
def test_nobody_who_serves_requests_can_change_the_ledger(sql: str) -> None:
    used(ALICE)
    with entered(tenant_of(ALICE)):
        assert "permission denied" in refusal(sql)
    for role in ("staff", "app_public"):
        with public_scope(role):  # type: ignore[arg-type]
            assert "permission denied" in refusal(sql)


def test_staff_read_the_ledger_of_all_and_write_none() -> None:
    used(ALICE)
    used(CHARLIE)
    with public_scope("staff"):
        assert set(LedgerLine.objects.values_list("tenant", flat=True)) >= {"acme", "globex"}
        assert "permission denied" in refusal(INSERT, [uuid4()])
        assert "permission denied" in refusal("UPDATE billing_reservation SET state = 'held'")
        assert "permission denied" in refusal("UPDATE billing_quotacounter SET used = 0")


def test_a_tenant_sees_and_writes_its_own_rows_alone() -> None:
    used(ALICE)
    used(CHARLIE)
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with entered(acme):
        for model in (LedgerEntry, Reservation, QuotaCounter):
            assert set(model.objects.values_list("tenant_id", flat=True)) == {acme.id}
        assert "row-level security" in refusal(INSERT, [globex.id])
        assert "row-level security" in refusal(
            "INSERT INTO billing_quotacounter VALUES (%s, '2026-11-01', 'x', 0, 0, NULL)",
            [globex.id],
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE billing_quotacounter SET used = 0 WHERE tenant_id = %s", [globex.id]
            )
            assert cursor.rowcount == 0


def test_a_partition_cannot_be_reached_around_the_policies() -> None:
    with entered(tenant_of(ALICE)):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits"
                " WHERE inhparent = 'public.billing_ledgerentry'::regclass"
            )
            partitions = [name for (name,) in cursor.fetchall()]
        assert len(partitions) >= 14
        for partition in partitions:
            assert "permission denied" in refusal(f"SELECT * FROM {partition}")


def test_a_tenant_cannot_change_plans_or_prices() -> None:
    with entered(tenant_of(ALICE)):
        assert "permission denied" in refusal("UPDATE billing_plan SET monthly_price = 0")
        assert "permission denied" in refusal("UPDATE billing_planlimit SET included = NULL")
        assert "permission denied" in refusal("DELETE FROM billing_price")


def test_outside_every_tenant_no_row_of_one_is_reached() -> None:
    with public_scope("app_public"):
        for table in ("billing_ledgerentry", "billing_reservation", "billing_quotacounter"):
            assert "permission denied" in refusal(f"SELECT * FROM {table}")


@pytest.mark.parametrize("given", ["'paid', NULL", "'waiting', now()"])
def test_who_takes_a_payments_message_in_cannot_say_what_became_of_it(given: str) -> None:
    told = "INSERT INTO billing_paymentevent (id, kind, invoice, currency, reference, digest,"
    told += f" outcome, applied_at) VALUES ('e', 'k', '', 'USD', '', 'd', {given})"
    with public_scope("app_public"):
        assert "violates row-level security" in refusal(told)
        assert "permission denied" in refusal("SELECT * FROM billing_paymentevent")
        assert "permission denied" in refusal("UPDATE billing_paymentevent SET outcome = 'paid'")
    with entered(tenant_of(ALICE)):
        assert "permission denied" in refusal(told)
