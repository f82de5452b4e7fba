"""Tasks carry their tenant, and one whose tenant is gone never runs."""

import uuid

import pytest
from celery.exceptions import Reject
from django.core.cache import cache
from django.db import connection, transaction

from tenants.context import NoTenant, current, entered, public_scope
from tenants.redis import tenant_key
from tenants.registry.models import Status, Tenant
from tenants.tasks import tenant_task
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import tenant_of

pytestmark = pytest.mark.django_db
ran: list[tuple[str, str]] = []


@tenant_task(name="tests.note")
def note(word: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (role,) = cursor.fetchone()
    ran.append((role, word))


@pytest.fixture(autouse=True)
def _forget() -> None:
    ran.clear()


def test_a_task_runs_as_its_tenant() -> None:
    tenant = tenant_of(ALICE)
    note.task(str(tenant.id), "hello")
    assert ran == [(tenant.schema, "hello")]


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.DELETED, Status.PROVISIONING])
def test_a_task_of_an_unavailable_tenant_is_rejected_and_never_runs(status: Status) -> None:
    tenant = tenant_of(CHARLIE)
    with public_scope("staff"):
        Tenant.objects.filter(id=tenant.id).update(status=status)
    with pytest.raises(Reject) as caught:
        note.task(str(tenant.id), "hello")
    assert caught.value.requeue is False
    assert ran == []


@pytest.mark.parametrize("tenant_id", [str(uuid.UUID(int=7)), "public", ""])
def test_a_task_of_an_unknown_tenant_is_rejected(tenant_id: str) -> None:
    with pytest.raises(Reject):
        note.task(tenant_id, "hello")
    assert ran == []


def test_dispatching_outside_a_tenant_is_refused() -> None:
    with pytest.raises(NoTenant):
        note.dispatch("hello")


def test_a_task_is_sent_on_commit_for_the_tenant_that_was_entered(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object
) -> None:
    sent: list[tuple[object, ...]] = []
    monkeypatch.setattr(note.task, "apply_async", lambda args, **_: sent.append(args))
    tenant = tenant_of(ALICE)
    capture = django_capture_on_commit_callbacks(execute=True)  # type: ignore[operator]
    with capture, transaction.atomic(), entered(tenant):
        note.dispatch("hello")
        assert sent == []
    assert sent == [(str(tenant.id), "hello")]


def test_equal_keys_of_two_tenants_never_meet() -> None:
    acme, globex = tenant_of(ALICE), tenant_of(CHARLIE)
    with entered(acme):
        cache.set("k", "acme's")
        key = tenant_key("turn", 1)
    with entered(globex):
        assert cache.get("k") is None
        assert tenant_key("turn", 1) != key
        assert current() == globex
