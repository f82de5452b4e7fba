"""A workspace is made in recorded steps, which go on wherever they were cut off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.core import mail
from django.db import connection

from tenants.accounts.models import User
from tenants.accounts.tasks import confirm_mail
from tenants.context import entered, public_scope
from tenants.registry.models import Onboarding, Tenant
from tests.support.cast import ALICE, BOB
from tests.support.clients import browser_of, staff_client, stranger, tenant_of
from tests.support.services import Worker

Manage = Callable[..., str]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def roles_dropped(worker: Worker) -> Iterator[None]:
    """Roles are the cluster's: those of workspaces made here go with the database."""
    yield
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as owner:
        rows = owner.execute(
            "SELECT 't_' || replace(tenant_id::text, '-', '') FROM registry_onboarding"
            " WHERE slug LIKE 'made-%'"
        ).fetchall()
        for (role,) in rows:
            if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                owner.execute(f"GRANT {role} TO owner WITH INHERIT TRUE, SET TRUE")
                owner.execute(f"DROP OWNED BY {role} CASCADE")
                owner.execute(f"DROP ROLE {role}")


def row(slug: str) -> Onboarding:
    connection.close()
    with public_scope("staff"):
        return Onboarding.objects.get(slug=slug)


def test_a_making_killed_at_every_step_is_finished_and_happens_once(
    worker: Worker, roles_dropped: None
) -> None:
    """One workspace: killed before and after each of its steps, then left to finish."""
    steps = ["registry", "role", "schema", "owner", "mail", "bedrock.storage", "bedrock.knowledge"]
    status, said = worker.run("owner", "tests.tenants.onboarding_crash", "made-hard", *steps)
    assert status == 0, said[-2000:]
    finished = row("made-hard")
    assert finished.state == Onboarding.State.DONE
    assert set(steps) <= set(finished.done)
    assert finished.password == ""
    with public_scope("app_public"):
        tenant = Tenant.objects.get(slug="made-hard")
    with entered(tenant.context):
        assert User.objects.get().check_password("a long enough password")
    answer = stranger("made-hard.localhost").get("/sign-in/")
    assert answer.status_code == 200


def test_a_step_that_fails_is_shown_and_tried_again(
    worker: Worker, manage: Manage, roles_dropped: None
) -> None:
    with pytest.raises(RuntimeError, match="no Knowledge Base left"):
        manage("owner", "create_workspace", "made-short", "--name", "Sh\u202eo\u200brt\n Ltd",
               "--owner-email", "o@short.example", "--plan", "enterprise", "--retrieval",
               "kb_dedicated", "--region",
               "eu-central-1") if _pool_emptied(worker) else None  # fmt: skip
    failed = row("made-short")
    assert failed.name == "Short Ltd"
    with pytest.raises(RuntimeError, match="name of 1 to 120 characters that can be seen"):
        manage("owner", "create_workspace", "made-blank", "--name", " \u200b", "--owner-email",
               "o@blank.example")  # fmt: skip
    assert failed.state == Onboarding.State.READY and failed.attempts == 1
    assert failed.error.startswith("Knowledge Base: ")
    # Its people use it meanwhile, see what is missing, and staff see why.
    assert stranger("made-short.localhost").get("/sign-in/").status_code == 200
    staff = staff_client()
    listed = staff.get("/admin/registry/onboarding/").content.decode()
    assert "no Knowledge Base left" in listed
    with public_scope("staff"):
        connection.cursor().execute("UPDATE bedrock_knowledgepool SET quota = 100, reserve = 0")
    again = {"action": "try_again", "_selected_action": [str(failed.tenant_id)]}
    answer = staff.post("/admin/registry/onboarding/", again, follow=True)
    assert "1 are being tried again" in answer.content.decode()
    _worked(worker)
    assert row("made-short").state == Onboarding.State.DONE


def _pool_emptied(worker: Worker) -> bool:
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("UPDATE bedrock_knowledgepool SET quota = 0")
    return True


def _worked(worker: Worker) -> None:
    """Do what waits in the provisioning queue, under the owner's login, and end."""
    status, said = worker.run("owner", "tests.support.work", "provisioning")
    assert status == 0, said[-2000:]


def test_an_address_is_confirmed_by_its_mail_and_its_mail_alone() -> None:
    tenant = tenant_of(BOB)
    with entered(tenant):
        bob = User.objects.get(email=BOB.email)
        User.objects.filter(id=bob.id).update(email_confirmed_at=None)
        confirm_mail(str(bob.id))
    client = browser_of(BOB)
    assert "Confirm your address" in client.get("/settings/workspace/").content.decode()
    [message] = mail.outbox
    path = re.search(r"http://acme\.localhost[^/]*(/confirm/\S+)", message.body).group(1)
    assert stranger(ALICE.host).get(path[:-3] + "x/").status_code == 410
    assert stranger("globex.localhost").post(path).status_code == 410
    # Programs that follow links confirm nothing; the button does.
    assert "Is bob@acme.example yours?" in stranger(ALICE.host).get(path).content.decode()
    with entered(tenant):
        assert User.objects.get(id=bob.id).email_confirmed_at is None
    assert "Address confirmed" in stranger(ALICE.host).post(path).content.decode()
    assert "Confirm your address" not in client.get("/settings/workspace/").content.decode()
