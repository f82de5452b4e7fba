"""What staff and admins decide is obeyed by every process, and costs the calls no statement."""

from datetime import date

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bedrock.policy import policy_of
from bedrock.safety import rules_of
from billing.catalog import plan_terms, price_of
from billing.models import Plan
from billing.units import Unit
from tenants import governance
from tenants.context import entered, public_scope
from tests.billing.calls import MODEL
from tests.support.cast import ALICE
from tests.support.clients import tenant_of

GOVERNED = {
    "billing_plan", "billing_planlimit", "billing_price", "billing_regionquota",
    "bedrock_model", "bedrock_inferenceprofile", "bedrock_provisionedmodel", "bedrock_guardrail",
    "bedrock_routepolicy", "bedrock_safetyrules", "bedrock_assistantsettings", "bedrock_tier",
    "bedrock_reranker", "bedrock_knowledgebase",
}  # fmt: skip
TRIGGERS = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'governed'"
DAY = date(2026, 11, 1)
pytestmark = pytest.mark.django_db(transaction=True)


def asked() -> int:
    governance.look_again()
    return governance.version()


def test_an_edit_is_obeyed_as_soon_as_a_process_looks() -> None:
    tenant = tenant_of(ALICE)
    with entered(tenant):
        assert plan_terms("growth").name == "Growth"
    with public_scope("staff"):
        before = asked()
        with transaction.atomic():
            Plan.objects.filter(code="growth").update(name="Growing")
            assert asked() == before  # moved by the commit, not before others can see the row
        governance.told(before, 1e12)  # until it looks, a process goes by what it has
        assert plan_terms("growth").name == "Growth"
        assert asked() == before + 1
    with entered(tenant):
        assert plan_terms("growth").name == "Growing"


def test_calls_read_nothing_of_what_was_not_edited() -> None:
    with entered(tenant_of(ALICE)) as tenant:
        for ask in (0, 1):
            with CaptureQueriesContext(connection) as read:
                plan_terms(tenant.plan)
                price_of(MODEL, Unit.INPUT, DAY)
                policy_of(tenant, "small")
                rules_of(tenant)
            assert bool(len(read)) is (ask == 0)


def test_every_table_that_processes_keep_moves_the_number() -> None:
    with entered(tenant_of(ALICE)), connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
        assert {name.removeprefix("public.") for (name,) in cursor.fetchall()} == GOVERNED
