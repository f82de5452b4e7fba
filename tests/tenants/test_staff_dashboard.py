"""Staff's first page: real figures, in few statements, for those who may see what they count."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.celery import app
from tenants.accounts.models import User
from tenants.context import public_scope
from tenants.redis import redis_client
from tenants.registry.models import Tenant
from tests.support.cast import ALICE
from tests.support.clients import staff_client, tenant_of

pytestmark = pytest.mark.django_db(transaction=True)


def figures(page: str) -> dict[str, str]:
    """Return what each figure says, by its words."""
    found = re.findall(
        r'<div class="sp-figure"><strong>(.*?)</strong><span>(?:<a[^>]*>)?(.*?)<', page
    )
    return {re.sub(r", as of.*", "", told): value for value, told in found}


MARGINS = """
from decimal import Decimal
from uuid import UUID, uuid4
from billing.meters import database_now
from billing.models import MarginLine
from tenants.context import public_scope
with public_scope("ops"):
    month = database_now().date().replace(day=1)
    MarginLine.objects.bulk_create(
        MarginLine(period=month, tenant_id=UUID(who) if who else uuid4(), plan="growth",
                   feature="ask", model="m", revenue_usd=Decimal(revenue), aws_usd=Decimal(cost),
                   guardrail_usd=Decimal("0.25"), storage_usd=Decimal(0), billed=False)
        for who, cost, revenue in {rows!r}
    )
"""


def test_the_figures_are_those_of_the_rows_in_as_many_statements_for_a_thousand(
    manage: Callable[..., str],
) -> None:
    client = staff_client()
    acme = str(tenant_of(ALICE).id)
    manage("ops", "shell", "-c", MARGINS.format(rows=[(acme, "3.75", "2"), ("", "1", "9")]))
    prefix = app.conf.broker_transport_options["global_keyprefix"]
    redis_client().rpush(f"{prefix}provisioning", *["{}"] * 120)

    def read() -> tuple[str, int]:
        with CaptureQueriesContext(connection) as caught:
            page = client.get("/admin/")
        return page.content.decode(), len(caught)

    page, _ = read()
    told = figures(page)
    with public_scope("staff"):
        active = Tenant.objects.exclude(schema_name="public").filter(status="active").count()
    assert told["active workspaces"] == str(active)
    assert told["spend this month"] == "$5.25" and told["charged this month so far"] == "$11.00"
    assert told["margin"] == "$5.75"
    assert told["waiting: making and removing (provisioning)"] == "120"
    assert "look here" in page
    row = page[page.index("Costliest") :]
    assert "Acme Works" in row and "below cost" in row and "above cost" in row
    _, few = read()
    manage("ops", "shell", "-c", MARGINS.format(rows=[("", "1", "2")] * 1000))
    page, many = read()
    assert many == few and figures(page)["spend this month"] == "$1,255.25"


def test_a_colleague_without_a_role_sees_no_figure_and_one_with_a_role_sees_its_own() -> None:
    with public_scope("staff"):
        user = User.objects.create_user(
            "new@tenantry.example", "a long enough password", is_staff=True
        )
        # Rights given beside the role count for nothing.
        user.user_permissions.add(Permission.objects.get(codename="view_intervention"))
    client = staff_client("new")
    assert figures(client.get("/admin/").content.decode()) == {}
    with public_scope("staff"):
        User.objects.filter(pk=user.pk).update(staff_role="security")
    told = figures(client.get("/admin/").content.decode())
    assert {"blocked by guardrails in 24 hours", "active workspaces"} <= set(told)
    assert "spend this month" not in told
