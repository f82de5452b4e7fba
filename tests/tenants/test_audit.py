"""The audit log: every deed is found, exported whole, and a change afterwards shows."""

import csv
import json
import os
import resource
from collections.abc import Callable
from time import monotonic as now
from typing import Any

import psycopg
import pytest
from django.db import connection

from tenants.accounts.audit import audit_write
from tenants.accounts.auditlog import ACTIONS, AuditFilter, actions_seen
from tenants.accounts.models import AuditEvent, AuditSeal
from tenants.accounts.sealing import audit_check, audit_seal
from tenants.accounts.tasks import audits_seal
from tenants.context import SYSTEM, entered
from tests.support.cast import ALICE, BOB, CHARLIE
from tests.support.clients import api, browser_of, code_of, tenant_of
from tests.support.services import Worker


def deeds(count: int, **data: Any) -> None:
    with entered(tenant_of(ALICE)):
        for number in range(count):
            audit_write(SYSTEM, action="test.deed", object_id=number, **data)


@pytest.fixture
def tampering(worker: Worker) -> Callable[[str], None]:
    """Run SQL in acme's schema under the owner's login, past every right of the product."""

    def run(statement: str) -> None:
        url = worker.served.cluster().url("owner", worker.database)
        with psycopg.connect(url) as connection:
            connection.execute(f"SET search_path = {tenant_of(ALICE).schema}")
            connection.execute(statement)

    return run


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE accounts_auditevent SET data = '{\"x\": 1}' WHERE id = 2", "changed"),
        ("UPDATE accounts_auditevent SET at = at + interval '1 hour' WHERE id = 2", "changed"),
        ("DELETE FROM accounts_auditevent WHERE id = 2", "changed"),
        (
            "INSERT INTO accounts_auditevent (id, at, actor_kind, action, object_type, object_id,"
            " request_id, address, data) VALUES (-1, now(), 'x', 'x', '', '', '', '', '{}');"
            " UPDATE accounts_auditevent SET id = 3 WHERE id = -1",
            "changed",
        ),
        ("DELETE FROM accounts_auditseal WHERE number = 2", "Seal 2 is missing"),
        (
            "DELETE FROM accounts_auditseal WHERE number = 3;"
            " DELETE FROM accounts_auditevent WHERE id > 6",
            "Seal 3 is missing",
        ),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_what_is_changed_by_sql_is_shown(
    statement: str,
    words: str,
    tampering: Callable[[str], None],
    manage: Callable[..., str],
) -> None:
    tampering("DELETE FROM accounts_auditevent; ALTER SEQUENCE accounts_auditevent_id_seq RESTART")
    for _ in range(3):
        deeds(2)
        # An id that was given and never used: a gap is no sign of anything.
        tampering("SELECT nextval('accounts_auditevent_id_seq')")
        audits_seal()
    with entered(tenant_of(ALICE)):
        ids = list(AuditEvent.objects.order_by("id").values_list("id", flat=True))
        assert ids == [1, 2, 4, 5, 7, 8]
        assert audit_check().sound
    assert "acme: whole, 6 entries under 3 seals" in manage("app", "verify_audit", "acme")
    tampering(statement)
    with pytest.raises(RuntimeError, match=f"acme: BROKEN.*{words}"):
        manage("app", "verify_audit", "acme")
    page = browser_of(ALICE).post("/settings/audit/").content.decode()
    assert "The log is not whole" in page and words in page


