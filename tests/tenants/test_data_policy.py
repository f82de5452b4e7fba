"""How long what is kept: limits, the nightly run and its report, legal hold, archives, leaving."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from assistant.models import Conversation, WrittenText
from assistant.texts import text_keep
from bedrock.models import Tier
from documents.models import Document
from search.models import Collection, Filing
from tenants.accounts.models import AuditEvent, AuditSeal
from tenants.accounts.sealing import audit_check, audit_seal
from tenants.context import entered, public_scope
from tenants.lifecycle.exports import exports_expire
from tenants.lifecycle.retention import data_policy_set, retention_apply
from tenants.objects import object_put, objects_delete, objects_list
from tenants.registry.models import DataExport, DataPolicy, Offboarding, RetentionReport, Tenant
from tests.assistant.talking import actor_for, conversation_for
from tests.documents.helpers import ready
from tests.support.cast import ADA, ALICE, BOB, CHARLIE, MAX, Person
from tests.support.clients import api, browser_of, code_of, tenant_of, user_of
from tests.support.services import Worker
from tests.support.waiting import eventually

Manage = Callable[..., str]
pytestmark = pytest.mark.django_db(transaction=True)
POLICY = "/api/v1/data/policy/"
PAGE = "/settings/data/"
EXPIRE = """
from bedrock.invocations import copies_expire
from tenants.context import public_scope
with public_scope("ops"):
    copies_expire()
"""
LOG = "invocations/{:%Y/%m/%d}/x.jsonl.gz"


@pytest.fixture(autouse=True)
def _tasks_at_once() -> Iterator[None]:
    """Run what is dispatched in this process: what it makes is what the test is about."""
    from config.celery import app

    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def changed(person: Person, **values: Any) -> Any:
    return api(person).patch(POLICY, values, content_type="application/json")


def days_ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


def aged(person: Person) -> None:
    """Make an old and a young one of each kind in the person's workspace."""
    tenant = tenant_of(person)
    for name in ("old", "young"):
        ready(f"{name}.md", f"# A {name} document\n\nIt says {name}.", person)
        conversation_for(person, name)
    with entered(tenant):
        for name in ("old", "young"):
            text_keep(
                actor=actor_for(person), task="draft", text_id=None, given="",
                content=f"{name} text", citations=[], request_id=uuid4(),
            )  # fmt: skip
        WrittenText.objects.filter(title="old text").update(updated_at=days_ago(40))
        objects_delete(list(objects_list("invocations")))  # of tests before, in the same store
        Document.objects.filter(name="old.md").update(created_at=days_ago(40))
        secret = Collection.objects.create(name="A few's", owner_id=user_of(ALICE).id, open=False)
        Filing.objects.create(
            document_id=Document.objects.get(name="old.md").id, collection=secret
        )  # whoever may see it: its time is over all the same
        Conversation.objects.filter(title="old").update(updated_at=days_ago(40))
        for age in (40, 8, 1):
            object_put(LOG.format(days_ago(age)), b"x", content_type="application/gzip")


def left(person: Person) -> dict[str, Any]:
    with entered(tenant_of(person)):
        return {
            "documents": sorted(Document.objects.values_list("name", flat=True)),
            "conversations": sorted(Conversation.objects.values_list("title", flat=True)),
            "texts": sorted(WrittenText.objects.values_list("title", flat=True)),
            "logs": len(list(objects_list("invocations"))),
        }


def test_the_night_erases_what_is_over_and_reports_it() -> None:
    aged(MAX)
    days = {"documents": 30, "conversations": 30, "texts": 30, "logs": 7}
    answer = changed(ADA, days=days, version=0)
    assert answer.json()["days"] == {**days, "audit": None}
    page = browser_of(ADA).get(PAGE).content.decode()
    assert page.count("Tonight 1 would be erased.") == 3 and "us-east-1" in page
    report = retention_apply(tenant_of(MAX))
    counts = {line["kind"]: line["count"] for line in report.lines}
    assert counts == {"conversations": 1, "texts": 1, "documents": 1, "logs": 2}
    assert left(MAX) == {
        "documents": ["young.md"], "conversations": ["young"], "texts": ["young text"], "logs": 1,
    }  # fmt: skip
    with entered(tenant_of(MAX)):
        assert AuditEvent.objects.filter(action="document.delete").count() == 1
        row = AuditEvent.objects.get(action="data.retention_applied")
        assert row.data == counts
    assert "Documents over 30 days: 1" in browser_of(ADA).get(PAGE).content.decode()
    assert {line["count"] for line in retention_apply(tenant_of(MAX)).lines} == {0}
    with entered(tenant_of(CHARLIE)):
        assert not RetentionReport.objects.exists(), "another workspace's"


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ({"documents": 0}, "Zero would erase them"),
        ({"conversations": 4_000}, "from 1 to 3,650"),
        ({"logs": 99_999}, "days on your plan"),
        ({"audit": 30}, "from 90"),
        ({"secrets": 3}, "no kind of data"),
    ],
)
def test_limits_are_told_and_nothing_is_changed(days: dict[str, int], told: str) -> None:
    answer = changed(ADA, days=days)
    assert (answer.status_code, code_of(answer)) == (400, "invalid") and told in str(answer.json())
    form = {f"days_{name}": str(value) for name, value in days.items()}
    if "secrets" not in days:
        page = browser_of(ADA).post(PAGE, {"part": "days", "version": "0", **form})
        assert page.status_code == 422 and f'value="{next(iter(days.values()))}"' in str(
            page.content.decode()
        )
    with entered(tenant_of(ADA)):
        assert not DataPolicy.objects.exists()


