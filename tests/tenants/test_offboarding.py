"""A workspace leaves: after its waiting time nothing of it is left, and a receipt says what was."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from billing.models import LedgerEntry
from documents.services import document_upload
from tenants.accounts.keys import api_key_create
from tenants.accounts.models import User
from tenants.context import Actor, entered, public_scope
from tenants.errors import Conflict, Forbidden, NotFound
from tenants.lifecycle.offboarding import offboarding_cancel, offboarding_request
from tenants.lifecycle.receipts import is_genuine
from tenants.objects import object_put
from tenants.redis import redis_client, tenant_key
from tenants.registry.models import DataExport, Offboarding, Status, Tenant
from tests.billing.calls import reserve
from tests.support.cast import ADA, ALICE, CHARLIE, MAX
from tests.support.clients import api, browser_of, stranger, tenant_of, user_of
from tests.support.services import Worker
from tests.support.waiting import eventually

Manage = Callable[..., str]
TABLES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition
"""
pytestmark = pytest.mark.django_db(transaction=True)
HOST = "leaving.localhost"


@pytest.fixture
def leaving(worker: Worker, manage: Manage) -> Iterator[Tenant]:
    """A workspace of its own, with a document, keys in Redis and rows in the ledger."""
    manage(
        "owner", "create_workspace", "leaving", "--name", "Leaving", "--owner-email", "o@l.example"
    )
    with public_scope("app_public"):
        tenant = Tenant.objects.get(slug="leaving")
    with entered(tenant.context):
        owner = User.objects.get()
        actor = Actor(owner.id, owner.role, "session")
        document_upload(actor=actor, file=io.BytesIO(b"A canary of its own."), name="canary.txt")
        object_put("batch/rest.jsonl", b"{}", content_type="application/json")
        redis_client().set(tenant_key("turn", 1), "x")
        reserve()  # of a call that never came to its end
    yield tenant
    # Roles are the cluster's, not the database's: what a test that failed leaves behind goes here.
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as owner_login:
        role = tenant.schema_name
        if owner_login.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
            owner_login.execute(f"GRANT {role} TO owner WITH INHERIT TRUE, SET TRUE")
            owner_login.execute(f"DROP OWNED BY {role} CASCADE")
            owner_login.execute(f"DROP ROLE {role}")


def tables_naming(tenant: Tenant, worker: Worker) -> set[str]:
    """Return the tables of `public` in which a row names the workspace by its id."""
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url) as owner_login:
        names = [name for (name,) in owner_login.execute(TABLES)]
        naming = "SELECT FROM public.{} AS row WHERE row::text LIKE %s LIMIT 1"
        return {
            name for name in names
            if owner_login.execute(
                psycopg.sql.SQL(naming).format(psycopg.sql.Identifier(name)), [f"%{tenant.id}%"]
            ).rowcount
        }  # fmt: skip


def test_nothing_of_an_erased_workspace_is_left_and_the_receipt_says_what_was(
    leaving: Tenant, manage: Manage, worker: Worker
) -> None:
    with entered(leaving.context):
        owner = User.objects.get()
        _, key = api_key_create(
            actor=Actor(owner.id, owner.role, "session"), user=owner, name="A key"
        )
    connection.close()
    headers = {"Authorization": f"Bearer {key}"}
    assert stranger(HOST).get("/api/v1/documents/", headers=headers).status_code == 200
    told = manage("owner", "offboard_workspace", "leaving", "--now")
    receipt = json.loads(told[told.index("{\n") :])
    erased = {(line["what"], line["where"]): line["count"] for line in receipt["receipt"]["erased"]}
    assert erased["stored objects", "bucket tenantry-documents-us-east-1"] == 2
    assert erased["database role", leaving.schema_name] == 1
    assert erased["cached and queued state", "Redis"] >= 1
    # What was reserved is charged as an estimate and stays in the ledger; the raw log has a date.
    assert erased["open reservations, settled as estimates", "ledger"] == 1
    with public_scope("staff"):
        assert LedgerEntry.objects.filter(tenant_id=leaving.id, estimated=True).exists()
    expires = datetime.fromisoformat(receipt["receipt"]["last_raw_log_expires_by"])
    # Whatever stays is named, with its table, how much of it and why.
    kept = {line["where"]: line["count"] for line in receipt["receipt"]["kept"]}
    assert kept["table billing_ledgerentry"] >= 1
    assert kept["table registry_auditarchive"] >= 2
    assert kept.keys() == {f"table {name}" for name in tables_naming(leaving, worker)}
    assert all(line["why"] for line in receipt["receipt"]["kept"])
    assert timedelta(days=7) < expires - datetime.now(UTC) <= timedelta(days=9)
    key_of_deployment = receipt["receipt"]["public_key"]
    assert is_genuine(receipt["receipt"], receipt["signature"], key_of_deployment)
    with public_scope("staff"):
        link = f"/erased/{Offboarding.objects.get(tenant_id=leaving.id).id}/"
    page = stranger("localhost").get(link).content.decode()
    for said in ("Erasure of leaving", "bucket tenantry-documents-us-east-1", receipt["signature"],
                 "table billing_ledgerentry", "accounting; amounts and names"):  # fmt: skip
        assert said in page
    file = stranger("localhost").get(f"{link}receipt.json")
    assert file.json() == receipt and "attachment" in file["Content-Disposition"]
    forged = {**receipt["receipt"], "workspace": "acme"}
    assert not is_genuine(forged, receipt["signature"], key_of_deployment)
    assert "Nothing of leaving is left." in manage(
        "owner", "offboard_workspace", "leaving", "--check"
    )
    assert stranger(HOST).get("/api/v1/documents/", headers=headers).status_code == 404
    # The neighbours have theirs, and the audit outlives the workspace.
    assert api(ALICE).get("/api/v1/documents/").status_code == 200
    assert api(CHARLIE).get("/api/v1/documents/").status_code == 200
    with public_scope("staff"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT event->>'action' FROM registry_auditarchive WHERE tenant_id = %s", [leaving.id]
        )
        actions = {action for (action,) in cursor.fetchall()}
    assert {"api_key.create", "workspace.leaving"} <= actions


