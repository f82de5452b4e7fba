"""A workspace's schema: replayed in a moment, equal to a migrated one, brought to head with all."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from config.stack.postgres import binary
from tenants.errors import UnderMaintenance
from tenants.lifecycle import standing
from tests.support.cast import ALICE, CHARLIE
from tests.support.clients import api, code_of, stranger, tenant_of
from tests.support.services import Worker
from tests.tenants.test_tasks import note, ran

Manage = Callable[..., str]


@pytest.fixture
def owner(worker: Worker) -> Iterator[psycopg.Connection]:
    connection.close()
    connection.close_pool()  # its connections end with the database that is replaced
    worker.clone_database()
    url = worker.served.cluster().url("owner", worker.database)
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened
    connection.close()
    connection.close_pool()
    worker.clone_database()


def make(manage: Manage, slug: str) -> None:
    manage("owner", "create_workspace", slug, "--name", slug, "--owner-email", f"o@{slug}.example")


def schema_of(owner: psycopg.Connection, slug: str) -> str:
    row = owner.execute("SELECT schema_name FROM registry_tenant WHERE slug = %s", [slug])
    return row.fetchone()[0]


def set_back(owner: psycopg.Connection, schema: str, *, tables: bool = True) -> None:
    """Have a schema stand before the migrations of the topmost app, on which no other depends."""
    owner.execute(f"DELETE FROM {schema}.django_migrations WHERE app = 'assistant'")
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename LIKE 'assistant%%'"
    for (table,) in owner.execute(query, [schema]).fetchall() if tables else ():
        owner.execute(f"DROP TABLE {schema}.{table} CASCADE")


def is_whole(owner: psycopg.Connection, schema: str) -> bool:
    row = owner.execute(f"SELECT count(*) FROM {schema}.assistant_conversation").fetchone()
    return row == (0,)


def dumped(worker: Worker, schema: str) -> str:
    """Return a schema's structure and rights, with its own name taken out."""
    url = worker.served.cluster().url("owner", worker.database)
    text = subprocess.run(
        [binary("pg_dump"), "-s", "-n", schema, url], capture_output=True, check=True, text=True
    ).stdout
    return re.sub(r"^(?:--.*|\\.*)$", "", text.replace(schema, "the_schema"), flags=re.M)


def test_a_replayed_schema_equals_a_migrated_one(
    owner: psycopg.Connection, manage: Manage, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(manage, "replayed")
    monkeypatch.setenv("PG_DUMP", "no-such-program")
    make(manage, "migrated")
    replayed, migrated = schema_of(owner, "replayed"), schema_of(owner, "migrated")
    assert dumped(worker, replayed) == dumped(worker, migrated)
    record = "SELECT app, name FROM {}.django_migrations ORDER BY app, name"
    rights = "SELECT codename FROM {}.auth_permission ORDER BY codename"
    for query in (record, rights):
        rows = [owner.execute(query.format(name)).fetchall() for name in (replayed, migrated)]
        assert rows[0] == rows[1] != []
    # New rows of a replayed schema do not collide with those that came with it.
    owner.execute(
        f"INSERT INTO {replayed}.django_content_type (app_label, model) VALUES ('a', 'b')"
    )


def test_a_pass_migrates_what_is_behind_and_nothing_else(
    owner: psycopg.Connection, manage: Manage
) -> None:
    assert manage("owner", "migrate_tenants") == ""
    acme = schema_of(owner, "acme")
    set_back(owner, acme)
    assert re.fullmatch(rf"{acme} in \d+\.\d s\n", manage("owner", "migrate_tenants"))
    assert is_whole(owner, acme)
    assert manage("owner", "migrate_tenants") == ""


def test_a_pass_that_fails_says_where_and_goes_on_when_run_again(
    owner: psycopg.Connection, manage: Manage
) -> None:
    acme, globex = schema_of(owner, "acme"), schema_of(owner, "globex")
    set_back(owner, acme, tables=False)
    set_back(owner, globex)
    with pytest.raises(RuntimeError, match=f"(?s){acme}: .*already exists.*run this again"):
        manage("owner", "migrate_tenants", "--processes", "1")
    set_back(owner, acme)
    assert acme in manage("owner", "migrate_tenants")
    assert is_whole(owner, acme)
    assert is_whole(owner, globex)
    assert manage("owner", "migrate_tenants") == ""


@pytest.mark.django_db(transaction=True)
def test_a_workspace_behind_the_code_is_told_so_and_served_once_it_is_migrated(
    owner: psycopg.Connection, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_at_head", set())
    set_back(owner, schema_of(owner, "acme"))
    page = stranger(ALICE.host).get("/sign-in/", headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert "being updated" in page.content.decode()
    answer = api(ALICE).get("/api/v1/conversations/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert code_of(answer) == "maintenance"
    assert api(CHARLIE).get("/api/v1/conversations/").status_code == 200
    acme, before = tenant_of(ALICE), len(ran)
    with pytest.raises(UnderMaintenance):  # a worker sends the task again later
        note.task(str(acme.id), "hello")
    assert len(ran) == before
    manage("owner", "migrate_tenants")
    assert api(ALICE).get("/api/v1/conversations/").status_code == 200
    note.task(str(acme.id), "hello")
    assert ran[before:] == [(acme.schema, "hello")]


def test_the_files_of_migrations_are_those_that_django_loads() -> None:
    loaded = {f"{app}.{name}" for app, name in MigrationLoader(None).graph.nodes}
    assert standing.wanted() == loaded


def test_a_workspace_whose_making_was_cut_off_is_finished(
    owner: psycopg.Connection, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(manage, "cut-off")
    schema = schema_of(owner, "cut-off")
    owner.execute("UPDATE registry_tenant SET status = 'provisioning' WHERE slug = 'cut-off'")
    owner.execute("DELETE FROM registry_onboarding WHERE slug = 'cut-off'")  # older than steps
    set_back(owner, schema)
    make(manage, "cut-off")
    assert is_whole(owner, schema)