def test_the_second_of_two_admins_is_told() -> None:
    assert changed(ADA, days={"documents": 30}, version=0).status_code == 200
    assert code_of(changed(ALICE, days={"documents": 60}, version=0)) == "conflict"
    assert api(ADA).get(POLICY).json()["days"]["documents"] == 30


def test_a_legal_hold_stops_every_erasing_until_it_is_lifted(manage: Manage) -> None:
    aged(MAX)
    tenant = tenant_of(MAX)
    changed(ADA, days={"documents": 30, "conversations": 30})
    assert code_of(changed(ADA, hold=True, hold_reason="A dispute")) == "forbidden"
    assert code_of(changed(ALICE, hold=True, hold_reason="")) == "invalid"
    with entered(tenant):
        Offboarding.objects.create(tenant_id=tenant.id, slug=tenant.slug, due_at=timezone.now())
    assert changed(ALICE, hold=True, hold_reason="A dispute").json()["hold"] is True
    before = left(MAX)
    report = retention_apply(tenant)
    assert report.held and report.lines == []
    manage("ops", "shell", "-c", EXPIRE)
    assert left(MAX) == before
    with entered(tenant):
        document = str(Document.objects.values_list("id", flat=True)[0])
        conversation = str(Conversation.objects.values_list("id", flat=True)[0])
    for answer in (
        api(MAX).delete(f"/api/v1/documents/{document}/"),
        api(MAX).delete(f"/api/v1/conversations/{conversation}/"),
    ):
        assert (answer.status_code, code_of(answer)) == (409, "legal_hold")
    with pytest.raises(RuntimeError, match="legal hold"):
        manage("owner", "offboard_workspace", "acme", "--now")
    with public_scope("staff"):
        assert Tenant.objects.get(id=tenant.id).status == "active", "nothing was begun"
    with entered(tenant):
        Offboarding.objects.update(state="cancelled")
    told = browser_of(ALICE).post(f"{PAGE}leave/", {"slug": "acme"}, follow=True).content.decode()
    assert "under a legal hold" in told and "A dispute" in told
    assert left(MAX) == before
    assert changed(ALICE, hold=False, hold_reason="Settled").json()["hold"] is False
    assert {line["count"] for line in retention_apply(tenant).lines if line["kind"] != "logs"} == {
        1
    }
    with entered(tenant):
        deeds = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"data.hold_set", "data.hold_lifted"} <= deeds


def test_a_hold_that_is_set_while_the_night_erases_keeps_what_is_left() -> None:
    aged(MAX)
    tenant, owner = tenant_of(MAX), actor_for(ALICE)
    assert changed(ADA, days={"documents": 30, "conversations": 30, "texts": 30}).status_code == 200
    before = left(MAX)

    def night() -> RetentionReport:
        try:
            return retention_apply(tenant)
        finally:
            connection.close()

    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            return bool(cursor.fetchone()[0])

    with ThreadPoolExecutor(1) as beside:
        with entered(tenant), transaction.atomic():
            Conversation.objects.select_for_update().get(title="old")
            erasing = beside.submit(night)
            eventually(waits)
            data_policy_set(actor=owner, hold=True, reason="A dispute")
        lines = {line["kind"]: line for line in erasing.result().lines}
    for kind in ("texts", "documents"):
        assert (lines[kind]["count"], lines[kind]["error"]) == (0, "LegalHold")
        assert left(MAX)[kind] == before[kind]


def test_what_a_plan_keeps_for_less_long_by_now_goes_as_it_says() -> None:
    aged(MAX)
    tenant = tenant_of(MAX)
    assert changed(ADA, days={"logs": 30}).json()["days"]["logs"] == 30
    with public_scope("staff"):
        Tier.objects.filter(plan=tenant.plan).update(log_days=7)
    [line] = retention_apply(tenant).lines
    assert (line["kind"], line["days"], line["count"]) == ("logs", 7, 2)