def test_an_erasure_that_is_cut_off_goes_on_behind_its_last_step(
    leaving: Tenant, manage: Manage, worker: Worker
) -> None:
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url) as holding:
        # Whoever reads a table of the schema keeps it from being dropped.
        holding.execute(f"SELECT FROM {leaving.schema_name}.accounts_user")
        holding.execute("SET LOCAL statement_timeout = 0")
        with pytest.raises(RuntimeError, match="lock timeout"):
            manage("owner", "offboard_workspace", "leaving", "--now")
    with public_scope("staff"):
        cut = Offboarding.objects.get(slug="leaving")
        assert (cut.state, Tenant.objects.get(slug="leaving").status) == (
            Offboarding.State.RUNNING,
            Status.SUSPENDED,
        )
        assert cut.error.startswith("schema: ")
        objects = cut.erased["objects"]
    told = manage("owner", "offboard_workspace", "leaving", "--now").split("{\n")[0]
    assert "objects" not in told
    with public_scope("staff"):
        done = Offboarding.objects.get(slug="leaving")
        assert done.state == Offboarding.State.DONE
        assert done.erased["objects"] == objects


def test_what_is_stored_behind_its_step_is_erased_too_before_the_receipt_is_signed(
    leaving: Tenant, manage: Manage, worker: Worker
) -> None:
    """A request or a task that began before the workspace closed may end after its objects went."""
    with (
        psycopg.connect(worker.served.cluster().url("owner", worker.database)) as holding,
        ThreadPoolExecutor(1) as aside,
    ):
        holding.execute(f"SELECT FROM {leaving.schema_name}.accounts_user")
        erasing = aside.submit(manage, "owner", "offboard_workspace", "leaving", "--now")
        eventually(lambda: "rows" in _erased(), saying="the steps before the schema's")
        with entered(leaving.context):
            object_put("documents/late", b"late", content_type="text/plain")
            redis_client().set(tenant_key("late"), "x")
            DataExport.objects.create(tenant_id=leaving.id)
        connection.close()
        holding.rollback()
        told = erasing.result()
    receipt = json.loads(told[told.index("{\n") :])["receipt"]
    lines = [(line["what"], line["count"]) for line in receipt["erased"]]
    assert [count for what, count in lines if what == "stored objects"] == [2, 1]
    # How much was cached before depends on what had run; behind its step it was one key.
    assert [count for what, count in lines if what == "cached and queued state"][1:] == [1]
    assert ("rows", 1) in lines
    key = f"tenant:{leaving.id.hex}:rates"
    redis_client().set(key, "x", px=30_000)  # by a request that was under way; gone by itself
    assert "Nothing of leaving is left." in manage(
        "owner", "offboard_workspace", "leaving", "--check"
    )
    redis_client().persist(key)
    with pytest.raises(RuntimeError, match="shared state: 1"):
        manage("owner", "offboard_workspace", "leaving", "--check")
    redis_client().delete(key)


def _erased() -> dict[str, object]:
    with public_scope("staff"):
        asked = Offboarding.objects.filter(slug="leaving").first()
        return dict(asked.erased) if asked else {}


def test_only_an_owner_may_ask_and_can_take_it_back() -> None:
    owner, member = user_of(ALICE), user_of(MAX)
    with entered(tenant_of(ALICE)):
        with pytest.raises(Forbidden):
            offboarding_request(actor=Actor(member.id, member.role, "session"))
        actor = Actor(owner.id, owner.role, "session")
        offboarding_request(actor=actor)
        with pytest.raises(Conflict):
            offboarding_request(actor=actor)
    with entered(tenant_of(CHARLIE)), pytest.raises(NotFound):
        offboarding_cancel(actor=Actor(user_of(CHARLIE).id, "owner", "session"))
    with entered(tenant_of(ALICE)):
        offboarding_cancel(actor=actor)
        with pytest.raises(NotFound):
            offboarding_cancel(actor=actor)
    assert api(ALICE).get("/api/v1/documents/").status_code == 200


def test_an_owner_is_told_where_the_receipt_will_stand_and_nobody_else_finds_it() -> None:
    owner, public = browser_of(ALICE), stranger("localhost")
    owner.post("/settings/data/leave/", {"slug": "acme"})
    with entered(tenant_of(ALICE)):
        asked = Offboarding.objects.get(state=Offboarding.State.WAITING)
    link = f"/erased/{asked.id}/"
    assert link in owner.get("/settings/data/").content.decode()
    assert link not in browser_of(ADA).get("/settings/data/").content.decode(), "an admin is none"
    assert f"is erased on {asked.due_at:%-d %B %Y}" in public.get(link).content.decode()
    assert public.get(f"{link}receipt.json").status_code == 404, "nothing is erased yet"
    assert public.get(f"/erased/{uuid4()}/").status_code == 404
    owner.post("/settings/data/leave/", {"part": "stay"})
    assert public.get(link).status_code == 404, "it was taken back"
