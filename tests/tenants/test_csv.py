"""What people wrote is text in a spreadsheet, never a formula of it."""

from decimal import Decimal

import pytest

from tenants.accounts.models import Role
from tenants.accounts.programs import program_create
from tenants.context import Actor, entered
from tenants.csvfile import cell_safe
from tests.support.cast import ADA
from tests.support.clients import browser_of, tenant_of, user_of


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t1", "\r1", "\n1", " =1", "\u00a0=1", "\uff1d1+1", "\uff0b1",
     "\uff0d1", "\uff20SUM(A1)", "=HYPERLINK(\"https://e.example\")"],
)  # fmt: skip
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert cell_safe(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "told"),
    [("Mia;=1+1;", "Mia;'=1+1;"), ('a"; @SUM(A1)', "a\"; '@SUM(A1)"), ("a\n=1+1", "a\n'=1+1"),
     ("a\r\n -1", "a\r\n '-1"), ("a\t+1", "a\t'+1"), ("\t=1", "'\t'=1"),
     (";;\uff1d1", ";;'\uff1d1")],
)  # fmt: skip
def test_nor_does_one_begin_behind_what_another_spreadsheet_splits_at(text: str, told: str) -> None:
    assert cell_safe(text) == told


def test_numbers_and_other_texts_stay() -> None:
    for value in (-1, Decimal("-1.5"), None, "", "a=1", "Mia", "’=1", "a; b\nc-d"):
        assert cell_safe(value) == value


@pytest.mark.django_db
def test_a_name_in_the_audits_export_is_no_formula() -> None:
    with entered(tenant_of(ADA)):
        owner = Actor(user_of(ADA).id, Role.ADMIN, "session")
        made = program_create(actor=owner, name="\uff1dcmd|' /C calc'!A0", role="admin")
        from tenants.accounts.audit import audit_write

        audit_write(
            Actor(made.id, Role.ADMIN, "api_key"),
            action="document.delete", object_type="document", object_id="1",
        )  # fmt: skip
    answer = browser_of(ADA).get("/settings/audit/export/?form=csv")
    lines = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert ",'\uff1dcmd|' /C calc'!A0," in lines