def test_each_thing_that_one_change_does_stands_in_the_audit_by_its_own_name() -> None:
    together = {"hold": True, "hold_reason": "A dispute", "staff_access": "read",
                "days": {"documents": 30}}  # fmt: skip
    assert changed(ALICE, **together).status_code == 200
    assert changed(ALICE, hold=False, hold_reason="Settled", staff_access="none").status_code == 200
    with entered(tenant_of(ALICE)):
        rows = AuditEvent.objects.filter(action__startswith="data.").order_by("id")
        told = [(row.action, row.data["version"]) for row in rows]
    assert told == [
        ("data.hold_set", 1), ("data.staff_access", 1), ("data.retention", 1),
        ("data.hold_lifted", 2), ("data.staff_access", 2),
    ]  # fmt: skip


def test_old_audit_goes_by_whole_runs_and_the_rest_is_still_whole(worker: Worker) -> None:
    tenant = tenant_of(ADA)

    def as_owner(statement: str) -> None:
        url = worker.served.cluster().url("owner", worker.database)
        with psycopg.connect(url, autocommit=True) as owner_login:
            owner_login.execute(statement.format(schema=f'"{tenant.schema}"'))  # type: ignore[arg-type]

    def pruned(number: int) -> None:
        with entered(tenant), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT registry_audit_prune(%s, %s)", [tenant.id, number])

    with entered(tenant):
        AuditEvent.objects.bulk_create(
            [AuditEvent(actor_kind="task", action="old.deed") for _ in range(5)]
        )
    as_owner("UPDATE {schema}.accounts_auditevent SET at = now() - interval '200 days'")
    with entered(tenant):
        audit_seal()
        old = AuditSeal.objects.order_by("-number")[0].number
    with pytest.raises(ProgrammingError, match="keeps this audit"):
        pruned(old)  # no policy lets it go
    changed(ADA, days={"audit": 100})
    with entered(tenant):
        audit_seal()
    with pytest.raises(ProgrammingError, match="keeps this audit"):
        pruned(old + 1)  # younger than the policy's days
    [line] = [each for each in retention_apply(tenant).lines if each["kind"] == "audit"]
    assert line["count"] >= 5
    with entered(tenant):
        assert not AuditEvent.objects.filter(action="old.deed").exists()
        audit_seal()
        assert audit_check().sound and audit_check(newest=200).sound
    as_owner("UPDATE {schema}.accounts_auditseal SET digest = repeat('0', 64) WHERE number = 1")
    with entered(tenant):
        assert not audit_check().sound, "a seal that was let go cannot be replaced either"


def test_an_owner_takes_everything_out_and_leaves() -> None:
    aged(MAX)
    browser = browser_of(ALICE)
    browser.post(f"{PAGE}export/")
    page = browser.get(PAGE).content.decode()
    with entered(tenant_of(ALICE)):
        row = DataExport.objects.get()
    assert row.state == "ready" and f"{PAGE}export/{row.id}/" in page
    answer = browser.get(f"{PAGE}export/{row.id}/")
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert int(answer["Content-Length"]) == len(content) == row.size
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        documents = archive.read("tables/documents_document.jsonl").decode()
    assert len(manifest["files"]) + 1 == row.files and "young.md" in documents
    browser.post(f"{PAGE}export/")
    with entered(tenant_of(ALICE)):
        second = DataExport.objects.exclude(id=row.id).get()
    assert second.size < 2 * row.size, "no archive holds another"
    exports_expire(tenant_of(ALICE), timezone.now() + timedelta(days=8))
    assert browser.get(f"{PAGE}export/{row.id}/").status_code == 404
    assert "nothing was asked for" in str(
        browser.post(f"{PAGE}leave/", {"slug": "globex"}, follow=True).content
    )
    told = browser.post(f"{PAGE}leave/", {"slug": "acme"}, follow=True).content.decode()
    assert "All of this workspace is erased on" in told
    told = browser.post(f"{PAGE}leave/", {"part": "stay"}, follow=True).content.decode()
    assert "The workspace stays" in told and "Erase this workspace" in told


@pytest.mark.parametrize("person", [BOB, MAX])
def test_below_admin_nothing_is_offered_and_force_is_refused(person: Person) -> None:
    browser = browser_of(person)
    assert PAGE not in browser.get("/settings/workspace/").content.decode()
    assert browser.get(PAGE).status_code == 403
    assert browser.post(PAGE, {"part": "days"}).status_code == 403
    assert browser.post(f"{PAGE}export/").status_code == 403
    assert code_of(changed(person, days={"documents": 30})) == "forbidden"
    assert browser_of(ADA).post(f"{PAGE}leave/", {"slug": "acme"}).status_code == 403
    assert "Erase this workspace" not in browser_of(ADA).get(PAGE).content.decode()