@pytest.mark.django_db(transaction=True)
def test_seals_made_anew_over_changed_entries_differ_from_their_anchors(
    tampering: Callable[[str], None],
) -> None:
    deeds(2)
    audits_seal()
    tampering("UPDATE accounts_auditevent SET action = 'harmless'; DELETE FROM accounts_auditseal")
    with entered(tenant_of(ALICE)):
        from tenants.accounts.sealing import digest_of

        events = list(AuditEvent.objects.order_by("id"))
        AuditSeal.objects.create(
            number=1,
            first_id=events[0].id,
            last_id=events[-1].id,
            rows=len(events),
            digest=digest_of("", events),
        )
        assert "replaced" in audit_check().wrong


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sealed_while_a_deed_is_being_recorded(worker: Worker) -> None:
    deeds(1)
    url = worker.served.cluster().url("owner", worker.database)
    schema = tenant_of(ALICE).schema
    with psycopg.connect(url) as other:
        other.execute(f"SET search_path = {schema}")
        other.execute("SELECT pg_advisory_xact_lock_shared(1096107081, hashtext(current_schema()))")
        with entered(tenant_of(ALICE)):
            assert audit_seal() == 0
        other.rollback()
    with entered(tenant_of(ALICE)):
        assert audit_seal() > 0
        assert audit_seal() == 0


@pytest.mark.django_db(transaction=True)
def test_the_product_itself_can_neither_change_nor_take_back_a_deed_or_a_seal() -> None:
    deeds(1)
    audits_seal()
    for model in (AuditEvent, AuditSeal):
        with entered(tenant_of(ALICE)), pytest.raises(Exception, match="permission denied"):
            model.objects.all().delete()
        with entered(tenant_of(ALICE)), pytest.raises(Exception, match="permission denied"):
            model.objects.update(**{"data" if model is AuditEvent else "digest": "x"})


