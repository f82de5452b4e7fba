"""A workspace is brought back to a backup; its neighbour works on, the same byte for byte."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

import tenants.accounts.keys
from config.stack.postgres import binary
from tenants.accounts.models import ApiKey, AuditEvent, User
from tenants.context import entered, public_scope
from tenants.registry.models import Tenant
from tests.documents.helpers import HANDBOOK, ready
from tests.search.shelf import find
from tests.support.cast import ALICE, BOB, CHARLIE, MAX
from tests.support.clients import api, signed_in, staff_client, tenant_of
from tests.support.services import Worker

Manage = Callable[..., str]
pytestmark = pytest.mark.django_db(transaction=True)


def dumped(worker: Worker, schema: str) -> list[str]:
    """Return everything of a schema, as `pg_dump` tells it; its own random lines left out."""
    url = worker.served.cluster().url("postgres", worker.database)
    told = subprocess.run(
        [str(binary("pg_dump")), "--dbname", url, "--schema", schema],
        capture_output=True, text=True, check=True, env=os.environ,
    ).stdout  # fmt: skip
    return [line for line in told.splitlines() if not line.startswith("\\")]


@contextmanager
def busy_neighbour() -> Iterator[list[int]]:
    """Let the neighbour read without pause, and give what it is answered."""
    statuses: list[int] = []
    enough = Event()

    def read() -> None:
        while not enough.is_set():
            statuses.append(api(CHARLIE).get("/api/v1/documents/").status_code)
            connection.close()

    thread = Thread(target=read)
    thread.start()
    try:
        yield statuses
    finally:
        enough.set()
        thread.join()


def test_a_workspace_goes_back_and_its_neighbour_does_not_notice(
    worker: Worker, manage: Manage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The use of a key is noted once a minute, and this may take longer than one.
    monkeypatch.setattr(tenants.accounts.keys, "LAST_USED_EVERY", timedelta(days=1))
    kept = ready("travel.md", HANDBOOK, MAX)
    ready("neighbour.md", HANDBOOK, CHARLIE)
    backup = tmp_path / "acme.dump"
    manage("owner", "backup_workspace", "acme", "--to", str(backup))
    # What happens afterwards: one document goes, one comes, Bob is locked out, a key is revoked.
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    assert api(ALICE).delete(f"/api/v1/documents/{kept.id}/").status_code == 204
    ready("late.md", HANDBOOK.replace("hotel", "hostel"), MAX)
    with entered(acme):
        User.objects.filter(email=BOB.email).update(is_active=False)
        ApiKey.objects.filter(user__email=MAX.email).update(revoked_at="2026-01-01T00:00Z")
        events = set(AuditEvent.objects.values_list("id", flat=True))
    visitor = signed_in(ALICE)
    before = dumped(worker, globex.schema)
    connection.close()
    with busy_neighbour() as statuses:
        told = manage("owner", "restore_workspace", "acme", "--from", str(backup))
    assert "acme is back as of the backup" in told
    assert set(statuses) == {200} and len(statuses) > 5
    assert dumped(worker, globex.schema) == before
    print(f"restored beside {len(statuses)} requests of the neighbour; its dump is the same")
    rows = api(ALICE).get("/api/v1/documents/").json()["results"]
    assert [row["name"] for row in rows] == ["travel.md"]
    assert {result["document"]["name"] for result in find(api(ALICE), "hotel room")} == {
        "travel.md"
    }
    # Nothing is given back that was taken away: sessions, Bob's way in, the key, the audit.
    assert visitor.get("/documents/").status_code == 302
    assert api(BOB).get("/api/v1/documents/").status_code == 401
    assert api(MAX).get("/api/v1/documents/").status_code == 401
    with entered(acme):
        assert events < set(AuditEvent.objects.values_list("id", flat=True))
        assert AuditEvent.objects.filter(action="workspace.restored").exists()
    call_command("verify_audit", "acme", stdout=_Silent())
    assert (
        api(ALICE)
        .post("/api/v1/collections/", {"name": "New"}, content_type="application/json")
        .status_code
        == 201
    )  # sequences and rights go on


def test_what_cannot_be_restored_leaves_the_workspace_as_it_was(
    worker: Worker, manage: Manage, tmp_path: Path
) -> None:
    ready("travel.md", HANDBOOK, MAX)
    schema = tenant_of(ALICE).schema
    before = dumped(worker, schema)
    other, cut = tmp_path / "globex.dump", tmp_path / "cut.dump"
    manage("owner", "backup_workspace", "globex", "--to", str(other))
    with pytest.raises(Exception, match="holds nothing of acme"):
        manage("owner", "restore_workspace", "acme", "--from", str(other))
    manage("owner", "backup_workspace", "acme", "--to", str(cut))
    cut.write_bytes(cut.read_bytes()[: -len(cut.read_bytes()) // 3])
    connection.close()
    with pytest.raises(Exception, match="acme is as it was"):
        manage("owner", "restore_workspace", "acme", "--from", str(cut))
    assert dumped(worker, schema) == before
    assert api(ALICE).get("/api/v1/documents/").status_code == 200


KILLED = """
import os
from pathlib import Path
from tenants.context import public_scope
from tenants.lifecycle.restoring import restore
from tenants.registry.models import Tenant
with public_scope("owner"):
    acme = Tenant.objects.get(slug="acme").context
run = restore(acme, Path({backup!r}))
next(run), next(run)
os._exit(9)
"""


def test_a_restore_that_was_killed_leaves_it_closed_until_it_is_run_again(
    manage: Manage, tmp_path: Path
) -> None:
    ready("travel.md", HANDBOOK, MAX)
    backup = tmp_path / "acme.dump"
    manage("owner", "backup_workspace", "acme", "--to", str(backup))
    ready("late.md", HANDBOOK.replace("hotel", "hostel"), MAX)
    connection.close()
    with pytest.raises(RuntimeError):
        manage("owner", "shell", "-c", KILLED.format(backup=str(backup)))
    assert api(ALICE).get("/api/v1/documents/").status_code == 404
    with public_scope("staff"):
        acme = Tenant.objects.get(slug="acme")
    form = {"action": "resume", "_selected_action": str(acme.pk), "confirmed": "1",
            "reason": "They ask to be let in"}  # fmt: skip
    told = staff_client().post("/admin/registry/tenant/", form, follow=True).content.decode()
    assert "run `restore_workspace` again" in told
    assert api(ALICE).get("/api/v1/documents/").status_code == 404
    connection.close()
    manage("owner", "restore_workspace", "acme", "--from", str(backup))
    rows = api(ALICE).get("/api/v1/documents/").json()["results"]
    assert [row["name"] for row in rows] == ["travel.md"]


class _Silent:
    def write(self, _text: str) -> Any:
        """Forget it."""
