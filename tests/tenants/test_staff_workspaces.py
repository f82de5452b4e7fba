"""Staff's list of workspaces: how each is, what is done with one, as fast for a thousand."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.services import cap_set
from tenants.accounts.models import AuditEvent
from tenants.context import Actor, entered, public_scope
from tenants.registry.models import Offboarding, Onboarding, Status, Tenant, TenantHealth
from tenants.registry.tasks import health_all
from tenants.webhooks.models import Endpoint
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import browser_of, staff_client, stranger, tenant_of, user_of
from tests.support.statements import statements_of_page

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/registry/tenant/"
WHY = "Its owner asked us to, by mail"
THOUSAND = """
from tenants.context import public_scope
from tenants.registry.models import (
    Domain, Offboarding, Onboarding, Relocation, Tenant, TenantHealth,
)
from uuid import uuid4
from django.utils import timezone
now = timezone.now()
with public_scope("owner"):
    made = Tenant.objects.bulk_create(
        Tenant(slug=f"many-{n}", name=f"Many {n}", schema_name=f"many_{n}", status="suspended")
        for n in range(1000))
    TenantHealth.objects.bulk_create(
        TenantHealth(tenant=each, checked_at=now, level=1, problems=["drift"],
                     figures={"spend": {"count": 0, "told": "$0.00, no cap", "level": 0}})
        for each in made)
    Domain.objects.bulk_create(
        Domain(domain=f"{each.slug}.localhost", tenant=each, is_primary=True) for each in made)
    Relocation.objects.bulk_create(
        Relocation(tenant_id=each.id, target="schema", state="done", asked_by=uuid4())
        for each in made)
    Offboarding.objects.bulk_create(
        Offboarding(tenant_id=each.id, slug=each.slug, due_at=now, state="cancelled")
        for each in made)
"""


def step(client: Client, name: str, *, tenant: Any = None, **given: str) -> str:
    """Send a step's form for acme, or for another workspace; return the page that follows."""
    form = {"action": name, "_selected_action": str((tenant or tenant_of(ALICE)).id), **given}
    return client.post(LIST, form, follow=True).content.decode()


def status() -> str:
    with public_scope("staff"):
        return str(Tenant.objects.get(slug="acme").status)


def records(action: str) -> list[dict[str, Any]]:
    """Return what staff's record and acme's say of a deed."""
    with public_scope("staff"):
        found = list(AuditEvent.objects.filter(action=action).values_list("data", flat=True))
    with public_scope("staff"):
        acme = Tenant.objects.get(slug="acme").context
    with entered(acme):
        found += AuditEvent.objects.filter(action=action).values_list("data", flat=True)
    return found


def test_health_is_found_inside_and_read_outside_without_any_content() -> None:
    acme = tenant_of(ALICE)
    with entered(acme):
        Endpoint.objects.create(
            url="https://secret-name.example/", secret="x", failing_since=timezone.now()
        )
        owner = user_of(ALICE)
        cap_set(actor=Actor(owner.id, "owner", "session"), usd=Decimal(0))
    with public_scope("staff"):
        Onboarding.objects.filter(tenant_id=acme.id).update(
            state="ready", done={}, error="Guardrail: SomeError: with a secret-name in it"
        )
    health_all()
    client = staff_client("support")
    with CaptureQueriesContext(connection) as caught:
        page = client.get(f"{LIST}?q=acme").content.decode()
    assert not any(acme.schema in each["sql"] for each in caught)
    assert "Bad</span> Set-up, Spend and cap, Webhooks" in page and "of $0.00" in page
    detail = client.get(f"{LIST}{acme.id}/change/").content.decode()
    assert "Failed 0 times: Guardrail." in detail and "1 failing or switched off" in detail
    assert "At the newest migration." in detail and "secret-name" not in page + detail
    assert "acme" in client.get(f"{LIST}?health=webhooks").content.decode()
    fine = client.get(f"{LIST}?health=0").content.decode()
    assert "globex" in fine and "Acme Works" not in fine
    assert "globex" in client.get(f"{LIST}?q={tenant_of(CHARLIE).id}").content.decode()