@pytest.mark.django_db
def test_an_admin_filters_the_log_and_colleagues_do_not_see_it() -> None:
    deeds(60, note="=1+1")
    admin = browser_of(ALICE)
    page = admin.get("/settings/audit/", {"action": "test.deed"}).content.decode()
    assert page.count('<tr id="entry-') == 50
    assert page.count("Automatically") == 50  # nobody's deeds: no dash above it
    assert 'rel="next"' in page and "Audit log" in page
    assert (
        'href="/settings/audit/"' not in browser_of(BOB).get("/settings/members/").content.decode()
    )
    assert browser_of(BOB).get("/settings/audit/").status_code == 403
    assert (
        "fits these filters" in admin.get("/settings/audit/", {"to": "2001-01-01"}).content.decode()
    )
    wrongs: tuple[dict[str, str], ...] = (
        {"from": "yesterday"},
        {"to": "9999-12-31"},
        {"actor": "1"},
    )
    for wrong in wrongs:
        assert admin.get("/settings/audit/", wrong).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_an_export_holds_every_deed_once_and_is_recorded() -> None:
    deeds(1203, note="=1+1")
    admin = browser_of(ALICE)
    told = admin.get("/settings/audit/export/", {"action": "test.deed"}, REMOTE_ADDR="192.0.2.7")
    rows = list(csv.DictReader(b"".join(told.streaming_content).decode().splitlines()))  # type: ignore[attr-defined]
    assert [row["object_id"] for row in rows] == [str(n) for n in reversed(range(1203))]
    with entered(tenant_of(ALICE)):
        audit_write(SYSTEM, action="=cmd", note="x")
    lines = admin.get("/settings/audit/export/", {"form": "jsonl"})
    found = [json.loads(line) for line in b"".join(lines.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert found[0]["action"] == "audit.export" and found[1]["action"] == "=cmd"
    recorded = next(row for row in found[2:] if row["action"] == "audit.export")
    assert recorded["address"] == "192.0.2.7" and recorded["actor"] == ALICE.email
    assert recorded["data"] == {"filters": {"action": "test.deed"}}
    cells = b"".join(admin.get("/settings/audit/export/").streaming_content).decode()  # type: ignore[attr-defined]
    assert ",'=cmd," in cells
    assert admin.get("/settings/audit/export/", {"form": "xml"}).status_code == 400


@pytest.mark.timeout(1800)  # at its full size
@pytest.mark.django_db(transaction=True)
def test_a_long_export_is_never_whole_in_memory(tampering: Callable[[str], None]) -> None:
    """`AUDIT_ROWS=1000000` tries it at its full size."""
    rows = int(os.environ.get("AUDIT_ROWS", "5000"))
    tampering(
        "INSERT INTO accounts_auditevent (at, actor_kind, action, object_type, object_id,"
        " request_id, address, data) SELECT now(), 'system', 'test.deed', 'thing', n, '', '',"
        f' \'{{"note": "some words"}}\' FROM generate_series(1, {rows}) n'
    )
    told = browser_of(ALICE).get("/settings/audit/export/", {"action": "test.deed"})
    before, lines, longest, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0, 0, now()
    for part in told.streaming_content:  # type: ignore[attr-defined]
        lines, longest = lines + part.count(b"\r\n"), max(longest, part.count(b"\r\n"))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{lines - 1} rows in {now() - began:.1f} s, {grown:.1f} MB more memory at the most")
    assert (lines, longest) == (rows + 1, 1000)
    assert grown < 64


def looked_at(plan: dict[str, Any]) -> int:
    """Return how many rows a step of an executed plan and those below it looked at."""
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return int(own + sum(map(looked_at, plan.get("Plans", []))))


@pytest.mark.timeout(1800)  # at its full size
@pytest.mark.django_db(transaction=True)
def test_each_filter_of_a_long_list_looks_at_few_rows(tampering: Callable[[str], None]) -> None:
    """`AUDIT_ROWS=1000000` tries it at its full size."""
    rows = int(os.environ.get("AUDIT_ROWS", "20000"))
    tampering(
        "INSERT INTO accounts_auditevent (at, actor_id, actor_kind, action, object_type, object_id,"
        " request_id, address, data) SELECT now() - (n || 's')::interval, gen_random_uuid(), 's',"
        " CASE n WHEN 1 THEN 'rare.deed' ELSE 'test.deed' || n % 40 END, 'thing',"
        f" 'object-' || n, 'request-' || n, '', '{{}}' FROM generate_series(1, {rows}) n"
    )
    tampering("ANALYZE accounts_auditevent")
    with entered(tenant_of(ALICE)):
        rare = AuditEvent.objects.get(action="rare.deed")
        for wanted in (
            AuditFilter(request_id="request-1"), AuditFilter(request_id="none"),
            AuditFilter(object_id="object-1"), AuditFilter(actor=rare.actor_id),
            AuditFilter(action="rare."), AuditFilter(action="test."), AuditFilter(action="gone."),
            AuditFilter(),
        ):  # fmt: skip
            told = json.loads(wanted.apply()[:51].explain(analyze=True, format="json"))
            assert looked_at(told[0]["Plan"]) < 1500, (wanted, told)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {ACTIONS}")
            assert looked_at(cursor.fetchone()[0][0]["Plan"]) < 1500
        assert {"rare.deed", "test.deed0", "test.deed39"} <= set(actions_seen())
    admin, began = browser_of(ALICE), now()
    page = admin.get("/settings/audit/", {"request": "request-1"}).content.decode()
    print(f"a page of {rows} rows in {now() - began:.2f} s")
    assert page.count('<tr id="entry-') == 1 and "Rare: deed" in page


@pytest.mark.django_db
def test_programs_read_the_log_a_page_at_a_time() -> None:
    deeds(5)
    first = api(ALICE).get("/api/v1/audit/", {"limit": "3", "action": "test."}).json()
    rest = api(ALICE).get(first["next"]).json()
    got = [row["object_id"] for row in first["results"] + rest["results"]]
    assert got == ["4", "3", "2", "1", "0"]
    assert code_of(api(BOB).get("/api/v1/audit/")) == "forbidden"
    theirs = api(CHARLIE).get("/api/v1/audit/", {"action": "test."})
    assert theirs.status_code in (200, 403) and "test.deed" not in theirs.content.decode()
