"""Staff move a workspace's vectors from their pages and see how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import search.moving
from bedrock.models import KnowledgePool
from search.models import Vector
from search.tasks import _recover, relocate
from tenants.context import entered, public_scope
from tenants.registry.models import Relocation, Tenant
from tests.documents.helpers import HANDBOOK, ready
from tests.search.shelf import find
from tests.support.cast import ALICE, MAX
from tests.support.clients import api, staff_client, tenant_of

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

ROWS = "/admin/registry/relocation/"


@pytest.fixture
def staff() -> Client:
    """Sign staff in. No worker runs: a test does what is sent to it."""
    return staff_client()


def asked(staff: Client, target: str) -> Any:
    given = {
        "action": "move", "_selected_action": [str(tenant_of(ALICE).id)], "choice": target,
        "reason": "They asked us to, by mail", "confirmed": "1",
    }  # fmt: skip
    return staff.post("/admin/registry/tenant/", given, follow=True)


def stepped() -> None:
    """Do what the worker would do with one message."""
    with entered(tenant_of(ALICE)):
        relocate()


def row() -> Relocation:
    with public_scope("staff"):
        return Relocation.objects.get()


def test_a_move_is_asked_for_in_the_list_and_its_progress_shows(staff: Client) -> None:
    ready("travel.md", HANDBOOK * 3, MAX)
    before = [result["text"] for result in find(api(ALICE), "hotel room")]
    page = asked(staff, "kb_shared").content.decode()
    assert "acme is to be moved to Shared Knowledge Base" in page
    answer = staff.get(ROWS)
    assert answer["Refresh"] == "2"
    assert "It is being moved already" in asked(staff, "kb_dedicated").content.decode()
    stepped()
    now = row()
    assert now.state == "running" and 0 < now.left <= now.passages
    shown = staff.get(ROWS).content.decode()
    assert f'<progress value="{now.passages - now.left}" max="{now.passages}">' in shown
    while row().state == "running":
        stepped()
    assert row().state == "done" and row().left == 0
    assert tenant_of(ALICE).retrieval == "kb_shared"
    assert [result["text"] for result in find(api(ALICE), "hotel room")] == before
    answer = staff.get(ROWS)
    assert "Refresh" not in answer and "Moved" in answer.content.decode()
    assert "It is there already" in asked(staff, "kb_shared").content.decode()


def test_a_move_back_goes_on_where_a_worker_died(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready("travel.md", HANDBOOK * 3, MAX)
    with entered(tenant_of(ALICE)):
        count = Vector.objects.count()
    asked(staff, "kb_shared")
    while row().state != "done":
        stepped()
    monkeypatch.setattr(search.moving, "BATCH", 1)
    monkeypatch.setattr(search.moving, "STEP", 1)
    asked(staff, "schema")
    stepped()
    with public_scope("staff"):
        now = Relocation.objects.get(target="schema")
    assert now.state == "running" and now.left == count - 1
    sent: list[str] = []
    monkeypatch.setattr(type(relocate), "dispatch", lambda self: sent.append(self.task.name))
    with entered(tenant_of(ALICE)):
        _recover()
        assert "search.relocate" not in sent  # it has only just told something
        monkeypatch.setattr("search.relocating.STALE", now.changed_at - now.changed_at)
        _recover()
    assert "search.relocate" in sent
    while tenant_of(ALICE).retrieval != "schema":
        stepped()
    with entered(tenant_of(ALICE)):
        assert Vector.objects.count() == count


def test_what_stops_a_move_stands_on_its_row(staff: Client) -> None:
    ready("travel.md", HANDBOOK, MAX)
    with public_scope("staff"):
        KnowledgePool.objects.update(quota=0, reserve=0)
    asked(staff, "kb_dedicated")
    stepped()
    assert row().state == "failed" and row().error
    assert row().error.split()[0] in staff.get(ROWS).content.decode()
    assert tenant_of(ALICE).retrieval == "schema"
    with public_scope("staff"):
        assert Tenant.objects.get(slug="acme").retrieval == "schema"