def test_a_list_of_a_thousand_takes_as_many_statements_as_one_of_five(
    manage: Callable[..., str],
) -> None:
    client = staff_client()
    paths = [
        LIST, f"{LIST}?q=many-7", f"{LIST}?health=drift&status__exact=suspended", f"{LIST}?o=-8",
        "/admin/", "/admin/registry/domain/", "/admin/registry/relocation/",
        "/admin/registry/offboarding/", "/admin/registry/onboarding/",
    ]  # fmt: skip

    def statements() -> dict[str, int]:
        return {path: statements_of_page(client, path) for path in paths}

    few = statements()
    manage("owner", "shell", "-c", THOUSAND)
    many = statements()
    # A filter by what is there shows no page of results where nothing is: compare those with rows.
    rows = {path for path in paths if "many" not in path and "drift" not in path}
    assert {path: many[path] for path in rows} == {path: few[path] for path in rows}
    assert max(many.values()) <= 12
    page = client.get(f"{LIST}?q=many-77").content.decode()
    assert "many-777" in page and "many-78" not in page


def test_a_step_asks_first_wants_a_reason_and_is_on_both_records() -> None:
    client = staff_client("security")
    page = step(client, "suspend")
    assert "stop answering at once" in page and status() == "active"
    assert "Say why in 10 to 500" in step(client, "suspend", confirmed="1", reason="short")
    assert status() == "active" and records("workspace.suspend") == []
    # Who may not is not obeyed, however the form is sent.
    step(staff_client("finance"), "suspend", confirmed="1", reason=WHY)
    assert status() == "active"

    acme = tenant_of(ALICE)
    assert "acme is suspended." in step(client, "suspend", confirmed="1", reason=WHY)
    assert stranger(ALICE.host).get("/sign-in/").status_code == 404
    assert "stays as it is" in step(client, "suspend", tenant=acme, confirmed="1", reason=WHY)
    assert "active again" in step(client, "resume", tenant=acme, confirmed="1", reason=WHY)
    for deed in ("workspace.suspend", "workspace.resume"):
        staffs, own = records(deed)
        assert staffs == {"reason": WHY} and own == {"reason": WHY, "by": "staff"}
    log = browser_of(ALICE).get("/settings/audit/").content.decode()
    assert "Tenantry staff" in log and "Suspended the workspace" in log


def test_a_plan_changes_with_its_effect_shown_and_a_set_up_is_done_anew() -> None:
    client = staff_client()
    assert "What will happen" not in step(client, "plan")
    page = step(client, "plan", choice="enterprise")
    assert "The new limits hold at once" in page and tenant_of(ALICE).plan == "growth"
    step(client, "plan", choice="enterprise", confirmed="1", reason=WHY)
    assert tenant_of(ALICE).plan == "enterprise"
    assert records("workspace.plan")[1]["choice"] == "enterprise"

    acme = tenant_of(ALICE)
    assert "being provisioned again" in step(client, "provision", confirmed="1", reason=WHY)
    with public_scope("staff"):
        row = Onboarding.objects.get(tenant_id=acme.id)
    assert row.state == "ready" and "schema" in row.done and "bedrock.storage" not in row.done


def test_a_workspace_leaves_only_under_its_typed_name_and_can_be_kept() -> None:
    client = staff_client()
    form = {"confirmed": "1", "reason": WHY}
    assert "Type the workspace&#x27;s address" in step(client, "offboard", **form)
    assert "acme leaves on" in step(client, "offboard", typed="acme", **form)
    with public_scope("staff"):
        row = Offboarding.objects.get(slug="acme")
        assert row.state == "waiting" and row.due_at - timezone.now() > timedelta(days=29)
    assert "leaving already" in step(client, "offboard", typed="acme", **form)
    assert "acme stays." in step(client, "stay", **form)
    with public_scope("staff"):
        assert Offboarding.objects.get(slug="acme").state == "cancelled"
        assert Tenant.objects.get(slug="acme").status == Status.ACTIVE
        assert not TenantHealth.objects.filter(tenant__slug="public").exists()


def test_a_workspace_that_is_being_erased_is_not_resumed() -> None:
    acme = tenant_of(ALICE)
    with public_scope("staff"):
        Tenant.objects.filter(id=acme.id).update(status=Status.SUSPENDED)
    with entered(acme):
        Offboarding.objects.create(
            tenant_id=acme.id, slug="acme", due_at=timezone.now(), state="running"
        )
    told = step(staff_client(), "resume", tenant=acme, confirmed="1", reason=WHY)
    assert "being erased" in told and status() == "suspended"
